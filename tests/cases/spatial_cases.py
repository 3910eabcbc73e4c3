"""Convolutions, pools, normalisation, images and detection."""
import itertools

import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw

for pad, stride, dil in itertools.product(("SAME", "VALID"), (1, 2), (1, 2)):
    if stride == 2 and dil == 2:
        continue
    add(f"Conv2D_{pad}_{stride}_{dil}", raw("Conv2D", strides=[1, stride, stride, 1], padding=pad, dilations=[1, dil, dil, 1]), f32(2, 7, 8, 3), f32(3, 2, 3, 4, key="w"))
for t in ("f64", "f16", "bf16"):
    add(f"Conv2D_{t}", raw("Conv2D", strides=[1, 1, 1, 1], padding="SAME"), draw(t, (1, 5, 5, 3)), draw(t, (3, 3, 3, 4), -1, 1))
add("Conv2D_explicit", raw("Conv2D", strides=[1, 1, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]), f32(1, 5, 6, 3), f32(3, 3, 3, 2, key="w"))
add("Conv2D_groups", raw("Conv2D", strides=[1, 1, 1, 1], padding="SAME"), f32(2, 5, 5, 6), f32(3, 3, 2, 9, key="w"))
add("Conv2D_1x1", raw("Conv2D", strides=[1, 1, 1, 1], padding="VALID"), f32(3, 5, 5, 6), f32(1, 1, 6, 9, key="w"), unknown=False)
add("Conv2D_unknown", lambda x: tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, f32(3, 3, 2, 4), 1, "SAME"), f32(4))), f32(3, 5, 5, 2), unknown=True)
for pad in ("SAME", "VALID"):
    add(f"DepthwiseConv2dNative_{pad}", raw("DepthwiseConv2dNative", strides=[1, 2, 2, 1], padding=pad), f32(2, 6, 7, 3), f32(3, 3, 3, 2, key="w"))
    add(f"Conv3D_{pad}", raw("Conv3D", strides=[1, 1, 2, 1, 1], padding=pad), f32(1, 4, 5, 5, 2), f32(2, 3, 3, 2, 3, key="w"))
    add(f"Conv2DBackpropInput_{pad}", lambda w, g, p=pad: tf.raw_ops.Conv2DBackpropInput(input_sizes=[2, 8, 9, 3], filter=w, out_backprop=g, strides=[1, 2, 2, 1], padding=p), f32(3, 2, 3, 4), f32(2, 4 if pad == "SAME" else 3, 5 if pad == "SAME" else 4, 4, key="g"))
    add(f"Conv3DBackpropInputV2_{pad}", lambda w, g, p=pad: tf.raw_ops.Conv3DBackpropInputV2(input_sizes=[1, 4, 4, 4, 2], filter=w, out_backprop=g, strides=[1, 2, 2, 2, 1], padding=p), f32(2, 2, 2, 2, 3), f32(1, 2, 2, 2, 3, key="g"))
    add(f"DepthwiseConv2dNativeBackpropInput_{pad}", lambda w, g, p=pad: tf.raw_ops.DepthwiseConv2dNativeBackpropInput(input_sizes=[2, 6, 6, 3], filter=w, out_backprop=g, strides=[1, 1, 1, 1], padding=p), f32(3, 3, 3, 2), f32(2, 6 if pad == "SAME" else 4, 6 if pad == "SAME" else 4, 6, key="g"))
    add(f"Dilation2D_{pad}", raw("Dilation2D", strides=[1, 1, 1, 1], rates=[1, 2, 1, 1], padding=pad), f32(1, 6, 6, 2), f32(2, 3, 2, key="w"))
    add(f"ExtractImagePatches_{pad}", raw("ExtractImagePatches", ksizes=[1, 2, 3, 1], strides=[1, 2, 2, 1], rates=[1, 1, 2, 1], padding=pad), f32(1, 6, 7, 2))
    add(f"ExtractVolumePatches_{pad}", raw("ExtractVolumePatches", ksizes=[1, 2, 2, 2, 1], strides=[1, 1, 2, 1, 1], padding=pad), f32(1, 3, 4, 4, 2))
add("DepthwiseConv2dNative_dilated", raw("DepthwiseConv2dNative", strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1]), f32(2, 6, 7, 3), f32(3, 3, 3, 1, key="w"))
add("FusedPadConv2D", lambda x, w: tf.raw_ops.FusedPadConv2D(input=x, paddings=[[0, 0], [1, 1], [2, 0], [0, 0]], filter=w, mode="REFLECT", strides=[1, 1, 1, 1], padding="VALID"), f32(1, 5, 5, 2), f32(3, 3, 2, 3, key="w"))
add("FusedResizeAndPadConv2D", lambda x, w: tf.raw_ops.FusedResizeAndPadConv2D(input=x, size=[7, 6], paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], filter=w, mode="REFLECT", strides=[1, 1, 1, 1], padding="VALID"), f32(1, 5, 5, 2), f32(3, 3, 2, 3, key="w"))

