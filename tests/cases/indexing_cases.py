"""Gathers, scatters and what finds elements."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw

for t in ("f32", "i64", "bool", "f16", "bf16"):
    add(f"GatherV2_{t}", lambda x, i: tf.raw_ops.GatherV2(params=x, indices=i, axis=0), draw(t, (5, 3)), i32([[4, 0], [1, 1]]))
    add(f"GatherNd_{t}", raw("GatherNd"), draw(t, (3, 4, 2)), i32([[0, 1], [2, 3]]))
add("Gather", raw("Gather"), f32(5, 3), i64([4, 0, 2]))
add("GatherV2_axis", lambda x, i: tf.raw_ops.GatherV2(params=x, indices=i, axis=-1), f32(2, 5), i32([3, 0]))
add("GatherV2_scalar", lambda x, i: tf.raw_ops.GatherV2(params=x, indices=i, axis=1), f32(2, 5), np.int32(3), unknown=False)
add("GatherV2_batch", lambda x, i: tf.raw_ops.GatherV2(params=x, indices=i, axis=2, batch_dims=1), f32(2, 3, 4, 5), i32([[0, 3], [2, 1]]))
add("GatherV2_batch_same_axis", lambda x, i: tf.raw_ops.GatherV2(params=x, indices=i, axis=1, batch_dims=-1), f32(2, 4, 3), i32([[0, 3], [2, 1]]), unknown=True)
add("GatherNd_whole", raw("GatherNd"), f32(3, 4), i64([[1], [0]]))
add("ScatterNd", lambda i, u: tf.raw_ops.ScatterNd(indices=i, updates=u, shape=[5, 3]), i32([[1], [4], [1]]), f32(3, 3))
add("ScatterNd_i32", lambda i, u: tf.raw_ops.ScatterNd(indices=i, updates=u, shape=[2, 3]), i32([[1, 2], [0, 0]]), i32([7, -5]))
add("ScatterNdNonAliasingAdd", raw("ScatterNdNonAliasingAdd"), f32(5), i32([[1], [4], [1]]), f32(3, key="u"))
for op in ("Add", "Sub", "Update", "Min", "Max"):
    add(f"TensorScatter{op}", raw(f"TensorScatter{op}"), f32(5, 2), i32([[1], [4]]), f32(2, 2, key="u"))
for t in ("f32", "i32"):
    add(f"OneHot_{t}", lambda i, on, off: tf.raw_ops.OneHot(indices=i, depth=4, on_value=on, off_value=off), i32([0, 3, -1, 4]), draw(t, ()), draw(t, (), key="off"))
add("OneHot_axis", lambda i: tf.raw_ops.OneHot(indices=i, depth=3, on_value=1.0, off_value=0.0, axis=0), i64([[0, 2], [1, 1]]), unknown=True)
add("OneHot_middle", lambda i: tf.raw_ops.OneHot(indices=i, depth=3, on_value=1.0, off_value=0.0, axis=1), draw("u8", (2, 2), 0, 2))
for t in ("bool", "f32", "i32"):
    add(f"Where_{t}", lambda x: tf.raw_ops.Where(condition=x), draw(t, (4, 3), -1, 1).round() if t != "bool" else draw(t, (4, 3)))
add("Where_then_gather", lambda x: tf.gather_nd(x, tf.where(x > 0)) * 2, f32(4, 3))
add("Where_nothing", lambda x: tf.raw_ops.Where(condition=x), np.zeros((3, 2), bool))
add("Unique", raw("Unique"), i32([3, 1, 3, 2, 1]))
add("UniqueV2", lambda x: tf.raw_ops.UniqueV2(x=x, axis=i64([0])), i32([[1, 2], [1, 2], [0, 2]]))
add("UniqueWithCounts", raw("UniqueWithCounts"), i32([3, 1, 3, 2, 1]))
add("UniqueWithCountsV2", lambda x: tf.raw_ops.UniqueWithCountsV2(x=x, axis=i64([0])), i32([3, 1, 3]))
add("ListDiff", raw("ListDiff"), i32([1, 2, 3, 4, 5, 3]), i32([2, 4]))
add("DynamicPartition", lambda x, p: tf.raw_ops.DynamicPartition(data=x, partitions=p, num_partitions=3), f32(5, 2), i32([2, 0, 2, 1, 0]))
add("DynamicStitch", lambda a, b, x, y: tf.raw_ops.DynamicStitch(indices=[a, b], data=[x, y]), i32([0, 2]), i32([1, 3, 2]), f32(2, 2), f32(3, 2, key="y"))
add("ParallelDynamicStitch", lambda a, b, x, y: tf.raw_ops.ParallelDynamicStitch(indices=[a, b], data=[x, y]), i32([0, 2]), i32([1, 3]), f32(2, 2), f32(2, 2, key="y"))
add("UnravelIndex", lambda i: tf.raw_ops.UnravelIndex(indices=i, dims=[3, 4]), i32([5, 11, 0]))
add("SparseToDense", lambda i, v: tf.raw_ops.SparseToDense(sparse_indices=i, output_shape=[3, 4], sparse_values=v, default_value=-1.0), i32([[0, 1], [2, 3]]), f32(2))
add("SparseTensorDenseAdd", lambda i, v, d: tf.raw_ops.SparseTensorDenseAdd(a_indices=i, a_values=v, a_shape=i64([3, 4]), b=d), i64([[0, 1], [2, 3]]), f32(2), f32(3, 4, key="d"))
add("SparseReduceSum", lambda i, v: tf.raw_ops.SparseReduceSum(input_indices=i, input_values=v, input_shape=i64([3, 4]), reduction_axes=[1]), i64([[0, 1], [0, 3], [2, 3]]), f32(3))
add("RaggedRange", lambda a, b: tf.raw_ops.RaggedRange(starts=a, limits=b, deltas=i32([1, 1])), i32([2, 5]), i32([5, 7]))
add("SparseReorder", lambda i, v: list(tf.raw_ops.SparseReorder(input_indices=i, input_values=v, input_shape=i64([3, 4]))), i64([[2, 1], [0, 3], [2, 0]]), f32(3))
add("SparseReshape", lambda i: list(tf.raw_ops.SparseReshape(input_indices=i, input_shape=i64([3, 4]), new_shape=i64([2, -1]))), i64([[0, 3], [2, 1]]))
add("SparseFillEmptyRows", lambda i, v: list(tf.raw_ops.SparseFillEmptyRows(indices=i, values=v, dense_shape=i64([5, 3]), default_value=7.0)), i64([[1, 2], [3, 0], [3, 1]]), f32(3))
add("SparseFillEmptyRows_full", lambda i, v: list(tf.raw_ops.SparseFillEmptyRows(indices=i, values=v, dense_shape=i64([2, 3]), default_value=7.0)), i64([[0, 2], [1, 0]]), f32(2))
for name, shape, parts, types in (("splits", [-1, -1], [i64([0, 2, 2, 5])], ["ROW_SPLITS"]), ("row_ids", [-1, 4], [i64(4), i64([0, 0, 1, 3, 3])], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]),
                                  ("cut", [2, 1], [i64([0, 2, 2, 5])], ["ROW_SPLITS"]), ("levels", [-1, -1, -1], [i64([0, 2, 3]), i64([0, 2, 2, 5])], ["ROW_SPLITS", "ROW_SPLITS"])):
    add(f"RaggedTensorToTensor_{name}", lambda v, s=shape, p=parts, t=types: tf.raw_ops.RaggedTensorToTensor(shape=i64(s), values=v, default_value=-1.0, row_partition_tensors=p, row_partition_types=t), f32(5))
add("RaggedTensorToTensor_rows", lambda v: tf.raw_ops.RaggedTensorToTensor(shape=i64([-1, -1, 2]), values=v, default_value=f32(2), row_partition_tensors=[i64([0, 2, 2, 5])], row_partition_types=["ROW_SPLITS"]), f32(5, 2))
for t in ("f32", "f16", "bf16"):
    add(f"UniqueWithCounts_zeros_{t}", lambda x: list(tf.raw_ops.UniqueWithCounts(x=x)), np.array([0, -0.0, np.nan, 1, np.nan, -0.0, 2, 0]).astype(DTYPES[t]))
