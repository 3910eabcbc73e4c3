"""Elementwise ops: every one in the floating types, and the types that differ in meaning."""
import numpy as np
import tensorflow as tf

from case import BF16, DTYPES, add, draw, f32, i32, i64, raw

FLOATS = ("f32", "f64", "f16", "bf16")
INTS = ("i8", "i16", "i32", "i64")

# name: (low, high) where the function is smooth and defined
UNARY = {"Abs": (-3, 3), "Neg": (-3, 3), "Sign": (-3, 3), "Square": (-3, 3), "Reciprocal": (0.5, 3), "Inv": (0.5, 3),
         "Sqrt": (0, 9), "Rsqrt": (0.1, 9), "Exp": (-4, 4), "Expm1": (-1, 1), "Log": (0.1, 9), "Log1p": (-0.5, 9),
         "Sin": (-6, 6), "Cos": (-6, 6), "Tan": (-1.2, 1.2), "Asin": (-0.9, 0.9), "Acos": (-0.9, 0.9),
         "Atan": (-9, 9), "Sinh": (-3, 3), "Cosh": (-3, 3), "Tanh": (-4, 4), "Asinh": (-9, 9), "Acosh": (1.1, 9),
         "Atanh": (-0.9, 0.9), "Erf": (-3, 3), "Erfc": (-3, 3), "Lgamma": (0.2, 9), "Digamma": (0.5, 9),
         "Floor": (-5, 5), "Ceil": (-5, 5), "Round": (-5, 5), "Rint": (-5, 5), "Sigmoid": (-6, 6),
         "Softplus": (-20, 20), "Softsign": (-5, 5), "Relu": (-3, 3), "Relu6": (-3, 9), "Elu": (-3, 3), "Selu": (-3, 3)}
for op, (low, high) in UNARY.items():
    for t in FLOATS:
        if (t == "bf16" and op in ("Lgamma", "Digamma")) or ( op == "Rint" and t in ("f16", "bf16")):  # no such kernels
            continue
        add(f"{op}_{t}", raw(op), draw(t, (3, 7), low, high, op))

for op in ("Abs", "Neg", "Sign", "Square"):
    for t in ("i32", "i64", "i8", "i16"):
        add(f"{op}_{t}", raw(op), draw(t, (3, 7), -9, 9, op))
for op, (low, high) in {"BesselI0e": (-5, 5), "BesselI1e": (-5, 5), "Erfinv": (-0.9, 0.9), "Ndtri": (0.05, 0.95)}.items():
    for t in ("f32", "f64"):
        add(f"{op}_{t}", raw(op), draw(t, (3, 7), low, high, op))
for op in ("Abs", "ComplexAbs", "Real", "Imag", "Angle", "Conj", "Neg", "Exp", "Log", "Sqrt", "Rsqrt", "Square",
           "Reciprocal", "Tanh", "Sin", "Cos", "Sign", "Sigmoid"):
    for t in ("c64", "c128"):
        if op == "Abs":
            continue
        out = {"Tout": tf.float32 if t == "c64" else tf.float64} if op in ("ComplexAbs", "Real", "Imag", "Angle") else {}
        add(f"{op}_{t}", raw(op, **out), draw(t, (3, 5), -2, 2, op))
add("Complex_f32", raw("Complex"), f32(4, key="re"), f32(4, key="im"))
add("Complex_f64", raw("Complex", Tout=tf.complex128), draw("f64", (4,), key="re"), draw("f64", (4,), key="im"))

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 2.5, 0.5, 1e30, -1e30, 1e-40], np.float32)
for op in ("Abs", "Sign", "Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Floor", "Ceil", "Round",
           "IsNan", "IsInf", "IsFinite", "Softplus", "Erf", "Log1p", "Expm1", "Selu", "LeakyRelu", "Rsqrt"):
    add(f"{op}_special", raw(op), SPECIAL)
for t in ("f64", "f16", "bf16"):
    for op in ("IsNan", "IsInf", "IsFinite"):
        add(f"{op}_{t}", raw(op), SPECIAL.clip(-6e4, 6e4).astype(DTYPES[t]))
add("LogicalNot", raw("LogicalNot"), draw("bool", (5,)))
for t in ("i8", "i16", "i32", "i64", "u8", "u16"):
    add(f"Invert_{t}", raw("Invert"), draw(t, (7,), 0, 99))
    add(f"PopulationCount_{t}", raw("PopulationCount"), draw(t, (7,), 0, 99))
for t in FLOATS:
    add(f"LeakyRelu_{t}", raw("LeakyRelu", alpha=0.3), draw(t, (3, 5)))