for op in ("MaxPool", "AvgPool"):
    for pad, (k, s) in itertools.product(("SAME", "VALID"), ((2, 2), (3, 1), (3, 2))):
        add(f"{op}_{pad}_{k}_{s}", raw(op, ksize=[1, k, k, 1], strides=[1, s, s, 1], padding=pad), f32(2, 7, 6, 3))
    add(f"{op}_f16", raw(op, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"), draw("f16", (1, 4, 4, 2)))
    add(f"{op}_f64", raw(op, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME"), draw("f64", (1, 5, 4, 2)), unknown=True)
    add(f"{op}3D", raw(f"{op}3D", ksize=[1, 2, 2, 2, 1], strides=[1, 2, 1, 2, 1], padding="SAME"), f32(1, 5, 4, 4, 2))
add("MaxPool_explicit", raw("MaxPool", ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]), f32(1, 5, 5, 2))
add("MaxPool_depth", raw("MaxPool", ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID"), f32(1, 3, 3, 4))
add("MaxPoolV2", lambda x: tf.raw_ops.MaxPoolV2(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), f32(1, 5, 5, 2))
add("MaxPoolWithArgmax", raw("MaxPoolWithArgmax", ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), f32(2, 5, 5, 2))
add("MaxPoolWithArgmax_batch", raw("MaxPoolWithArgmax", ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID", include_batch_in_index=True, Targmax=tf.int32), f32(2, 4, 4, 2))
add("MaxPoolGrad", lambda x, g: tf.raw_ops.MaxPoolGrad(orig_input=x, orig_output=tf.nn.max_pool2d(x, 2, 2, "VALID"), grad=g, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"), f32(1, 4, 4, 2), f32(1, 2, 2, 2, key="g"))

BN = (f32(4, low=0.5, high=2, key="s"), f32(4, key="o"), f32(4, key="m"), f32(4, low=0.5, high=2, key="v"))
for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
    add(f"{op}_inference", lambda x, s, o, m, v, p=op: getattr(tf.raw_ops, p)(x=x, scale=s, offset=o, mean=m, variance=v, is_training=False)[0], f32(2, 3, 3, 4), *BN)
    add(f"{op}_training", lambda x, s, o, p=op: list(getattr(tf.raw_ops, p)(x=x, scale=s, offset=o, mean=np.zeros(0, np.float32), variance=np.zeros(0, np.float32), is_training=True)[:3]), f32(2, 3, 3, 4), *BN[:2])
add("FusedBatchNormV3_f16", lambda x, s, o, m, v: tf.raw_ops.FusedBatchNormV3(x=x, scale=s, offset=o, mean=m, variance=v, is_training=False)[0], draw("f16", (2, 3, 3, 4)), *BN)


def _as_global_normalization(graph_def):
    """The composition as the op that TensorFlow had for it up to graph version 9."""
    keep = [n for n in graph_def.node if n.op in ("Placeholder", "Identity")]
    node = tf.compat.v1.NodeDef(name="bn", op="BatchNormWithGlobalNormalization", input=["i0", "i1", "i2", "i3", "i4"])
    node.attr["T"].type = tf.float32.as_datatype_enum
    node.attr["variance_epsilon"].f = 0.01
    node.attr["scale_after_normalization"].b = True
    next(n for n in keep if n.name == "o0").input[0] = "bn"
    del graph_def.node[:]
    graph_def.node.extend([*keep, node])
    graph_def.ClearField("versions")


add("BatchNormWithGlobalNormalization", lambda x, m, v, b, g: (x - m) * tf.math.rsqrt(v + 0.01) * g + b, f32(2, 3, 3, 4), BN[2], BN[3], BN[1], BN[0], rewrite=_as_global_normalization)
add("LRN", raw("LRN", depth_radius=2, bias=1.5, alpha=0.3, beta=0.6), f32(1, 2, 2, 9))
add("SoftmaxCrossEntropyWithLogits", raw("SoftmaxCrossEntropyWithLogits"), f32(3, 5), f32(3, 5, low=0, high=1, key="l"))
add("SparseSoftmaxCrossEntropyWithLogits", raw("SparseSoftmaxCrossEntropyWithLogits"), f32(3, 5), i32([4, 0, 2]))

SIZES = {"up": (7, 9), "down": (3, 2), "same": (5, 4)}
for op in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic"):
    for (name, size), mode in itertools.product(SIZES.items(), ("legacy", "corners", "half")):
        attrs = {"legacy": {}, "corners": {"align_corners": True}, "half": {"half_pixel_centers": True}}[mode]
        add(f"{op}_{name}_{mode}", lambda x, o=op, s=size, k=attrs: getattr(tf.raw_ops, o)(images=x, size=list(s), **k), f32(2, 5, 4, 3))
    for t in ("u8", "f16", "i32"):
        add(f"{op}_{t}", lambda x, o=op: getattr(tf.raw_ops, o)(images=x, size=[7, 9]), draw(t, (1, 5, 4, 2), 0, 99))
for name, size in SIZES.items():
    add(f"ResizeArea_{name}", lambda x, s=size: tf.raw_ops.ResizeArea(images=x, size=list(s)), f32(1, 5, 4, 3))
BOXES = np.float32([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [-0.3, 0.4, 1.2, 0.6], [0.8, 0.8, 0.2, 0.1]])
for method in ("bilinear", "nearest"):
    add(f"CropAndResize_{method}", lambda x, b, i, m=method: tf.raw_ops.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=[3, 4], method=m, extrapolation_value=-1.0), f32(2, 6, 5, 2), BOXES, i32([0, 1, 0, 1]))
for op in ("RGBToHSV", "HSVToRGB"):
    add(op, raw(op), f32(2, 3, 3, 3, low=0, high=1))
add("RGBToHSV_nan", raw("RGBToHSV"), np.float32([[0.2, np.nan, 0.4], [np.nan, 0.5, 0.1], [0.3, 0.6, np.nan], [np.nan, np.nan, 0.5]]))
add("AdjustHue", lambda x: tf.raw_ops.AdjustHue(images=x, delta=0.3), f32(2, 3, 3, 3, low=0, high=1))
add("AdjustSaturation", lambda x: tf.raw_ops.AdjustSaturation(images=x, scale=1.7), f32(2, 3, 3, 3, low=0, high=1))
add("AdjustContrastv2", lambda x: tf.raw_ops.AdjustContrastv2(images=x, contrast_factor=1.7), f32(2, 3, 3, 3, low=0, high=1))


def boxes(n):
    r = np.random.default_rng(3)
    corner = r.uniform(0, 0.6, (n, 2))
    return np.concatenate([corner, corner + r.uniform(0.1, 0.4, (n, 2))], 1).astype(np.float32)


B, S = boxes(12), f32(12, low=0, high=1, key="scores")
add("NonMaxSuppression", lambda b, s: tf.raw_ops.NonMaxSuppression(boxes=b, scores=s, max_output_size=5, iou_threshold=0.3), B, S)
add("NonMaxSuppressionV2", lambda b, s: tf.raw_ops.NonMaxSuppressionV2(boxes=b, scores=s, max_output_size=5, iou_threshold=0.3), B, S)
add("NonMaxSuppressionV3", lambda b, s: tf.raw_ops.NonMaxSuppressionV3(boxes=b, scores=s, max_output_size=9, iou_threshold=0.3, score_threshold=0.4), B, S)
for pad in (False, True):
    add(f"NonMaxSuppressionV4_{pad}", lambda b, s, p=pad: list(tf.raw_ops.NonMaxSuppressionV4(boxes=b, scores=s, max_output_size=9, iou_threshold=0.3, score_threshold=0.4, pad_to_max_output_size=p)), B, S)
    add(f"NonMaxSuppressionV5_{pad}", lambda b, s, p=pad: list(tf.raw_ops.NonMaxSuppressionV5(boxes=b, scores=s, max_output_size=9, iou_threshold=0.5, score_threshold=0.1, soft_nms_sigma=0.4, pad_to_max_output_size=p)), B, S)
add("NonMaxSuppressionV3_then_gather", lambda b, s: tf.gather(b, tf.raw_ops.NonMaxSuppressionV3(boxes=b, scores=s, max_output_size=9, iou_threshold=0.3, score_threshold=0.4)), B, S)
for pad in (False, True):
    add(f"CombinedNonMaxSuppression_{pad}", lambda b, s, p=pad: list(tf.raw_ops.CombinedNonMaxSuppression(boxes=b, scores=s, max_output_size_per_class=4, max_total_size=6, iou_threshold=0.4, score_threshold=0.2, pad_per_class=p)), np.stack([B, B[::-1]])[:, :, None, :], f32(2, 12, 2, low=0, high=1))


def _as_contrast_v1(graph_def):
    """The op as TensorFlow had it up to graph version 2: with bounds."""
    keep = [n for n in graph_def.node if n.op == "Placeholder" or n.name == "o0"]
    node = tf.compat.v1.NodeDef(name="contrast", op="AdjustContrast", input=["i0", "i1", "i2", "i3"])
    node.attr["T"].type = tf.float32.as_datatype_enum
    next(n for n in keep if n.name == "o0").input[0] = "contrast"
    del graph_def.node[:]
    graph_def.node.extend([*keep, node])


add("AdjustContrast", lambda x, f, lo, hi: tf.clip_by_value(tf.raw_ops.AdjustContrastv2(images=x, contrast_factor=f), lo, hi), f32(2, 4, 4, 3, low=0, high=1), np.float32(1.7), np.float32(0.1), np.float32(0.8), rewrite=_as_contrast_v1)
