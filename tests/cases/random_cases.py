"""What is drawn from operands: shuffles, samples of categories."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, raw

for t in ("f32", "i64", "bool", "c64"):
    for shape in ((11,), (6, 2), (5, 2, 3)):
        add(f"RandomShuffle_{t}_{len(shape)}", raw("RandomShuffle", seed=3, seed2=5), draw(t, shape))
add("RandomShuffle_text", raw("RandomShuffle", seed=3, seed2=5), np.array(list("abcdefg"), dtype=object))
add("RandomShuffle_one", raw("RandomShuffle", seed=3, seed2=5), f32(1, 4))
add("RandomShuffle_scalar", raw("RandomShuffle", seed=3, seed2=5), np.float32(4))
add("RandomShuffle_empty", raw("RandomShuffle", seed=3, seed2=5), np.zeros((0, 2), np.float32))
for t in ("f32", "f64", "f16", "bf16"):
    for out in (tf.int32, tf.int64):
        add(f"Multinomial_{t}_{out.name}", raw("Multinomial", seed=3, seed2=5, output_dtype=out), draw(t, (3, 5)), i32(7))
        add(f"StatelessMultinomial_{t}_{out.name}", raw("StatelessMultinomial", output_dtype=out), draw(t, (3, 5)), i32(7), i32([4, 9]))
add("Multinomial_edges", raw("Multinomial", seed=3, seed2=5), np.float32([[-np.inf, 0, np.nan, np.inf, -1], [0, 0, -np.inf, -np.inf, 90]]), i32(6))
add("Multinomial_none", raw("Multinomial", seed=3, seed2=5), f32(2, 3), i32(0))
ALPHAS = np.float32([0.3, 1.0, 2.5])
for t in ("f32", "f64", "f16"):
    add(f"StatelessRandomGammaV2_{t}", raw("StatelessRandomGammaV2"), i32([5, 3]), i32([4, 9]), ALPHAS.astype(DTYPES[t]))
    add(f"RandomGamma_{t}", raw("RandomGamma", seed=3, seed2=5), i32([4]), ALPHAS.astype(DTYPES[t]))
add("StatelessRandomGammaV3", lambda s, a: tf.raw_ops.StatelessRandomGammaV3(shape=s, key=np.array([7], np.uint64), counter=np.array([1, 2], np.uint64), alg=1, alpha=a), i32([5, 3]), ALPHAS)
add("StatelessRandomGammaV2_empty", raw("StatelessRandomGammaV2"), i32([0, 3]), i32([4, 9]), ALPHAS)
for out in (tf.int32, tf.float32, tf.int64):
    add(f"StatelessRandomPoisson_{out.name}", raw("StatelessRandomPoisson", dtype=out), i32([7, 3]), i32([4, 9]), np.float32([0.5, 8, 30]))
add("RandomPoissonV2", raw("RandomPoissonV2", seed=3, seed2=5), i32([7]), np.float32([0.5, 8, 30]))

# Orders, counts of successes, windows of images.
for shape, t in (((9,), "i32"), ((5, 2), "f32"), ((1,), "i64"), ((0, 3), "f32")):
    add(f"StatelessShuffle_{'x'.join(map(str, shape))}", lambda x, k, c: tf.raw_ops.StatelessShuffle(value=x, key=k, counter=c, alg=1), draw(t, shape), draw("u64", (1,), 0, 99), draw("u64", (2,), 0, 99))
for counts, probabilities in (([5.0, 40, 1000], [0.1, 0.9, 0.3]), ([[100.0], [7]], [0.45, 0.02, 0.7]), ([0.0, 3, 8], [0.5, 0.0, 1.0])):
    for t in (tf.int64, tf.float32, tf.int32):
        add(f"StatelessRandomBinomial_{t.name}_{np.size(counts)}_{np.max(counts):.0f}", lambda n, p, t=t, s=[4, *np.broadcast_shapes(np.shape(counts), np.shape(probabilities))]: tf.raw_ops.StatelessRandomBinomial(shape=s, seed=[7, -3], counts=n, probs=p, dtype=t), np.float32(counts), np.float32(probabilities))
BOXES = np.float32([[[0.1, 0.2, 0.5, 0.9], [0.6, 0.0, 0.9, 0.3]]])
for key, size, attrs in (("wide", [100, 200, 3], {}), ("tall", [300, 50, 3], dict(area_range=[0.2, 0.9])), ("narrow", [64, 64, 1], dict(aspect_ratio_range=[0.3, 0.6], max_attempts=50)), ("impossible", [64, 64, 1], dict(area_range=[0.05, 0.06], max_attempts=3))):
    for covered in (0.1, 0.9):
        add(f"SampleDistortedBoundingBox_{key}_{covered}", lambda b, n=size, a=attrs, k=covered: list(tf.raw_ops.SampleDistortedBoundingBox(image_size=n, bounding_boxes=b, seed=5, seed2=6, min_object_covered=k, **a)), BOXES)
        add(f"SampleDistortedBoundingBoxV2_{key}_{covered}", lambda b, k, n=size, a=attrs: list(tf.raw_ops.SampleDistortedBoundingBoxV2(image_size=n, bounding_boxes=b, min_object_covered=k, seed=5, seed2=6, **a)), BOXES, np.float32(covered))
        add(f"StatelessSampleDistortedBoundingBox_{key}_{covered}", lambda b, k, s, n=size, a=attrs: list(tf.raw_ops.StatelessSampleDistortedBoundingBox(image_size=n, bounding_boxes=b, min_object_covered=k, seed=s, **a)), BOXES, np.float32(covered), i32([3, 4]))
add("SampleDistortedBoundingBoxV2_no_boxes", lambda n: list(tf.raw_ops.SampleDistortedBoundingBoxV2(image_size=n, bounding_boxes=np.zeros([1, 0, 4], np.float32), min_object_covered=0.0, seed=5, seed2=6, use_image_if_no_bounding_boxes=True)), i32([40, 30, 3]))

# Normal values between bounds: around the mean, in a narrow range, in a tail, with one bound.
BOUNDS = {"around": (-2.0, 1.5), "narrow": (0.3, 0.5), "tail": (2.5, 9.0), "low_tail": (-np.inf, -3.0), "above": (0.5, np.inf)}
for key, (low, high) in BOUNDS.items():
    for t in ("f32", "f64", "f16"):
        bounds = [np.asarray(x, DTYPES[t]) for x in (0.25, 1.5, low, high)]
        add(f"StatelessParameterizedTruncatedNormal_{key}_{t}", raw("StatelessParameterizedTruncatedNormal"), i32([23]), i32([4, 9]), *bounds)
        add(f"ParameterizedTruncatedNormal_{key}_{t}", raw("ParameterizedTruncatedNormal", seed=3, seed2=5), i32([23]), *bounds)
add("StatelessParameterizedTruncatedNormal_several", raw("StatelessParameterizedTruncatedNormal"), i32([5, 2, 3]), i32([4, 9]), np.float32([[0], [2]]), np.float32([1, 0.5, 2]), np.float32(-1), np.float32([0.5, 3, 9]))
add("StatelessParameterizedTruncatedNormal_empty", raw("StatelessParameterizedTruncatedNormal"), i32([0, 3]), i32([4, 9]), *np.float32([0, 1, -1, 1]))
add("ParameterizedTruncatedNormal_several", raw("ParameterizedTruncatedNormal", seed=3, seed2=5), i32([3, 7]), np.float32([0, 1, 2]), np.float32(1), np.float32([-1, 1.5, -9]), np.float32([1, 2, 0]))
add("ParameterizedTruncatedNormal_hundreds", raw("ParameterizedTruncatedNormal", seed=3, seed2=5), i32([15, 17]), *np.float32([0, 1, -1, 1]))
