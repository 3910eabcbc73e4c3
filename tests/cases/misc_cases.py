"""Identities, constants, calls, quantisation, recurrent cells and small compositions."""
import itertools

import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, raw

for op in ("Identity", "Snapshot", "StopGradient", "PreventGradient", "DeepCopy"):
    add(op, (lambda o: lambda x: getattr(tf.raw_ops, o)(**{"x" if o == "DeepCopy" else "input": x}))(op), f32(2, 3))
add("IdentityN", lambda x, y: tf.raw_ops.IdentityN(input=[x, y]), f32(2), i32([1, 2]))
add("CheckNumerics", raw("CheckNumerics", message="bad"), f32(2, 3))
add("EnsureShape", raw("EnsureShape", shape=[None, 3]), f32(2, 3), unknown=True)
add("PlaceholderWithDefault", lambda x: x + tf.raw_ops.PlaceholderWithDefault(input=np.float32([1, 2, 3]), shape=[3]), f32(2, 3))


def _after_no_op(x):
    with tf.control_dependencies([tf.raw_ops.NoOp()]):
        return x * 2.0


def _after_assert(x):
    with tf.control_dependencies([tf.raw_ops.Assert(condition=tf.reduce_all(x > -99), data=[x])]):
        return x * 2.0


add("NoOp", _after_no_op, f32(2))
add("Assert", _after_assert, f32(2))
for t in ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "c64", "c128"):
    add(f"Const_{t}", lambda x, v=draw(t, (2, 3), 0, 5): [tf.identity(tf.constant(v)), x], f32(1))
add("Const_string", lambda x: [tf.identity(tf.constant(["a", "", "long \x00 one"])), x], f32(1))
add("Const_splat", lambda x: x + tf.constant(2.5, shape=[3, 2]), f32(3, 2))
add("Const_empty", lambda x: tf.concat([x, tf.constant(0.0, shape=[0, 2])], 0), f32(3, 2))


@tf.function
def _square(x):
    return x * x


@tf.function
def _two(x):
    return _square(x) + 1.0, _square(x + 1.0)


add("PartitionedCall", lambda x: list(_two(x)), f32(2, 3))
add("StatefulPartitionedCall", lambda x: tf.raw_ops.StatefulPartitionedCall(args=[x], Tout=[tf.float32], f=_square.get_concrete_function(tf.TensorSpec([None, 3]))), f32(2, 3))


# In-graph batching, which for one request calls the function; what a branch is chosen by; what stands for a result of
# the other branch.
@tf.function(autograph=False)
def _scaled(x, scale):
    return x * scale


add("BatchFunction", lambda x, k: tf.raw_ops.BatchFunction(in_tensors=[x], captured_tensors=[k], f=_scaled.get_concrete_function(tf.TensorSpec([None, 3]), tf.TensorSpec([3])), num_batch_threads=1, max_batch_size=8, batch_timeout_micros=0, Tout=[tf.float32])[0], f32(2, 3), f32(3, key="k"))
for names in (["GPU", "CPU"], ["CPU"], ["TPU"]):
    add(f"DeviceIndex_{'_'.join(names)}", lambda x, n=names: tf.raw_ops.DeviceIndex(device_names=n) + x, i32(3))
add("FakeParam", lambda x: tf.shape(tf.raw_ops.FakeParam(dtype=tf.float32, shape=[2, 3])) + x, i32(1))

for bits, narrow in ((8, False), (8, True), (4, False)):
    add(f"FakeQuantWithMinMaxArgs_{bits}_{narrow}", raw("FakeQuantWithMinMaxArgs", min=-2.3, max=2.9, num_bits=bits, narrow_range=narrow), f32(4, 5))
    add(f"FakeQuantWithMinMaxVars_{bits}_{narrow}", raw("FakeQuantWithMinMaxVars", num_bits=bits, narrow_range=narrow), f32(4, 5), np.float32(-1.7), np.float32(2.2))
add("FakeQuantWithMinMaxVarsPerChannel", raw("FakeQuantWithMinMaxVarsPerChannel"), f32(4, 3), np.float32([-1, -2, -0.5]), np.float32([1, 0.5, 3]))
for signed in (True, False):
    add(f"QuantizeAndDequantizeV2_{signed}", lambda x, s=signed: tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=-2.0 if s else 0.0, input_max=2.0, signed_input=s, range_given=True), f32(4, 5))
