"""Ops on quantised tensors."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, i64, raw

LOW, HIGH = np.float32(-1.5), np.float32(2.25)


def q(t, values):
    return tf.bitcast(values, {"u8": tf.quint8, "i8": tf.qint8, "i32": tf.qint32}[t])


def plain(results):
    """Quantised outputs as the integers that they are."""
    kinds = {tf.quint8: tf.uint8, tf.qint8: tf.int8, tf.qint32: tf.int32}
    results = results if isinstance(results, (list, tuple)) else [results]
    return [tf.bitcast(r, kinds[r.dtype]) if r.dtype in kinds else r for r in results]


def bytes_of(*shape, key=""):
    return draw("u8", shape, 0, 255, key)


for ta in (False, True):
    for tb in (False, True):
        a, b = bytes_of(*((4, 3) if ta else (3, 4))), bytes_of(*((5, 4) if tb else (4, 5)), key="b")
        add(f"QuantizedMatMul_{ta}_{tb}", lambda x, y, ta=ta, tb=tb: plain(tf.raw_ops.QuantizedMatMul(a=q("u8", x), b=q("u8", y), min_a=LOW, max_a=HIGH, min_b=-3.0, max_b=1.0, transpose_a=ta, transpose_b=tb)), a, b)
for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        add(f"QuantizedConv2D_{padding}_{stride}", lambda x, y, p=padding, s=stride: plain(tf.raw_ops.QuantizedConv2D(input=q("u8", x), filter=q("u8", y), min_input=LOW, max_input=HIGH, min_filter=-3.0, max_filter=1.0, strides=[1, s, s, 1], padding=p)), bytes_of(2, 6, 7, 3), bytes_of(3, 2, 3, 4, key="f"))
    for op in ("QuantizedMaxPool", "QuantizedAvgPool"):
        add(f"{op}_{padding}", lambda x, p=padding, o=op: plain(getattr(tf.raw_ops, o)(input=q("u8", x), min_input=LOW, max_input=HIGH, ksize=[1, 2, 3, 1], strides=[1, 2, 2, 1], padding=p)), bytes_of(2, 6, 7, 3))
add("QuantizedMul", lambda x, y: plain(tf.raw_ops.QuantizedMul(x=q("u8", x), y=q("u8", y), min_x=LOW, max_x=HIGH, min_y=-3.0, max_y=1.0)), bytes_of(4, 5), bytes_of(5, key="y"))
for op in ("QuantizedRelu", "QuantizedRelu6"):
    for key, (low, high) in {"both": (-2.0, 9.0), "up": (0.0, 3.0), "wide": (-100.0, 100.0)}.items():
        add(f"{op}_{key}", lambda x, o=op, lo=low, hi=high: plain(getattr(tf.raw_ops, o)(features=q("u8", x), min_features=lo, max_features=hi)), np.arange(256, dtype=np.uint8))
add("QuantizedReshape", lambda x: plain(tf.raw_ops.QuantizedReshape(tensor=q("u8", x), shape=[3, 4], input_min=LOW, input_max=HIGH)), bytes_of(2, 6))
WIDE = draw("i32", (40,), -(2**28), 2**28)
add("QuantizeDownAndShrinkRange", lambda x: plain(tf.raw_ops.QuantizeDownAndShrinkRange(input=q("i32", x), input_min=-300.0, input_max=300.0, out_type=tf.quint8)), WIDE)
add("RequantizationRange", lambda x: plain(tf.raw_ops.RequantizationRange(input=q("i32", x), input_min=-300.0, input_max=300.0)), WIDE)
for low, high in ((-20.0, 25.0), (0.0, 30.0), (-300.0, 300.0)):
    add(f"Requantize_{low}_{high}", lambda x, lo=low, hi=high: plain(tf.raw_ops.Requantize(input=q("i32", x), input_min=-300.0, input_max=300.0, requested_output_min=lo, requested_output_max=hi, out_type=tf.quint8)), WIDE)

# The fused products, for which x86 builds of TensorFlow have kernels of oneDNN.
WINDOW = dict(strides=[1, 1, 1, 1], padding="SAME")
RANGES = dict(min_input=0.0, max_input=6.0, min_filter=-1.0, max_filter=1.0)
X, W, M, BIAS = bytes_of(1, 5, 4, 3), draw("i8", (2, 2, 3, 4), -127, 127), draw("i8", (5, 4), -127, 127), f32(4)
OUTS = {"": tf.qint32, "AndRelu": tf.qint32, "AndRequantize": tf.qint8, "AndReluAndRequantize": tf.quint8}


def fused(op, out, bias, operands, weights, ranges=RANGES, **attrs):
    # The weights are constants: those that are fed have no kernel.
    def build(x):
        named = dict(zip(operands, (q("u8", x), q("i8", tf.constant(weights)))), **ranges, **attrs)
        named["Toutput" if "MatMul" in op else "out_type"] = out
        if bias is not None:
            named["bias"] = bias
        if "Requantize" in op:
            named |= dict(min_freezed_output=0.0 if out == tf.quint8 else -20.0, max_freezed_output=20.0)
        return plain(list(getattr(tf.raw_ops, op)(**named)))

    return build


for suffix, out in OUTS.items():
    if suffix:
        add(f"QuantizedConv2D{suffix}", fused(f"QuantizedConv2D{suffix}", out, None, ("input", "filter"), W, **WINDOW), X)
    add(f"QuantizedConv2DWithBias{suffix}", fused(f"QuantizedConv2DWithBias{suffix}", out, BIAS, ("input", "filter"), W, **WINDOW), X)
    mat = dict(min_a=0.0, max_a=6.0, min_b=-1.0, max_b=1.0)
    add(f"QuantizedMatMulWithBias{suffix}", fused(f"QuantizedMatMulWithBias{suffix}", tf.quint8 if "Requantize" in suffix else out, BIAS, ("a", "b"), M, mat, input_quant_mode="SCALED"), bytes_of(3, 5))
    if suffix != "AndRequantize":
        depthwise = f"QuantizedDepthwiseConv2DWithBias{suffix}"
        add(depthwise, fused(depthwise, out, f32(3), ("input", "filter"), W[..., :1], **WINDOW), X)
add("QuantizedConv2D_signed_filter", fused("QuantizedConv2D", tf.qint32, None, ("input", "filter"), W, **WINDOW), X)
add("QuantizedDepthwiseConv2D", fused("QuantizedDepthwiseConv2D", tf.qint32, None, ("input", "filter"), W[..., :1], **WINDOW), X)
CHANNELS = RANGES | dict(min_filter=[-1.0, -2.0, -1.0, -1.0], max_filter=[1.0, 1.0, 1.0, 3.0])
add("QuantizedConv2DWithBiasAndReluAndRequantize_channels", fused("QuantizedConv2DWithBiasAndReluAndRequantize", tf.quint8, BIAS, ("input", "filter"), W, CHANNELS, **WINDOW), X)
add("QuantizedMatMulWithBiasAndDequantize", lambda a: tf.raw_ops.QuantizedMatMulWithBiasAndDequantize(a=q("u8", a), b=q("i8", tf.constant(M)), bias=BIAS, min_a=0.0, max_a=6.0, min_b=-1.0, max_b=1.0, min_freezed_output=-20.0, max_freezed_output=20.0, Toutput=tf.float32, input_quant_mode="SCALED"), bytes_of(3, 5))
add("QuantizedMatMulWithBias_min_first", lambda a: plain(list(tf.raw_ops.QuantizedMatMulWithBias(a=q("u8", a), b=q("i8", tf.constant(M)), bias=BIAS, min_a=0.0, max_a=4.0, min_b=-1.0, max_b=1.0, Toutput=tf.qint32))), bytes_of(3, 5))

# Sums, biases, concatenations, normalisation.
for shape in ((4, 5), (5,), ()):
    add(f"QuantizedAdd_{len(shape)}", lambda x, y: plain(tf.raw_ops.QuantizedAdd(x=q("u8", x), y=q("u8", y), min_x=LOW, max_x=HIGH, min_y=-3.0, max_y=1.0)), bytes_of(4, 5), bytes_of(*shape, key="y"))
for t in ("u8", "i8"):
    add(f"QuantizedBiasAdd_{t}", lambda x, y, t=t: plain(tf.raw_ops.QuantizedBiasAdd(input=q(t, x), bias=q(t, y), min_input=LOW, max_input=HIGH, min_bias=-0.3, max_bias=0.7, out_type=tf.qint32)), draw(t, (4, 5), 0 if t == "u8" else -128, 127), draw(t, (5,), 0 if t == "u8" else -128, 127, "b"))
for axis in (0, 1):
    add(f"QuantizedConcat_{axis}", lambda x, y, a=axis: plain(tf.raw_ops.QuantizedConcat(concat_dim=a, values=[q("u8", x), q("u8", y), q("u8", x)], input_mins=[LOW, -3.0, 0.0], input_maxes=[HIGH, 1.0, 0.5])), bytes_of(4, 5), bytes_of(4, 5, key="y"))
add("QuantizedConcat_same", lambda x, y: plain(tf.raw_ops.QuantizedConcat(concat_dim=0, values=[q("u8", x), q("u8", y)], input_mins=[LOW, LOW], input_maxes=[HIGH, HIGH])), bytes_of(4, 5), bytes_of(2, 5, key="y"))
add("QuantizedConcat_wide", lambda x, y: plain(tf.raw_ops.QuantizedConcat(concat_dim=0, values=[q("i32", x), q("i32", y)], input_mins=[LOW, -3.0], input_maxes=[HIGH, 1.0])), draw("i32", (4, 5), -2**28, 2**28), draw("i32", (2, 5), -2**28, 2**28, "y"), tol=(1e-6, 256))
for scale in (True, False):
    add(f"QuantizedBatchNormWithGlobalNormalization_{scale}", lambda x, m, v, b, g, s=scale: plain(tf.raw_ops.QuantizedBatchNormWithGlobalNormalization(t=q("u8", x), t_min=-8.0, t_max=8.0, m=q("u8", m), m_min=-2.0, m_max=2.0, v=q("u8", v), v_min=0.1, v_max=4.0, beta=q("u8", b), beta_min=-1.0, beta_max=1.0, gamma=q("u8", g), gamma_min=-2.0, gamma_max=2.0, out_type=tf.qint32, variance_epsilon=0.01, scale_after_normalization=s)), bytes_of(2, 3, 4, 5), *[bytes_of(5, key=k) for k in "mvbg"])

# Ranges of channels.
ENDS = np.float32([-300, -20, -1, -250]), np.float32([300, 20, 1.5, 100])
MANY = draw("i32", (2, 3, 5, 4), -(2**30), 2**30)
for out, low in ((tf.qint8, -50.0), (tf.quint8, 0.0)):
    add(f"RequantizePerChannel_{out.name}", lambda x, a, b, t=out, lo=low: plain(list(tf.raw_ops.RequantizePerChannel(input=q("i32", x), input_min=a, input_max=b, requested_output_min=lo, requested_output_max=60.0, out_type=t))), MANY, *ENDS)
for clip in (1e30, 30.0):
    add(f"RequantizationRangePerChannel_{clip:.0e}", lambda x, a, b, k=clip: list(tf.raw_ops.RequantizationRangePerChannel(input=q("i32", x), input_min=a, input_max=b, clip_value_max=k)), MANY, *ENDS)
    add(f"RequantizationRangePerChannel_positive_{clip:.0e}", lambda x, a, b, k=clip: list(tf.raw_ops.RequantizationRangePerChannel(input=q("i32", x), input_min=a, input_max=b, clip_value_max=k)), np.abs(MANY), *ENDS)

# Images: resized in fixed-point arithmetic, normalised channel by channel.
for t, image in (("u8", bytes_of(2, 5, 4, 3)), ("u8", bytes_of(1, 6, 5, 1, key="grey")), ("i32", draw("i32", (1, 4, 3, 2), -(2**30), 2**30)), ("f32", f32(1, 4, 3, 2))):
    for attrs in ({}, dict(align_corners=True), dict(half_pixel_centers=True)):
        name = f"QuantizedResizeBilinear_{t}_{image.shape[3]}_{'_'.join(attrs) or 'plain'}"
        add(name, lambda x, t=t, a=attrs: plain(list(tf.raw_ops.QuantizedResizeBilinear(images=x if t == "f32" else q(t, x), size=[7, 9], min=LOW, max=HIGH, **a))), image)
add("QuantizedResizeBilinear_same", lambda x: plain(list(tf.raw_ops.QuantizedResizeBilinear(images=q("u8", x), size=[5, 4], min=LOW, max=HIGH))), bytes_of(2, 5, 4, 3))
for key, attrs in {"used": {}, "given": dict(output_range_given=True, given_y_min=-1.5, given_y_max=2.0), "wide": dict(min_separation=9.0), "epsilon": dict(variance_epsilon=0.5)}.items():
    # A value that lies between two steps may fall to either.
    add(f"QuantizedInstanceNorm_{key}", lambda x, a=attrs: [tf.cast(y, tf.float32) for y in plain(list(tf.raw_ops.QuantizedInstanceNorm(x=q("u8", x), x_min=LOW, x_max=HIGH, **a)))], bytes_of(2, 5, 4, 3), tol=(1e-5, 1.0001))
