"""Ops that move data and make shapes."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw

T3 = ("f32", "i64", "bool")
for t in T3 + ("f16", "c128", "u8"):
    add(f"Reshape_{t}", lambda x: tf.raw_ops.Reshape(tensor=x, shape=[4, -1]), draw(t, (2, 3, 4)))
    add(f"Transpose_{t}", lambda x: tf.raw_ops.Transpose(x=x, perm=[2, 0, 1]), draw(t, (2, 3, 4)))
    add(f"ConcatV2_{t}", lambda x, y: tf.raw_ops.ConcatV2(values=[x, y, x], axis=-1), draw(t, (2, 3)), draw(t, (2, 2)))
    add(f"Tile_{t}", lambda x: tf.raw_ops.Tile(input=x, multiples=[2, 1, 3]), draw(t, (2, 3, 2)))
    add(f"PadV2_{t}", lambda x: tf.raw_ops.PadV2(input=x, paddings=[[1, 0], [2, 3]], constant_values=tf.cast(1, x.dtype)), draw(t, (2, 3)))
    add(f"ReverseV2_{t}", lambda x: tf.raw_ops.ReverseV2(tensor=x, axis=[0, -1]), draw(t, (2, 3, 4)))
    add(f"Slice_{t}", lambda x: tf.raw_ops.Slice(input=x, begin=[1, 0, 2], size=[1, -1, 2]), draw(t, (2, 3, 4)))
    add(f"Pack_{t}", lambda x, y: tf.raw_ops.Pack(values=[x, y], axis=1), draw(t, (2, 3)), draw(t, (2, 3), key="y"))
    add(f"Unpack_{t}", lambda x: tf.raw_ops.Unpack(value=x, num=3, axis=1), draw(t, (2, 3, 4)))
add("Reshape_unknown", lambda x: tf.raw_ops.Reshape(tensor=x, shape=[-1, 12]), f32(5, 3, 4), unknown=True)
add("Reshape_fed", raw("Reshape"), f32(2, 6), i32([3, 4]))
add("Reshape_from_shape", lambda x: tf.reshape(x, tf.stack([tf.shape(x)[0], 4, 3])), f32(5, 12), unknown=True)
add("Reshape_scalar", lambda x: tf.raw_ops.Reshape(tensor=x, shape=np.zeros(0, np.int32)), f32(1, 1))
add("Reshape_empty", lambda x: tf.raw_ops.Reshape(tensor=x, shape=[0, 5]), np.zeros((3, 0), np.float32))
add("ExpandDims_front", lambda x: tf.raw_ops.ExpandDims(input=x, axis=0), f32(2, 3))
add("ExpandDims_back", lambda x: tf.raw_ops.ExpandDims(input=x, axis=-1), f32(2, 3), unknown=True)
add("Squeeze_all", raw("Squeeze"), f32(1, 3, 1, 2))
add("Squeeze_axes", raw("Squeeze", axis=[-2]), f32(1, 3, 1, 2))
add("Transpose_matrix", lambda x: tf.raw_ops.Transpose(x=x, perm=[1, 0]), f32(7, 9), unknown=True)
add("Transpose_rank5", lambda x: tf.raw_ops.Transpose(x=x, perm=[4, 2, 0, 3, 1]), f32(2, 3, 2, 4, 3))
add("ConjugateTranspose", lambda x: tf.raw_ops.ConjugateTranspose(x=x, perm=[1, 0]), draw("c64", (3, 4)))
add("Concat", lambda x, y: tf.raw_ops.Concat(concat_dim=0, values=[x, y]), f32(2, 3), f32(1, 3))
add("ConcatV2_unknown", lambda x, y: tf.raw_ops.ConcatV2(values=[x, y], axis=0), f32(2, 3), f32(4, 3), unknown=True)
add("ConcatV2_empty", lambda x, y: tf.raw_ops.ConcatV2(values=[x, y], axis=0), np.zeros((0, 3), np.float32), f32(4, 3))
add("ParallelConcat", lambda x, y: tf.raw_ops.ParallelConcat(values=[x, y], shape=[2, 3]), f32(1, 3), f32(1, 3, key="y"))
add("Split", lambda x: tf.raw_ops.Split(axis=1, value=x, num_split=3), f32(2, 6))
add("Split_unknown", lambda x: tf.raw_ops.Split(axis=-1, value=x, num_split=2), f32(3, 6), unknown=True)
add("SplitV", lambda x: tf.raw_ops.SplitV(value=x, size_splits=[1, -1, 2], axis=1, num_split=3), f32(2, 6))
STRIDED = {"plain": np.s_[1:3, ::2], "negative": np.s_[::-1, 3:0:-2], "shrink": np.s_[1, :, 2], "ellipsis": np.s_[..., 1],
           "new_axis": np.s_[:, None, 1:], "open": np.s_[-2:, :-1], "beyond": np.s_[-9:9, 2:99], "empty": np.s_[3:1],
           "mixed": np.s_[None, ..., -1, None]}
for name, s in STRIDED.items():
    add(f"StridedSlice_{name}", lambda x, s=s: x[s], f32(4, 5, 3))
    add(f"StridedSlice_{name}_unknown", lambda x, s=s: x[s], f32(4, 5, 3), unknown=True)
add("StridedSlice_i32", lambda x: x[1:, ::-1], draw("i32", (3, 4)))
add("StridedSlice_fed", lambda x, b, e: tf.raw_ops.StridedSlice(input=x, begin=b, end=e, strides=[1, 2]), f32(4, 5), i32([1, 0]), i32([3, 5]))
add("TensorStridedSliceUpdate", lambda x, v: tf.raw_ops.TensorStridedSliceUpdate(input=x, begin=[1, 0], end=[3, 4], strides=[1, 2], value=v), f32(4, 5), f32(2, 2, key="v"))
add("Pad", lambda x: tf.raw_ops.Pad(input=x, paddings=[[1, 2], [0, 1]]), f32(2, 3), unknown=True)
for mode in ("REFLECT", "SYMMETRIC"):
    add(f"MirrorPad_{mode}", lambda x, m=mode: tf.raw_ops.MirrorPad(input=x, paddings=[[1, 1], [2, 0]], mode=m), f32(2, 3))
add("BroadcastTo", lambda x: tf.raw_ops.BroadcastTo(input=x, shape=[2, 3, 4]), f32(3, 1))
add("BroadcastArgs", raw("BroadcastArgs"), i32([3, 1]), i32([2, 1, 4]))
add("Reverse", lambda x: tf.raw_ops.Reverse(tensor=x, dims=[True, False]), f32(3, 4))
add("ReverseSequence", lambda x, n: tf.raw_ops.ReverseSequence(input=x, seq_lengths=n, seq_dim=1, batch_dim=0), f32(3, 5, 2), i32([2, 5, 0]))
add("ReverseSequence_time_major", lambda x, n: tf.raw_ops.ReverseSequence(input=x, seq_lengths=n, seq_dim=0, batch_dim=1), f32(5, 3), i64([2, 5, 1]))
add("Roll", lambda x: tf.raw_ops.Roll(input=x, shift=[1, -2], axis=[0, 1]), f32(3, 5))
for kind in ("i32", "i64"):
    add(f"Shape_{kind}", raw("Shape", out_type=tf.as_dtype(DTYPES[kind])), f32(3, 5), unknown=True)
add("ShapeN", lambda x, y: tf.raw_ops.ShapeN(input=[x, y]), f32(3, 5), f32(2), unknown=True)
add("Size", raw("Size"), f32(3, 5), unknown=True)
add("Rank", raw("Rank"), f32(3, 5))
add("Fill", lambda v: tf.raw_ops.Fill(dims=[2, 3], value=v), np.float32(2.5))
add("Fill_fed", raw("Fill"), i32([3, 2]), np.float32(1.5))
add("Range_i32", lambda n: tf.raw_ops.Range(start=2, limit=n, delta=3), np.int32(17))
add("Range_f32", lambda n: tf.raw_ops.Range(start=1.0, limit=n, delta=-0.25), np.float32(-1))
add("Range_i64_constant", lambda x: x + tf.range(tf.constant(4, tf.int64)), i64([1, 2, 3, 4]))
add("LinSpace", lambda a, b: tf.raw_ops.LinSpace(start=a, stop=b, num=7), np.float32(-1), np.float32(2))
add("Bitcast_same", raw("Bitcast", type=tf.int32), f32(2, 3))
add("Bitcast_smaller", raw("Bitcast", type=tf.uint8), f32(2, 3))
add("Bitcast_larger", raw("Bitcast", type=tf.int32), draw("i8", (2, 3, 4)))
add("InvertPermutation", raw("InvertPermutation"), i32([2, 0, 3, 1]))
add("ConcatOffset", lambda a, b: tf.raw_ops.ConcatOffset(concat_dim=1, shape=[a, b]), i32([2, 3]), i32([2, 5]))
add("SpaceToBatchND", lambda x: tf.raw_ops.SpaceToBatchND(input=x, block_shape=[2, 3], paddings=[[0, 0], [1, 1]]), f32(2, 4, 4, 3))
add("BatchToSpaceND", lambda x: tf.raw_ops.BatchToSpaceND(input=x, block_shape=[2, 2], crops=[[0, 1], [1, 0]]), f32(8, 2, 3, 2), unknown=True)
add("SpaceToBatch", lambda x: tf.raw_ops.SpaceToBatch(input=x, paddings=[[0, 0], [1, 1]], block_size=2), f32(1, 4, 4, 2))
add("BatchToSpace", lambda x: tf.raw_ops.BatchToSpace(input=x, crops=[[0, 0], [1, 1]], block_size=2), f32(4, 2, 3, 2))
for fmt, shape in (("NHWC", (2, 4, 6, 8)), ("NCHW", (2, 8, 4, 6))):
    add(f"SpaceToDepth_{fmt}", raw("SpaceToDepth", block_size=2, data_format=fmt), f32(*shape)) if fmt == "NHWC" else None
    add(f"DepthToSpace_{fmt}", raw("DepthToSpace", block_size=2, data_format=fmt), f32(*shape)) if fmt == "NHWC" else None
