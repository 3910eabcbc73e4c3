"""Ops whose lowering needs what only a request tells: ranks of inputs declared without a shape, elements of inputs."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, i64, raw

BOXES = np.float32([[[[0, 0, 1, 1]], [[0, 0, 0.9, 1]], [[0.5, 0.5, 2, 2]]]])
for kind in ("rank", "axes"):
    add(f"AdjustContrastv2_{kind}", raw("AdjustContrastv2"), f32(2, 4, 4, 3), np.float32(1.5), unknown=kind)
    add(f"BiasAdd_{kind}", raw("BiasAdd", data_format="NCHW"), f32(2, 3, 4, 5), f32(3, key="b"), unknown=kind)
    add(f"Einsum_{kind}", lambda x, y: tf.raw_ops.Einsum(inputs=[x, y], equation="...ij,jk->...ik"), f32(2, 3, 4), f32(4, 5), unknown=kind)
    add(f"DepthwiseConv2dNative_{kind}", raw("DepthwiseConv2dNative", strides=[1, 1, 1, 1], padding="SAME"), f32(1, 4, 5, 3), f32(2, 2, 3, 2, key="w"), unknown=kind)
    add(f"ConcatOffset_{kind}", lambda a, b: list(tf.raw_ops.ConcatOffset(concat_dim=1, shape=[a, b])), i32([2, 3, 4]), i32([2, 5, 4]), unknown=kind)
    add(f"SparseToDense_{kind}", lambda i, v: tf.raw_ops.SparseToDense(sparse_indices=i, output_shape=i64([3, 4]), sparse_values=v, default_value=-1.0), i64([[0, 1], [2, 3]]), f32(2), unknown=kind)
    add(f"SparseFillEmptyRows_{kind}", lambda i, v: list(tf.raw_ops.SparseFillEmptyRows(indices=i, values=v, dense_shape=i64([4, 2]), default_value=9.0)), i64([[1, 0], [3, 1]]), f32(2), unknown=kind)
    add(f"RaggedTensorToTensor_{kind}", lambda v, s: tf.raw_ops.RaggedTensorToTensor(shape=[-1, -1], values=v, default_value=0.0, row_partition_tensors=[s], row_partition_types=["ROW_SPLITS"]), f32(4), i64([0, 1, 1, 4]), unknown=kind)
    add(f"LSTMBlockCell_{kind}", raw("LSTMBlockCell"), f32(2, 3), f32(2, 4), f32(2, 4, key="h"), f32(7, 16), f32(4, key=1), f32(4, key=2), f32(4, key=3), f32(16), unknown=kind)
    add(f"BlockLSTMV2_{kind}", raw("BlockLSTMV2", cell_clip=0.0, use_peephole=False), np.int64(3), f32(3, 2, 3), f32(2, 4), f32(2, 4, key="h"), f32(7, 16), f32(4, key=1), f32(4, key=2), f32(4, key=3), f32(16), unknown=kind)
    add(f"CombinedNonMaxSuppression_{kind}", lambda b, s: list(tf.raw_ops.CombinedNonMaxSuppression(boxes=b, scores=s, max_output_size_per_class=2, max_total_size=3, iou_threshold=0.5, score_threshold=0.1)), BOXES, np.float32([[[0.9], [0.8], [0.7]]]), unknown=kind)
    add(f"DataFormatVecPermute_{kind}", raw("DataFormatVecPermute"), i32([7, 8, 9, 3]), unknown=kind)
    add(f"Select_{kind}", lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), draw("bool", (3,)), f32(3, 4), f32(3, 4, key="y"), unknown=kind)
    add(f"Bincount_{kind}", raw("Bincount"), i32([1, 2, 2, 5]), np.int32(6), f32(4), unknown=kind)
    add(f"RGBToHSV_{kind}", raw("RGBToHSV"), f32(2, 3, 3, low=0, high=1), unknown=kind)
    # One waits for the shape that another gives.
    add(f"Chain_{kind}", lambda x: tf.raw_ops.HSVToRGB(images=tf.raw_ops.RGBToHSV(images=x) * 0.5), f32(2, 3, 3, low=0, high=1), unknown=kind)

# Elements that are fed or computed.
add("MaxPoolV2_fed", raw("MaxPoolV2", padding="SAME"), f32(1, 5, 5, 2), i32([1, 2, 2, 1]), i32([1, 2, 2, 1]))
add("UniqueV2_fed", lambda x, a: list(tf.raw_ops.UniqueV2(x=x, axis=a)), i32([[1, 2], [1, 2], [3, 4]]), i64([0]))
add("QuantizeAndDequantizeV3_fed", raw("QuantizeAndDequantizeV3", range_given=True), f32(9), np.float32(-2), np.float32(2), np.int32(6))
add("QuantizeAndDequantizeV3_computed", lambda x, b: tf.raw_ops.QuantizeAndDequantizeV3(input=x, input_min=-2.0, input_max=2.0, num_bits=tf.reduce_sum(b), range_given=True), f32(9), i32([4, 2]))

# Shapes that the data decides.
add("Where_then_contrast", lambda x, keep: tf.raw_ops.AdjustContrastv2(images=tf.boolean_mask(x, keep), contrast_factor=1.5), f32(3, 4, 4, 3), np.array([True, False, True]), unknown="axes")
add("Ragged_reduce_join", lambda s: tf.strings.reduce_join(tf.strings.split(s), -1, separator="-"), np.array(["a b c", "", "d e"], dtype=object))
add("Ragged_boolean_mask", lambda s: tf.ragged.boolean_mask(tf.strings.length(tf.strings.split(s)), tf.strings.length(tf.strings.split(s)) > 1).to_tensor(-1), np.array(["a bb c", "", "dd e"], dtype=object))