add("QuantizeAndDequantizeV2_free", lambda x: tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=0.0, input_max=0.0), f32(4, 5))
add("QuantizeAndDequantizeV3", lambda x: tf.raw_ops.QuantizeAndDequantizeV3(input=x, input_min=-2.0, input_max=2.0, num_bits=8), f32(4, 5))
add("QuantizeAndDequantizeV4", lambda x: tf.raw_ops.QuantizeAndDequantizeV4(input=x, input_min=-2.0, input_max=2.0), f32(4, 5))
for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
    add(f"QuantizeV2_{mode}", lambda x, m=mode: _quantize(x, m), f32(4, 5))
    add(f"Dequantize_{mode}", lambda x, m=mode: tf.raw_ops.Dequantize(input=tf.bitcast(x, tf.quint8), min_range=-1.0, max_range=3.0, mode=m), draw("u8", (4, 5), 0, 255))


def _pick(places, results):
    return [results[i] for i in places]


def _quantize(x, mode):
    q = tf.raw_ops.QuantizeV2(input=x, min_range=-2.0, max_range=3.0, T=tf.quint8, mode=mode)
    return [tf.bitcast(q[0], tf.uint8), q[1], q[2]]


add("LSTMBlockCell", lambda x, c, h: list(tf.raw_ops.LSTMBlockCell(x=x, cs_prev=c, h_prev=h, w=f32(7, 16, low=-1, high=1), wci=np.zeros(4, np.float32), wcf=np.zeros(4, np.float32), wco=np.zeros(4, np.float32), b=f32(16, low=-1, high=1))), f32(2, 3), f32(2, 4, key="c"), f32(2, 4, key="h"))
add("LSTMBlockCell_peephole", lambda x, c, h: list(tf.raw_ops.LSTMBlockCell(x=x, cs_prev=c, h_prev=h, w=f32(7, 16, low=-1, high=1), wci=f32(4, key=1), wcf=f32(4, key=2), wco=f32(4, key=3), b=f32(16, low=-1, high=1), use_peephole=True, cell_clip=1.5)), f32(2, 3), f32(2, 4, key="c"), f32(2, 4, key="h"))
add("GRUBlockCell", lambda x, h: list(tf.raw_ops.GRUBlockCell(x=x, h_prev=h, w_ru=f32(7, 8, low=-1, high=1), w_c=f32(7, 4, low=-1, high=1), b_ru=f32(8), b_c=f32(4))), f32(2, 3), f32(2, 4, key="h"))
for op, steps in itertools.product(("BlockLSTM", "BlockLSTMV2"), (3, 5)):
    # Beyond the length, TensorFlow clears the states (outputs 1 and 6) and leaves the rest as it is in memory.
    add(f"{op}_{steps}", lambda x, n, o=op, s=steps: _pick(range(7) if s == 5 else (1, 6), getattr(tf.raw_ops, o)(seq_len_max=n, x=x, cs_prev=np.zeros((2, 4), np.float32), h_prev=np.zeros((2, 4), np.float32), w=f32(7, 16, low=-1, high=1), wci=np.zeros(4, np.float32), wcf=np.zeros(4, np.float32), wco=np.zeros(4, np.float32), b=f32(16, low=-1, high=1))), f32(5, 2, 3), np.int64(steps))


def _layer_norm(x):
    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean), -1, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-6) * f32(8, key="g") + f32(8, key="b")


def _attention(x):
    q, k, v = (tf.transpose(tf.reshape(tf.matmul(x, np.broadcast_to(f32(8, 8, low=-0.5, high=0.5, key=n), (1, 8, 8))), [-1, 6, 2, 4]), [0, 2, 1, 3]) for n in "qkv")
    scores = tf.matmul(q, k, transpose_b=True) * 0.5
    return tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])


add("Composed_layer_norm", _layer_norm, f32(3, 4, 8), unknown=True)
add("Composed_attention", _attention, f32(3, 6, 8), unknown=True)
add("Composed_gelu", lambda x: tf.nn.gelu(x) + tf.nn.gelu(x, approximate=True), f32(3, 8), unknown=True)
add("Composed_swish", tf.nn.silu, f32(3, 8), unknown=True)
add("Composed_softmax", lambda x: tf.exp(x - tf.reduce_max(x, -1, keepdims=True)) / tf.reduce_sum(tf.exp(x - tf.reduce_max(x, -1, keepdims=True)), -1, keepdims=True), f32(3, 8), unknown=True)
add("Composed_residual", lambda x: tf.nn.relu(tf.nn.conv2d(tf.nn.relu(tf.nn.conv2d(x, f32(3, 3, 4, 4, low=-0.3, high=0.3), 1, "SAME") * f32(4) + f32(4, key=1)), f32(3, 3, 4, 4, low=-0.3, high=0.3, key=2), 1, "SAME") + x), f32(2, 6, 6, 4), unknown=True)

