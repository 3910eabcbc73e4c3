"""Fractional pools, and images that are sampled."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, raw

for op in ("FractionalMaxPool", "FractionalAvgPool"):
    for spread in (True, False):
        for overlapping in (True, False):
            for t in ("f32", "f64", "i32", "i64"):
                add(f"{op}_{spread}_{overlapping}_{t}", lambda x, o=op, s=spread, v=overlapping: list(getattr(tf.raw_ops, o)(value=x, pooling_ratio=[1.0, 1.44, 1.73, 1.0], pseudo_random=s, overlapping=v, deterministic=True, seed=3, seed2=5)), draw(t, (2, 10, 13, 3)))
        add(f"{op}_{spread}_large", lambda x, o=op, s=spread: list(getattr(tf.raw_ops, o)(value=x, pooling_ratio=[1.0, 3.3, 2.0, 1.0], pseudo_random=s, deterministic=True, seed=9, seed2=1)), f32(1, 23, 16, 2))
for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
    for antialias in (True, False):
        add(f"ScaleAndTranslate_{kernel}_{antialias}", lambda x, k=kernel, a=antialias: tf.raw_ops.ScaleAndTranslate(images=x, size=[7, 12], scale=[0.7, 1.4], translation=[0.3, -1.2], kernel_type=k, antialias=a), f32(2, 9, 8, 2))
for t in ("i8", "i16", "i32", "i64", "u8", "u16", "f16", "bf16", "f64"):
    add(f"ScaleAndTranslate_{t}", lambda x: tf.raw_ops.ScaleAndTranslate(images=x, size=[4, 5], scale=[0.5, 0.6], translation=[0.0, 0.5]), draw(t, (1, 8, 8, 2), 0, 100))
add("ScaleAndTranslate_outside", lambda x: tf.raw_ops.ScaleAndTranslate(images=x, size=[8, 8], scale=[0.5, 2.0], translation=[5.0, -30.0]), f32(1, 6, 6, 1))
for op in ("ExtractGlimpse", "ExtractGlimpseV2"):
    for centered in (True, False):
        for normalized in (True, False):
            for name, at in (("inside", [[0.1, 0.2], [-0.1, 0.15]]), ("across", [[3.0, 2.0], [0.9, -0.8]])):
                add(f"{op}_{centered}_{normalized}_{name}", lambda x, y, o=op, c=centered, n=normalized: getattr(tf.raw_ops, o)(input=x, size=[4, 3], offsets=y, centered=c, normalized=n, noise="zero", uniform_noise=False), f32(2, 9, 8, 2), np.float32(at))
