"""Ops that gradients are made of."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, gradient_of, i32, i64, raw

OF_INPUT = ("ReluGrad", "Relu6Grad", "LeakyReluGrad", "SoftplusGrad", "SoftsignGrad")
OF_OUTPUT = ("EluGrad", "SeluGrad", "SigmoidGrad", "TanhGrad", "SqrtGrad", "RsqrtGrad", "InvGrad", "ReciprocalGrad")
for op in (*OF_INPUT, *OF_OUTPUT):
    for t in ("f32", "f64", "f16", "bf16"):
        add(f"{op}_{t}", raw(op), draw(t, (3, 7), 0.3, 3 if op in ("SqrtGrad", "RsqrtGrad") else 9, op), draw(t, (3, 7), -3, 9, op + "y"))
for op in ("SigmoidGrad", "TanhGrad", "SqrtGrad", "RsqrtGrad", "InvGrad", "ReciprocalGrad"):
    for t in ("c64", "c128"):
        add(f"{op}_{t}", raw(op), draw(t, (3, 7), 0.3, 3, op), draw(t, (3, 7), -3, 9, op + "y"))
for t in ("f32", "f64", "f16", "c64"):
    add(f"SqrtGrad_zero_{t}", raw("SqrtGrad"), np.array([0, 0, 2, 0], DTYPES[t]), np.array([0, 3, 0, -0.0], DTYPES[t]))
add("LeakyReluGrad_alpha", raw("LeakyReluGrad", alpha=0.7), f32(9), f32(9, key="x"))
for op in ("ReluGrad", "TanhGrad"):
    add(f"{op}_special", raw(op), np.float32([np.nan, np.inf, 1, 1, -np.inf, 0]), np.float32([-1, 2, np.nan, np.inf, 3, np.inf]))
for t in ("f32", "f64", "f16", "i32"):
    add(f"BiasAddGrad_{t}", raw("BiasAddGrad"), draw(t, (2, 3, 4)))
add("BiasAddGrad_nchw", raw("BiasAddGrad", data_format="NCHW"), f32(2, 3, 4, 5))
for name, a, b in (("row", [3, 4], [4]), ("both", [2, 1, 4], [3, 1]), ("same", [2, 1], [2, 1]), ("scalar", [2, 3], []), ("ones", [1, 1], [1])):
    add(f"BroadcastGradientArgs_{name}", lambda a=a, b=b: list(tf.raw_ops.BroadcastGradientArgs(s0=np.array(a, np.int32), s1=np.array(b, np.int32))))
add("BroadcastGradientArgs_fed", lambda a, b: list(tf.raw_ops.BroadcastGradientArgs(s0=a, s1=b)), i32([2, 1, 4]), i32([3, 1]))
add("StridedSliceGrad", lambda g: tf.raw_ops.StridedSliceGrad(shape=[4, 5], begin=[1, 0], end=[4, 5], strides=[2, 3], dy=g), f32(2, 2))
add("StridedSliceGrad_masks", lambda g: tf.raw_ops.StridedSliceGrad(shape=[4, 5, 2], begin=[2, 0, 0], end=[0, 0, 0], strides=[1, 1, 1], dy=g, ellipsis_mask=2, shrink_axis_mask=1, begin_mask=4, end_mask=4), f32(5, 2))


add("Gradient_of_a_dense_layer", gradient_of(lambda x: tf.reduce_sum(tf.nn.elu(tf.nn.bias_add(x @ f32(4, 3), f32(3))) * tf.sigmoid(x @ f32(4, 3)) ** 2)), f32(3, 4), unknown=True)

# Batch normalisation.
for version, t in (("", "f32"), ("V2", "f32"), ("V2", "f16"), ("V3", "f32"), ("V3", "bf16")):
    for training in (True, False):
        add(f"FusedBatchNormGrad{version}_{t}_{training}", lambda g, x, s, m, v, n=version, k=training: list(getattr(tf.raw_ops, f"FusedBatchNormGrad{n}")(y_backprop=g, x=x, scale=s, reserve_space_1=m, reserve_space_2=v, epsilon=0.01, is_training=k, **({"reserve_space_3": np.float32([])} if n == "V3" else {})))[:3], draw(t, (3, 4, 5, 2)), draw(t, (3, 4, 5, 2), key="x"), f32(2), f32(2, key="m"), f32(2, low=0.5, high=2))

# Fake quantisation.
for bits, narrow in ((8, False), (4, True)):
    add(f"FakeQuantWithMinMaxArgsGradient_{bits}", raw("FakeQuantWithMinMaxArgsGradient", min=-1.03, max=2.5, num_bits=bits, narrow_range=narrow), f32(5, 7), f32(5, 7, key="x"))
    for low, high in ((-1.03, 2.5), (0.0, 0.0), (0.3, 1.7)):
        add(f"FakeQuantWithMinMaxVarsGradient_{bits}_{low}", lambda g, x, a, b, n=bits, k=narrow: list(tf.raw_ops.FakeQuantWithMinMaxVarsGradient(gradients=g, inputs=x, min=a, max=b, num_bits=n, narrow_range=k)), f32(5, 7), f32(5, 7, key="x"), np.float32(low), np.float32(high))
    for shape in ((3,), (5, 3), (2, 3, 4, 3)):
        add(f"FakeQuantWithMinMaxVarsPerChannelGradient_{bits}_{len(shape)}", lambda g, x, a, b, n=bits, k=narrow: list(tf.raw_ops.FakeQuantWithMinMaxVarsPerChannelGradient(gradients=g, inputs=x, min=a, max=b, num_bits=n, narrow_range=k)), f32(*shape), f32(*shape, key="x"), np.float32([-1.03, 0, -2]), np.float32([2.5, 0, -0.5]))

# Copies, chosen rows, rows filled in.
for op in ("SparseSegmentSumGrad", "SparseSegmentMeanGrad", "SparseSegmentSqrtNGrad"):
    for t in ("f32", "f64", "f16"):
        add(f"{op}_{t}", lambda g, i, s, o=op: getattr(tf.raw_ops, o)(grad=g, indices=i, segment_ids=s, output_dim0=6), draw(t, (3, 2)), i32([0, 5, 5, 1, 2]), i32([0, 0, 0, 2, 2]))
add("SparseFillEmptyRowsGrad", lambda m, g: list(tf.raw_ops.SparseFillEmptyRowsGrad(reverse_index_map=m, grad_values=g)), i64([2, 1, 3]), f32(5))
add("RaggedFillEmptyRowsGrad", lambda m, g: list(tf.raw_ops.RaggedFillEmptyRowsGrad(reverse_index_map=m, grad_values=g)), i64([0, 1, 4]), f32(6))