for t in ("f32", "f64"):
    add(f"BesselI0_{t}", raw("BesselI0"), draw(t, (7,), -4, 4))
    add(f"BesselI1_{t}", raw("BesselI1"), draw(t, (7,), -4, 4))
add("CheckNumericsV2", raw("CheckNumericsV2", message="bad"), f32(2, 3))
add("GuaranteeConst", raw("GuaranteeConst"), f32(2, 3))
add("Empty", lambda x: tf.raw_ops.Empty(shape=[2, 3], dtype=tf.float32, init=True) + x, f32(2, 3))
add("Print", lambda x: tf.raw_ops.Print(input=x, data=[], first_n=0) * 2.0, f32(2, 3))
add("ControlTrigger", lambda x: _after_trigger(x), f32(2))


def _after_trigger(x):
    with tf.control_dependencies([tf.raw_ops.ControlTrigger()]):
        return x * 2.0


def _fused(op: str, fused_ops: list[str], attrs: dict[str, tf.compat.v1.AttrValue]):
    """Turns the one product or convolution of a graph, with what follows it, into TensorFlow's own fused op.

    The grappler makes these; they appear in graphs that were saved after it ran."""

    def rewrite(graph_def):
        nodes = {n.name: n for n in graph_def.node}
        source = next(n for n in graph_def.node if n.op in ("MatMul", "Conv2D", "Conv3D", "DepthwiseConv2dNative"))
        bias = next(n for n in graph_def.node if n.op == "BiasAdd")
        fused = tf.compat.v1.NodeDef(name="fused", op=op, input=[*source.input, bias.input[1]])
        for key, value in source.attr.items():
            fused.attr[key].CopyFrom(value)
        fused.attr["fused_ops"].list.s.extend(o.encode() for o in fused_ops)
        fused.attr["num_args"].i = 1
        for key, value in attrs.items():
            fused.attr[key].CopyFrom(value)
        nodes["o0"].input[0] = "fused"
        keep = [n for n in graph_def.node if n.op in ("Placeholder", "Const", "Identity")]
        del graph_def.node[:]
        graph_def.node.extend([*keep, fused])

    return rewrite