BINARY = {"Add": (-3, 3), "AddV2": (-3, 3), "Sub": (-3, 3), "Mul": (-3, 3), "RealDiv": (0.5, 3), "Div": (0.5, 3),
          "FloorDiv": (0.5, 3), "FloorMod": (0.5, 3), "Maximum": (-3, 3), "Minimum": (-3, 3), "Pow": (0.5, 3),
          "SquaredDifference": (-3, 3), "DivNoNan": (-3, 3), "MulNoNan": (-3, 3), "Xdivy": (0.5, 3), "Xlogy": (0.5, 3),
          "Xlog1py": (0.5, 3), "Atan2": (-3, 3)}
for op, (low, high) in BINARY.items():
    for t in FLOATS:
        add(f"{op}_{t}", raw(op), draw(t, (2, 3, 4), low, high, op + "x"), draw(t, (3, 1), low, high, op + "y"))
for t in ("f32", "f64"):
    add(f"NextAfter_{t}", raw("NextAfter"), draw(t, (6,), key="a"), draw(t, (6,), key="b"))
    add(f"Zeta_{t}", raw("Zeta"), draw(t, (6,), 1.5, 5, "a"), draw(t, (6,), 0.5, 5, "b"))
    add(f"Polygamma_{t}", raw("Polygamma"), np.array([1, 2, 3, 1, 0], DTYPES[t]), draw(t, (5,), 0.5, 5, "b"))
    add(f"Igamma_{t}", raw("Igamma"), draw(t, (8,), 0.2, 9, "a"), draw(t, (8,), 0.1, 12, "b"))
    add(f"Igammac_{t}", raw("Igammac"), draw(t, (8,), 0.2, 9, "a"), draw(t, (8,), 0.1, 12, "b"))
    add(f"Betainc_{t}", raw("Betainc"), draw(t, (8,), 0.3, 6, "a"), draw(t, (8,), 0.3, 6, "b"), draw(t, (8,), 0.05, 0.95, "x"))
for op in ("AddV2", "Sub", "Mul", "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod", "Maximum", "Minimum", "Div"):
    for t in ("i32", "i64", "i8", "u8", "i16", "u16"):
        if op in ("TruncateMod", "FloorMod") and t not in ("i32", "i64"):
            continue
        x = draw(t, (2, 3, 4), -40, 40, op)
        y = draw(t, (3, 4), 1, 9, op)
        if t[0] == "i":
            y[0] = -y[0]
        add(f"{op}_{t}", raw(op), x, y)
for t in FLOATS:
    add(f"TruncateMod_{t}" if t in ("f32", "f64") else f"FloorMod_neg_{t}",
        raw("TruncateMod" if t in ("f32", "f64") else "FloorMod"), draw(t, (9,), -9, 9), draw(t, (9,), 1, 3, "y"))
for t in ("f32", "f64", "i32", "i64"):
    add(f"Mod_{t}", raw("Mod"), draw(t, (9,), -9, 9), np.where(np.arange(9) % 2, 3, -2).astype(DTYPES[t]))
    add(f"FloorMod_signs_{t}", raw("FloorMod"), draw(t, (9,), -9, 9), np.where(np.arange(9) % 2, 3, -2).astype(DTYPES[t]))
add("Pow_i32", raw("Pow"), i32([-3, -2, 0, 2, 5]), i32([3, 2, 0, 10, 4]))
add("Pow_i64", raw("Pow"), i64([-3, -2, 0, 2, 5]), i64([3, 2, 0, 40, 4]))
add("Pow_special", raw("Pow"), np.float32([-2, -2, 0, 0, 1, np.nan, np.inf]), np.float32([2, 0.5, 0, -1, np.nan, 0, -1]))
for op in ("AddV2", "Sub", "Mul", "RealDiv", "Pow", "SquaredDifference", "Equal", "NotEqual", "DivNoNan"):
    for t in ("c64", "c128"):
        add(f"{op}_{t}", raw(op), draw(t, (3, 2), 0.5, 2, op + "x"), draw(t, (2,), 0.5, 2, op + "y"))
for op in ("Maximum", "Minimum", "AddV2", "Mul", "DivNoNan", "MulNoNan", "FloorDiv", "Less", "Equal", "NotEqual"):
    add(f"{op}_special", raw(op), np.repeat(SPECIAL, len(SPECIAL)), np.tile(SPECIAL, len(SPECIAL)))
for op in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
    for t in ("f32", "f64", "f16", "bf16", "i32", "i64", "u8", "i8"):
        add(f"{op}_{t}", raw(op), draw(t, (4, 5), -2, 2, "x").round(), draw(t, (5,), -2, 2, "y").round())
for op in ("Equal", "NotEqual"):
    add(f"{op}_bool", raw(op), draw("bool", (6,)), draw("bool", (6,), key="y"))
