"""Reductions, scans, sorting and segments."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw

AXES = {"last": [-1], "first": [0], "two": [0, 2], "all": [0, 1, 2], "none": []}
for op in ("Sum", "Mean", "Prod", "Max", "Min"):
    for name, axes in AXES.items():
        add(f"{op}_{name}", lambda x, o=op, a=axes: getattr(tf.raw_ops, o)(input=x, axis=np.array(a, np.int32), keep_dims=len(a) == 2), f32(3, 4, 5, low=-2, high=2))
    for t in ("f64", "f16", "bf16", "i32", "i64"):
        add(f"{op}_{t}", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[1]), draw(t, (3, 6), -2, 2))
    add(f"{op}_unknown", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[0]), f32(5, 3), unknown=True)
    add(f"{op}_nan", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[1]), np.float32([[1, np.nan, 2], [np.inf, 1, 1], [-np.inf, np.inf, 0]]))
    if op != "Mean":
        add(f"{op}_empty", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[0]), np.zeros((0, 3), np.float32))
add("Mean_empty", lambda x: tf.raw_ops.Mean(input=x, axis=[0]), np.zeros((0, 3), np.float32))
add("Sum_c64", lambda x: tf.raw_ops.Sum(input=x, axis=[0]), draw("c64", (3, 4)))
add("Sum_long", lambda x: tf.raw_ops.Sum(input=x, axis=[0, 1]), f32(200, 300, low=0, high=1), tol=(1e-5, 1e-3))
add("Sum_scalar_axis", lambda x: tf.raw_ops.Sum(input=x, axis=-2, keep_dims=True), f32(3, 4))
for op in ("Any", "All"):
    add(f"{op}_last", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[1]), draw("bool", (4, 2)))
    add(f"{op}_all", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, axis=[0, 1], keep_dims=True), draw("bool", (4, 2)))
add("EuclideanNorm", lambda x: tf.raw_ops.EuclideanNorm(input=x, axis=[1]), f32(3, 4))
for t in ("f32", "f64"):
    add(f"L2Loss_{t}", raw("L2Loss"), draw(t, (3, 4)))
for op in ("ArgMax", "ArgMin"):
    for t in ("f32", "i32", "f16", "u8"):
        add(f"{op}_{t}", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, dimension=1), draw(t, (3, 6), -2, 2).round())
    add(f"{op}_i32_out", lambda x, o=op: getattr(tf.raw_ops, o)(input=x, dimension=-2, output_type=tf.int32), f32(4, 3, 2), unknown=True)
for op in ("Cumsum", "Cumprod"):
    for name, attrs in {"plain": {}, "exclusive": {"exclusive": True}, "reverse": {"reverse": True}, "both": {"exclusive": True, "reverse": True}}.items():
        add(f"{op}_{name}", lambda x, o=op, k=attrs: getattr(tf.raw_ops, o)(x=x, axis=1, **k), f32(3, 5, 2, low=-1.5, high=1.5))
    add(f"{op}_i32", lambda x, o=op: getattr(tf.raw_ops, o)(x=x, axis=-1), draw("i32", (2, 5)))
    add(f"{op}_f64", lambda x, o=op: getattr(tf.raw_ops, o)(x=x, axis=0), draw("f64", (4, 2)))
for name, attrs in {"plain": {}, "exclusive": {"exclusive": True}, "reverse": {"reverse": True}}.items():
    add(f"CumulativeLogsumexp_{name}", lambda x, k=attrs: tf.raw_ops.CumulativeLogsumexp(x=x, axis=0, **k), f32(5, 2))
for t in ("f32", "i32", "f16", "u8"):
    add(f"TopKV2_{t}", lambda x: tf.raw_ops.TopKV2(input=x, k=3), draw(t, (2, 9), -4, 4).round())
add("TopKV2_all", lambda x: tf.raw_ops.TopKV2(input=x, k=5), f32(5))


def _as_top_k(graph_def):
    """TopKV2 as the older TopK, which TensorFlow reads in old graphs but makes no more."""
    node = next(n for n in graph_def.node if n.op == "TopKV2")
    node.op = "TopK"
    node.attr["k"].i = 2
    del node.input[1:]
    for attr in ("Tk", "index_type"):
        node.attr.pop(attr, None)
    graph_def.ClearField("versions")


add("TopK", lambda x: tf.raw_ops.TopKV2(input=x, k=2), f32(3, 5), rewrite=_as_top_k)
add("NthElement", lambda x: tf.raw_ops.NthElement(input=x, n=2), f32(3, 5))
add("NthElement_reverse", lambda x: tf.raw_ops.NthElement(input=x, n=1, reverse=True), f32(3, 5))
IDS = i32([0, 0, 2, 2, 2, 5])
for op in ("Sum", "Mean", "Prod", "Max", "Min"):
    for t in ("f32", "i32"):
        add(f"Segment{op}_{t}", raw(f"Segment{op}"), draw(t, (6, 2)), IDS)
    if op != "Mean":
        for t in ("f32", "i32"):
            add(f"UnsortedSegment{op}_{t}", lambda x, i, o=op: getattr(tf.raw_ops, f"UnsortedSegment{o}")(data=x, segment_ids=i, num_segments=4), draw(t, (6, 2)), i32([3, 0, -1, 3, 0, 2]))
for op in ("Sum", "Mean", "SqrtN"):
    add(f"SparseSegment{op}", raw(f"SparseSegment{op}"), f32(5, 2), i32([4, 0, 1, 4]), i32([0, 0, 1, 3]))
    add(f"SparseSegment{op}WithNumSegments", lambda x, i, s, o=op: getattr(tf.raw_ops, f"SparseSegment{o}WithNumSegments")(data=x, indices=i, segment_ids=s, num_segments=5), f32(5, 2), i32([4, 0, 1, 4]), i32([0, 0, 1, 3]))
add("Bincount", lambda x: tf.raw_ops.Bincount(arr=x, size=5, weights=np.zeros(0, np.float32)), i32([1, 4, 1, 0, 7]))
add("Bincount_weights", lambda x, w: tf.raw_ops.Bincount(arr=x, size=5, weights=w), i32([1, 4, 1, 0]), f32(4))
add("DenseBincount", lambda x: tf.raw_ops.DenseBincount(input=x, size=5, weights=np.zeros(0, np.float32)), i32([1, 4, 1, 0]))
add("DenseBincount_binary", lambda x: tf.raw_ops.DenseBincount(input=x, size=4, weights=np.zeros(0, np.float32), binary_output=True), i32([[1, 1, 3], [0, 2, 2]]))
add("HistogramFixedWidth", lambda x: tf.raw_ops.HistogramFixedWidth(values=x, value_range=[0.0, 5.0], nbins=5), np.float32([-1, 0, 1.5, 2, 5, 15]))
add("InTopK", raw("InTopK", k=2), f32(4, 5), i32([0, 1, 2, 3]))
add("InTopKV2", lambda p, t: tf.raw_ops.InTopKV2(predictions=p, targets=t, k=2), f32(4, 5), i32([0, 1, 2, 3]))
add("Bucketize", raw("Bucketize", boundaries=[0.0, 1.0, 2.5]), f32(9, low=-1, high=4))
for op in ("LowerBound", "UpperBound"):
    add(op, raw(op), np.sort(f32(2, 6), axis=1), f32(2, 4, key="v"))
for t in ("f32", "f64", "f16", "bf16"):
    add(f"Softmax_{t}", raw("Softmax"), draw(t, (3, 7)))
    add(f"LogSoftmax_{t}", raw("LogSoftmax"), draw(t, (3, 7)))
add("Softmax_large", raw("Softmax"), np.float32([[1e4, -1e4, 1e4], [-np.inf, 0, 1]]))
add("Softmax_rank4", raw("Softmax"), f32(2, 3, 4, 5), unknown=True)
for op in ("LowerBound", "UpperBound"):
    add(f"{op}_unsorted", raw(op), f32(3, 13), f32(3, 9, key="v"))
    add(f"{op}_specials", raw(op), np.float32([[-np.inf, -1, 0, 1, np.inf, np.nan]]), np.float32([[np.nan, -np.inf, np.inf, -0.0, 0.5, 2]]))
    add(f"{op}_unknown", raw(op), np.sort(f32(3, 8), 1), f32(3, 5, key="v"), unknown="axes")
    add(f"{op}_empty", raw(op), f32(2, 0), f32(2, 3))
