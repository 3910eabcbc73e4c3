"""Sparse and ragged tensors kept as ops: their structure, sums, reductions, sets, counts."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw, rng


def sparse(dtype, shape, density=0.5, key=""):
    """The three operands of a sparse tensor with some elements of a shape."""
    places = np.argwhere(rng("sparse", *shape, key).uniform(size=shape) < density).astype(np.int64).reshape(-1, len(shape))
    return places, draw(dtype, (len(places),), key=("v", key)), i64(shape)


def text(values):
    return np.array(values, dtype=object)


NUMBERS = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16")
EMPTY = (np.zeros((0, 2), np.int64), np.zeros(0, np.float32), i64([3, 4]))

for t in ("f32", "f64", "i32", "i64", "i8", "i16", "c64", "c128"):
    limit = draw(t if t[0] != "c" else {"c64": "f32", "c128": "f64"}[t], (), 1, 1)
    for name, thresh in (("all", 0 * limit), ("large", limit)):
        add(f"SparseAdd_{t}_{name}", lambda *x: list(tf.raw_ops.SparseAdd(a_indices=x[0], a_values=x[1], a_shape=x[2], b_indices=x[3], b_values=x[4], b_shape=x[5], thresh=x[6])), *sparse(t, (3, 4)), *sparse(t, (3, 4), key="b"), thresh)
add("SparseAdd_empty", lambda *x: list(tf.raw_ops.SparseAdd(a_indices=x[0], a_values=x[1], a_shape=x[2], b_indices=x[3], b_values=x[4], b_shape=x[5], thresh=0.0)), *EMPTY, *sparse("f32", (3, 4), key="b"))
add("SparseAdd_nan", lambda *x: list(tf.raw_ops.SparseAdd(a_indices=x[0], a_values=x[1], a_shape=x[2], b_indices=x[3], b_values=x[4], b_shape=x[5], thresh=0.5)), i64([[0], [1], [2]]), np.float32([np.nan, np.inf, 0.1]), i64([4]), i64([[1], [3]]), np.float32([-np.inf, -np.inf]), i64([4]))
for op in ("SparseSparseMaximum", "SparseSparseMinimum"):
    for t in NUMBERS:
        add(f"{op}_{t}", lambda *x, o=op: list(getattr(tf.raw_ops, o)(a_indices=x[0], a_values=x[1], a_shape=x[2], b_indices=x[3], b_values=x[4], b_shape=x[5])), *sparse(t, (3, 4)), *sparse(t, (3, 4), key="b"))
for axis in (0, 1, -1):
    for t in ("f32", "i64", "bool", "c64"):
        add(f"SparseConcat_{axis}_{t}", lambda a, b, c, d, e, f, k=axis: list(tf.raw_ops.SparseConcat(indices=[a, d], values=[b, e], shapes=[c, f], concat_dim=k)), *sparse(t, (3, 4)), *sparse(t, (3, 4), key="b"))
add("SparseConcat_text", lambda a, b, c: list(tf.raw_ops.SparseConcat(indices=[a, a], values=[b, b], shapes=[c, c], concat_dim=1)), i64([[0, 1], [2, 0]]), text(["x", "yz"]), i64([3, 2]))
add("SparseConcat_empty", lambda a, b, c: list(tf.raw_ops.SparseConcat(indices=[a, a], values=[b, b], shapes=[c, c], concat_dim=1)), *EMPTY)
for start, size in (([0, 0], [2, 2]), ([1, 2], [9, 9]), ([2, 3], [1, 1]), ([3, 0], [1, 4]), ([1, 1], [0, 2])):
    add(f"SparseSlice_{start}_{size}".replace(" ", ""), lambda a, b, c, s=start, n=size: list(tf.raw_ops.SparseSlice(indices=a, values=b, shape=c, start=s, size=n)), *sparse("f32", (3, 4), 0.8))
for axis, parts in ((0, 1), (0, 3), (1, 2), (1, 3), (1, 4)):
    add(f"SparseSplit_{axis}_{parts}", lambda a, b, c, k=axis, n=parts: tf.nest.flatten(tf.raw_ops.SparseSplit(split_dim=tf.constant(k, tf.int64), indices=a, values=b, shape=c, num_split=n)), *sparse("i32", (3, 4), 0.7))
for op in ("SparseReduceMax", "SparseReduceMaxSparse", "SparseReduceSumSparse"):
    for axes in ([0], [1, -1], [0, 1, 2], [], [-3, 1]):
        for keep in (True, False):
            add(f"{op}_{'_'.join(map(str, axes))}_{keep}", lambda a, b, c, x=axes, k=keep, o=op: (lambda r: list(r) if isinstance(r, tuple) else r)(getattr(tf.raw_ops, o)(input_indices=a, input_values=b, input_shape=c, reduction_axes=i32(x), keep_dims=k)), *sparse("f32", (2, 3, 4), 0.4))
    for t in NUMBERS:
        add(f"{op}_{t}", lambda a, b, c, o=op: (lambda r: list(r) if isinstance(r, tuple) else r)(getattr(tf.raw_ops, o)(input_indices=a, input_values=b, input_shape=c, reduction_axes=[1])), *sparse(t, (3, 4)))
    add(f"{op}_empty", lambda a, b, c, o=op: (lambda r: list(r) if isinstance(r, tuple) else r)(getattr(tf.raw_ops, o)(input_indices=a, input_values=b, input_shape=c, reduction_axes=[1])), *EMPTY)
for t in ("f32", "f64", "f16"):
    add(f"SparseSoftmax_{t}", raw("SparseSoftmax"), *sparse(t, (2, 3, 4), 0.6))
add("SparseSoftmax_empty", raw("SparseSoftmax"), *EMPTY)
for op in ("SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"):
    for t in ("f32", "f64", "i32", "i64"):
        dense = draw(t, (3, 4), 1, 3, "d")
        add(f"{op}_{t}", raw(op), *sparse(t, (3, 4)), dense)
    add(f"{op}_row", raw(op), *sparse("f32", (3, 4)), f32(4, key="d"))
    add(f"{op}_scalar", raw(op), *sparse("f32", (3, 4)), f32(key="d"))
    add(f"{op}_empty", raw(op), *EMPTY, f32(3, 4))

# Sets and sequences.
SETS = i64([[1, 2, 2, 9], [5, 5, 5, 5], [3, 1, 0, 8]]), i64([[2, 9, 9], [6, 7, 5], [4, 4, 4]])
for operation in ("a-b", "b-a", "intersection", "union"):
    add(f"DenseToDenseSetOperation_{operation}", lambda a, b, o=operation: list(tf.raw_ops.DenseToDenseSetOperation(set1=a, set2=b, set_operation=o)), *SETS)
    add(f"DenseToSparseSetOperation_{operation}", lambda a, b, c, d, o=operation: list(tf.raw_ops.DenseToSparseSetOperation(set1=a, set2_indices=b, set2_values=c, set2_shape=d, set_operation=o)), SETS[0], i64([[0, 0], [0, 2], [2, 1]]), i64([2, 7, 3]), i64([3, 4]))
    add(f"SparseToSparseSetOperation_{operation}", lambda *x, o=operation: list(tf.raw_ops.SparseToSparseSetOperation(set1_indices=x[0], set1_values=x[1], set1_shape=x[2], set2_indices=x[3], set2_values=x[4], set2_shape=x[5], set_operation=o)), i64([[0, 0], [1, 0], [1, 1]]), i64([5, 6, 1]), i64([3, 2]), i64([[0, 0], [0, 2], [2, 1]]), i64([2, 5, 3]), i64([3, 4]))
    add(f"DenseToDenseSetOperation_text_{operation}", lambda a, b, o=operation: list(tf.raw_ops.DenseToDenseSetOperation(set1=a, set2=b, set_operation=o)), text([["b", "a"], ["", "c"]]), text([["a", "z"], ["c", "c"]]))
for t in ("i8", "i16", "i32", "u8", "u16"):
    add(f"DenseToDenseSetOperation_{t}", lambda a, b: list(tf.raw_ops.DenseToDenseSetOperation(set1=a, set2=b, set_operation="union")), draw(t, (2, 2, 4), 0, 9), draw(t, (2, 2, 3), 0, 9, "b"))
add("SetSize", raw("SetSize"), i64([[0, 0], [0, 1], [2, 0]]), i32([7, 7, 3]), i64([3, 2]))
add("SetSize_text", raw("SetSize"), i64([[0, 1, 0], [0, 1, 1], [1, 2, 0]]), text(["a", "b", "a"]), i64([2, 3, 2]))
for normalize in (True, False):
    add(f"EditDistance_{normalize}", lambda *x, n=normalize: tf.raw_ops.EditDistance(hypothesis_indices=x[0], hypothesis_values=x[1], hypothesis_shape=x[2], truth_indices=x[3], truth_values=x[4], truth_shape=x[5], normalize=n),
        i64([[0, 0], [0, 1], [0, 2], [2, 0], [3, 0]]), i32([1, 2, 3, 4, 9]), i64([4, 3]), i64([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1]]), i32([1, 3, 5, 6, 4]), i64([5, 2]))
for t in ("f16", "bf16", "c64", "c128"):
    add(f"EditDistance_{t}", lambda *x: tf.raw_ops.EditDistance(hypothesis_indices=x[0], hypothesis_values=x[1], hypothesis_shape=x[2], truth_indices=x[3], truth_values=x[4], truth_shape=x[5]),
        i64([[0, 0], [0, 1], [0, 2], [0, 3]]), np.array([1, 0, np.nan, 4], DTYPES[t]), i64([2, 4]), i64([[0, 0], [0, 1], [0, 2], [1, 0]]), np.array([1, -0.0, np.nan, 6], DTYPES[t]), i64([2, 3]))
add("EditDistance_text", lambda *x: tf.raw_ops.EditDistance(hypothesis_indices=x[0], hypothesis_values=x[1], hypothesis_shape=x[2], truth_indices=x[3], truth_values=x[4], truth_shape=x[5]),
    i64([[0, 0, 0], [1, 0, 0]]), text(["a", "b"]), i64([2, 1, 1]), i64([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1]]), text(["b", "c", "b", "a"]), i64([2, 2, 2]))

# Counts.
for binary in (True, False):
    for t in ("i32", "i64", "f32", "f64"):
        for size in (3, 12):
            w = draw(t, (7,), 0, 5, "w")
            add(f"RaggedBincount_{binary}_{t}_{size}", raw("RaggedBincount", binary_output=binary), i64([0, 3, 3, 7]), i32([1, 1, 9, 0, 2, 2, 2]), i32(size), w if not binary else w[:0])
            add(f"SparseBincount_{binary}_{t}_{size}", raw("SparseBincount", binary_output=binary), i64([[0, 1], [0, 2], [2, 0]]), i64([4, 4, 0]), i64([3, 3]), i64(size), w[:0] if binary else w[:3])
    add(f"SparseBincount_vector_{binary}", raw("SparseBincount", binary_output=binary), i64([[1], [2], [5]]), i64([4, 4, 0]), i64([6]), i64(6), f32(0))
    for least, most in ((-1, -1), (9, -1), (-1, 3), (12, 20)):
        count = dict(minlength=least, maxlength=most, binary_output=binary)
        add(f"DenseCountSparseOutput_{binary}_{least}_{most}", lambda v, w, k=count: list(tf.raw_ops.DenseCountSparseOutput(values=v, weights=w, **k)), i32([[1, 1, 7], [0, 2, 2]]), np.zeros(0, np.int64) if binary else f32(2, 3))
        add(f"SparseCountSparseOutput_{binary}_{least}_{most}", lambda i, v, s, w, k=count: list(tf.raw_ops.SparseCountSparseOutput(indices=i, values=v, dense_shape=s, weights=w, **k)), i64([[0, 1], [0, 2], [2, 0]]), i64([4, 4, 0]), i64([3, 3]), np.zeros(0, np.int64) if binary else f32(3))
        add(f"RaggedCountSparseOutput_{binary}_{least}_{most}", lambda s, v, w, k=count: list(tf.raw_ops.RaggedCountSparseOutput(splits=s, values=v, weights=w, **k)), i64([0, 2, 2, 3]), i64([4, 4, 0]), np.zeros(0, np.int64) if binary else f32(3))
add("DenseCountSparseOutput_vector", lambda v, w: list(tf.raw_ops.DenseCountSparseOutput(values=v, weights=w, binary_output=False)), i64([1, 1, 7]), np.zeros(0, np.int64))

# Ragged tensors.
for t in ("f32", "i64", "bool"):
    add(f"RaggedGather_{t}", lambda a, v, i: tf.nest.flatten(tf.raw_ops.RaggedGather(params_nested_splits=[a], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=1)), i64([0, 2, 2, 5]), draw(t, (5, 2)), i32([2, 0, 1, 2]))
add("RaggedGather_nested", lambda a, b, v, i: tf.nest.flatten(tf.raw_ops.RaggedGather(params_nested_splits=[a, b], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=3)), i32([0, 2, 3]), i32([0, 1, 1, 4]), f32(4), i64([[1, 0], [0, 0], [1, 1]]))
add("RaggedGather_none", lambda a, v, i: tf.nest.flatten(tf.raw_ops.RaggedGather(params_nested_splits=[a], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=1)), i64([0, 2, 2, 5]), f32(5), i32([]))
add("RaggedTensorToSparse", lambda a, v: list(tf.raw_ops.RaggedTensorToSparse(rt_nested_splits=[a], rt_dense_values=v)), i64([0, 2, 2, 5]), f32(5))
add("RaggedTensorToSparse_nested", lambda a, b, v: list(tf.raw_ops.RaggedTensorToSparse(rt_nested_splits=[a, b], rt_dense_values=v)), i32([0, 2, 3]), i32([0, 1, 1, 4]), f32(4, 2))
add("RaggedTensorToSparse_text", lambda a, v: list(tf.raw_ops.RaggedTensorToSparse(rt_nested_splits=[a], rt_dense_values=v)), i64([0, 0, 2]), text(["a", "b"]))

# Rows of ragged tensors without values.
for t in ("f32", "i64"):
    add(f"RaggedFillEmptyRows_{t}", lambda r, v, n, d: list(tf.raw_ops.RaggedFillEmptyRows(value_rowids=r, values=v, nrows=n, default_value=d)), i64([1, 1, 3]), draw(t, (3,)), np.int64(6), draw(t, ()))
add("RaggedFillEmptyRows_full", lambda r, v: list(tf.raw_ops.RaggedFillEmptyRows(value_rowids=r, values=v, nrows=np.int64(2), default_value="?")), i64([0, 1, 1]), text(["a", "b", "c"]))