for op in ("LogicalAnd", "LogicalOr"):
    add(f"{op}", raw(op), draw("bool", (4, 5)), draw("bool", (5,), key="y"))
add("ApproximateEqual", raw("ApproximateEqual", tolerance=0.01), np.float32([1, 2, 3]), np.float32([1.005, 2.02, 3]))
for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift"):
    for t in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        y = draw(t, (6,), 0, 7, "y")
        x = draw(t, (6,), 0, 99, "x")
        if t[0] == "i":
            x[::2] = -x[::2]
        add(f"{op}_{t}", raw(op), x, y)
for t in ("f32", "i32", "bool", "f16"):
    add(f"SelectV2_{t}", raw("SelectV2"), draw("bool", (3, 1)), draw(t, (3, 4), key="x"), draw(t, (4,), key="y"))
add("Select_same", lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), draw("bool", (3, 4)), f32(3, 4, key="x"), f32(3, 4, key="y"))
add("Select_vector", lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), draw("bool", (3,)), f32(3, 4, key="x"), f32(3, 4, key="y"))
add("Select_scalar", lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), np.array(True), f32(3, 4, key="x"), f32(3, 4, key="y"))
for t in ("f32", "i32"):
    add(f"ClipByValue_{t}", raw("ClipByValue"), draw(t, (9,)), np.array(-1, DTYPES[t]), np.array(2, DTYPES[t]))
    add(f"ZerosLike_{t}", raw("ZerosLike"), draw(t, (3, 4)))
    add(f"OnesLike_{t}", raw("OnesLike"), draw(t, (3, 4)))
for n in (1, 2, 5):
    add(f"AddN_{n}", lambda *x: tf.raw_ops.AddN(inputs=list(x)), *[f32(2, 3, key=k) for k in range(n)])
add("AccumulateNV2", lambda *x: tf.raw_ops.AccumulateNV2(inputs=list(x), shape=[2, 3]), f32(2, 3), f32(2, 3, key=1))
for t in FLOATS + ("i32",):
    add(f"BiasAdd_{t}", raw("BiasAdd"), draw(t, (2, 3, 4, 5)), draw(t, (5,), key="b"))
add("BiasAdd_nchw", raw("BiasAdd", data_format="NCHW"), f32(2, 3, 4, 5), f32(3, key="b"))
add("BiasAdd_matrix", raw("BiasAdd"), f32(4, 5), f32(5, key="b"), unknown=True)
add("BiasAddV1", raw("BiasAddV1"), f32(4, 5), f32(5, key="b"))
add("Cross", raw("Cross"), f32(4, 3), f32(4, 3, key="y"))
add("AddV2_unknown", raw("AddV2"), f32(4, 5), f32(1, 5, key="y"), unknown=True)
add("AddV2_empty", raw("AddV2"), np.zeros((0, 3), np.float32), f32(3))
add("AddV2_rank8", raw("AddV2"), f32(1, 2, 1, 2, 2, 2, 1, 2), f32(2, 2))
add("Mul_scalars", raw("Mul"), np.float32(3), np.float32(-2))
add("AddV2_wrap", raw("AddV2"), i32([2**31 - 1, -2**31]), i32([1, -1]))

CASTABLE = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "c64")
for src in CASTABLE:
    for dst in CASTABLE:
        if src == dst or (src == "c64" and dst != "f32"):
            continue
        to = tf.as_dtype(DTYPES[dst])
        add(f"Cast_{src}_{dst}", raw("Cast", DstT=to), draw(src, (9,), 0 if dst[0] == "u" else -9, 9))
add("Cast_float_out_of_range", raw("Cast", DstT=tf.int32), np.float32([3e9, -3e9, np.nan, np.inf, -np.inf, 2.9, -2.9]))
add("Cast_half_rounding", raw("Cast", DstT=tf.float16), np.float32([2049, 2051, 65519, 65520, 1e-8, 6e-8]))
add("Cast_bf16_rounding", raw("Cast", DstT=tf.bfloat16), np.float32([257, 259, 1.00390625, 3.3895e38, np.nan]))

WORDS = np.array([["a", "bb", "a"], ["", "dd", "c"]], dtype=object)
add("SelectV2_text", raw("SelectV2"), draw("bool", (2, 3)), WORDS, np.array(["x", "y", "z"], dtype=object))
add("Select_text", lambda c, x, y: tf.raw_ops.Select(condition=c, x=x, y=y), draw("bool", (2,)), WORDS, WORDS[::-1].copy())
add("Add_text", raw("Add"), WORDS, np.array(["x", "y", "z"], dtype=object))
add("ZerosLike_text", raw("ZerosLike"), WORDS)