_float = lambda f: tf.compat.v1.AttrValue(f=f)
for activation, function in (("", lambda x: x), ("Relu", tf.nn.relu), ("Relu6", tf.nn.relu6), ("Elu", tf.nn.elu), ("LeakyRelu", lambda x: tf.nn.leaky_relu(x, 0.3))):
    fused = ["BiasAdd", activation] if activation else ["BiasAdd"]
    attrs = {"leakyrelu_alpha": _float(0.3)} if activation == "LeakyRelu" else {}
    add(f"_FusedMatMul_{activation}", lambda x, w, b, f=function: f(tf.nn.bias_add(tf.matmul(x, w), b)), f32(3, 4), f32(4, 5, key="w"), f32(5, key="b"), rewrite=_fused("_FusedMatMul", fused, attrs))
    add(f"_FusedConv2D_{activation}", lambda x, w, b, f=function: f(tf.nn.bias_add(tf.nn.conv2d(x, w, 1, "SAME"), b)), f32(1, 5, 5, 3), f32(3, 3, 3, 4, key="w"), f32(4, key="b"), rewrite=_fused("_FusedConv2D", fused, attrs))
    add(f"_FusedConv3D_{activation}", lambda x, w, b, f=function: f(tf.nn.bias_add(tf.nn.conv3d(x, w, [1] * 5, "SAME"), b)), f32(1, 5, 5, 4, 3), f32(3, 3, 3, 3, 4, key="w"), f32(4, key="b"), rewrite=_fused("_FusedConv3D", fused, attrs))
    add(f"_FusedDepthwiseConv2dNative_{activation}", lambda x, w, b, f=function: f(tf.nn.bias_add(tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"), b)), f32(1, 5, 5, 3), f32(3, 3, 3, 2, key="w"), f32(6, key="b"), rewrite=_fused("_FusedDepthwiseConv2dNative", fused, attrs))


def _one(op: str, count: int, attrs: dict[str, tf.compat.v1.AttrValue]):
    """Makes one node of the chain of `count` nodes in front of the output, as the grappler does."""

    def rewrite(graph_def):
        nodes = {n.name: n for n in graph_def.node}
        first = nodes["o0"]
        for _ in range(count):
            first = nodes[first.input[0].split(":")[0]]
        one = tf.compat.v1.NodeDef(name="one", op=op, input=[first.input[0]])
        one.attr["T"].CopyFrom(first.attr["T"])
        for key, value in attrs.items():
            one.attr[key].CopyFrom(value)
        nodes["o0"].input[0] = "one"
        graph_def.node.append(one)

    return rewrite


def _names(*names: str):
    return {"op_names": tf.compat.v1.AttrValue(list=tf.compat.v1.AttrValue.ListValue(s=[n.encode() for n in names]))}


for t in ("f32", "f64", "f16"):
    add(f"_UnaryOpsComposition_{t}", lambda x: tf.nn.relu(tf.tanh(tf.raw_ops.Exp(x=tf.negative(x)))), draw(t, (3, 4)), rewrite=_one("_UnaryOpsComposition", 4, _names("Neg", "Exp", "Tanh", "Relu")))
for t in ("i32", "i64", "u8"):
    add(f"_TensorToHashBucketFast_{t}", lambda x: tf.raw_ops.StringToHashBucketFast(input=tf.raw_ops.AsString(input=x), num_buckets=1000), draw(t, (3, 4), -99, 99), rewrite=_one("_TensorToHashBucketFast", 2, {"num_buckets": tf.compat.v1.AttrValue(i=1000)}))
for key, x in {"zero": np.float32(0), "nan": np.float32(np.nan), "number": np.int64(-7), "text": np.array("a", dtype=object), "no_text": np.array("", dtype=object), "bool": np.bool_(True), "vector": f32(2), "empty": f32(0), "texts": np.array(["", ""], dtype=object)}.items():
    add(f"ToBool_{key}", raw("ToBool"), x)
for rank, padding in ((4, "SAME"), (5, "VALID"), (4, "EXPLICIT")):
    add(f"Conv_{rank}_{padding}", raw("Conv", strides=[1] + [2] * (rank - 2) + [1], padding=padding, explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0] if padding == "EXPLICIT" else []), f32(2, *[6] * (rank - 2), 3), f32(*[3] * (rank - 2), 3, 4, key="w"))

# Suppression by given overlaps.
for most, overlap, score in ((3, 0.5, 0.0), (9, 0.3, 0.4), (0, 0.5, 0.0), (9, 1.0, -9.0)):
    add(f"NonMaxSuppressionWithOverlaps_{most}_{overlap}", lambda o, s, m, a, b: tf.raw_ops.NonMaxSuppressionWithOverlaps(overlaps=o, scores=s, max_output_size=m, overlap_threshold=a, score_threshold=b), f32(7, 7, low=0, high=1), np.float32([0.5, 0.9, 0.2, 0.5, 0.7, 0.1, 0.9]), np.int32(most), np.float32(overlap), np.float32(score))

WORDS = np.array([["abc", "Hello"], ["", " x "]], dtype=object)
for op in ("StringLength", "StringLower", "StringUpper", "StringStrip", "EncodeBase64"):
    add(op, raw(op), WORDS)
add("DecodeBase64", lambda x: tf.raw_ops.DecodeBase64(input=tf.raw_ops.EncodeBase64(input=x)), WORDS)
add("StringJoin", lambda x, y: tf.raw_ops.StringJoin(inputs=[x, y], separator="-"), WORDS, WORDS[::-1])
add("Substr", lambda x: tf.raw_ops.Substr(input=x, pos=1, len=2), np.array(["abcd", "xyz"], dtype=object))
for t in ("f32", "i64"):
    add(f"StringToNumber_{t}", raw("StringToNumber", out_type=tf.as_dtype(draw(t, ()).dtype)), np.array(["12", "-3", "7"], dtype=object))
for t in ("i32", "i64", "bool", "f32"):
    add(f"AsString_{t}", raw("AsString"), draw(t, (2, 3), -9, 9))
add("AsString_format", raw("AsString", precision=2, width=8, fill="0"), f32(3))
add("ClipByValue_crossed", raw("ClipByValue"), f32(9), np.float32(1), np.float32(-1))
