"""Adds steps to a program: evaluates those whose inputs are constants, gives the others a shape and a type."""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from graph.program import Program, Step

ALIASES = {"Identity", "StopGradient"}


def spatial_padding(padding: str, size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int, int]:
    """TensorFlow's SAME and VALID: output size, padding before and after."""
    reach = (window - 1) * dilation + 1
    if padding == "VALID":
        return (size - reach) // stride + 1, 0, 0
    out = -(-size // stride)
    total = max((out - 1) * stride + reach - size, 0)
    return out, total // 2, total - total // 2


def window_shape(step: Step, shape: tuple[int, ...], window: list[int]) -> tuple[int, ...]:
    """NHWC output shape of a pooling or convolution, channels as in the input."""
    strides = step.attrs["strides"]
    dilations = step.attrs.get("dilations") or [1, 1, 1, 1]
    sizes = [
        spatial_padding(step.attrs["padding"], shape[a], window[a - 1], strides[a], dilations[a])[0] for a in (1, 2)
    ]
    return (shape[0], *sizes, shape[3])


def matmul_shape(a: tuple[int, ...], b: tuple[int, ...], transpose_a: bool, transpose_b: bool) -> tuple[int, ...]:
    """Shape of a batched matrix product."""
    rows, columns = a[-1 if transpose_a else -2], b[-2 if transpose_b else -1]
    return (*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns)


def axes_of(value: Any, rank: int) -> tuple[int, ...]:
    """Axis operands, an array or plain numbers, as non-negative numbers."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return tuple(a % rank for a in (plain if isinstance(plain, list) else [plain]))


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> tuple[int, ...]:
    """Shape of a reduction."""
    return tuple(1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes)


def slice_indices(step: Step, operands: list[Any]) -> tuple[Any, ...]:
    """The index expression of a StridedSlice."""
    begin, end, stride = operands
    bit = lambda mask, i: (step.attrs.get(mask) or 0) >> i & 1
    index: list[Any] = []
    for i in range(len(begin)):
        if bit("ellipsis_mask", i):
            index.append(...)
        elif bit("new_axis_mask", i):
            index.append(None)
        elif bit("shrink_axis_mask", i):
            index.append(int(begin[i]))
        else:
            index.append(
                slice(
                    None if bit("begin_mask", i) else int(begin[i]),
                    None if bit("end_mask", i) else int(end[i]),
                    int(stride[i]),
                )
            )
    return tuple(index)


def reshaped(shape: tuple[int, ...], target: np.ndarray) -> tuple[int, ...]:
    """The target of a Reshape with its -1 resolved."""
    sizes = [int(d) for d in target]
    if -1 in sizes:
        sizes[sizes.index(-1)] = math.prod(shape) // max(math.prod(d for d in sizes if d != -1), 1)
    return tuple(sizes)


def squeezed(shape: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    """Shape of a Squeeze."""
    drop = {a % len(shape) for a in axes} if axes else {i for i, d in enumerate(shape) if d == 1}
    return tuple(d for i, d in enumerate(shape) if i not in drop)


def resize_taps(attrs: dict[str, Any], size: int, out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two source rows of each output row, and the second one's weight."""
    i = np.arange(out, dtype=np.float32)
    if attrs.get("align_corners") and out > 1:
        at = i * ((size - 1) / (out - 1))
    elif attrs.get("half_pixel_centers"):
        at = (i + 0.5) * (size / out) - 0.5
    else:
        at = i * (size / out)
    low = np.floor(at)
    weight = np.where(at < 0, 0, at - low).astype(np.float32)
    return (np.clip(low, 0, size - 1).astype(np.int32), np.clip(low + 1, 0, size - 1).astype(np.int32), weight)


# Constant evaluation ------------------------------------------------------------------------------------------------

Evaluator = Callable[[Step, list[np.ndarray]], np.ndarray]
EVALUATORS: dict[str, Evaluator] = {
    "AddV2": lambda s, x: x[0] + x[1],
    "Sub": lambda s, x: x[0] - x[1],
    "Mul": lambda s, x: x[0] * x[1],
    "RealDiv": lambda s, x: x[0] / x[1],
    "Rsqrt": lambda s, x: (1 / np.sqrt(x[0])).astype(x[0].dtype),
    "Sqrt": lambda s, x: np.sqrt(x[0]),
    "BiasAdd": lambda s, x: x[0] + x[1],
    "FloorMod": lambda s, x: np.mod(x[0], x[1]),
    "Maximum": lambda s, x: np.maximum(x[0], x[1]),
    "Reshape": lambda s, x: x[0].reshape([int(d) for d in x[1]]),
    "Squeeze": lambda s, x: x[0].reshape(squeezed(x[0].shape, s.attrs.get("squeeze_dims"))),
    "Transpose": lambda s, x: np.transpose(x[0], x[1]),
    "Cast": lambda s, x: x[0].astype(s.attrs["DstT"]),
    "Pack": lambda s, x: np.stack(x, s.attrs.get("axis") or 0),
    "ConcatV2": lambda s, x: np.concatenate(x[:-1], int(x[-1])),
    "StridedSlice": lambda s, x: np.asarray(x[0][slice_indices(s, x[1:])]),
    "GatherV2": lambda s, x: np.take(x[0], x[1], int(x[2])),
    "ExpandDims": lambda s, x: np.expand_dims(x[0], int(x[1])),
    "Fill": lambda s, x: np.full([int(d) for d in x[0]], x[1]),
    "Prod": lambda s, x: np.prod(x[0], tuple(np.atleast_1d(x[1]))),
    "Range": lambda s, x: np.arange(*x),
}

# Shapes of what is computed at run time -----------------------------------------------------------------------------

Shapes = list[tuple[int, ...]]
ELEMENTWISE = {
    "AddV2",
    "Sub",
    "Mul",
    "RealDiv",
    "SquaredDifference",
    "Maximum",
    "FloorMod",
    "BiasAdd",
    "Relu",
    "Relu6",
    "Tanh",
    "Erf",
    "Sigmoid",
    "Rsqrt",
    "Sqrt",
    "Log1p",
    "Softmax",
    "Cast",
    "FusedBatchNormV3",
    "Elu",
    "Exp",
    "Neg",
}


def run_time_shape(program: Program, step: Step) -> tuple[int, ...]:
    """The shape of a step's result, from its operands' shapes and the elements of constant ones."""
    shapes = [program.shapes[i] for i in step.inputs]
    values = [program.constants.get(i) for i in step.inputs]
    op, a = step.op, step.attrs
    if op == "FusedBatchNormV3":
        return shapes[0]
    if op in ELEMENTWISE:
        return tuple(np.broadcast_shapes(*shapes))
    if op == "Conv2D":
        return (*window_shape(step, shapes[0], shapes[1][:2])[:3], shapes[1][3])
    if op == "DepthwiseConv2dNative":
        return (*window_shape(step, shapes[0], shapes[1][:2])[:3], shapes[1][2] * shapes[1][3])
    if op == "Conv2DBackpropInput":
        return tuple(int(d) for d in values[0])
    if op in ("MaxPool", "AvgPool"):
        return window_shape(step, shapes[0], a["ksize"][1:3])
    if op == "MatMul":
        return matmul_shape(shapes[0], shapes[1], a.get("transpose_a"), a.get("transpose_b"))
    if op == "BatchMatMulV2":
        return matmul_shape(shapes[0], shapes[1], a.get("adj_x"), a.get("adj_y"))
    if op in ("Mean", "Sum", "Max"):
        return reduced_shape(shapes[0], axes_of(values[1], len(shapes[0])), a.get("keep_dims"))
    if op == "Pad":
        return tuple(d + int(p[0]) + int(p[1]) for d, p in zip(shapes[0], values[1]))
    if op == "Reshape":
        return reshaped(shapes[0], values[1])
    if op == "Squeeze":
        return squeezed(shapes[0], a.get("squeeze_dims"))
    if op == "Transpose":
        return tuple(shapes[0][int(i)] for i in values[1])
    if op == "StridedSlice":
        return np.empty(shapes[0], np.bool_)[slice_indices(step, values[1:])].shape
    if op == "GatherV2":
        axis = int(values[2]) % len(shapes[0])
        return shapes[0][:axis] + shapes[1] + shapes[0][axis + 1 :]
    if op == "ConcatV2":
        axis = int(values[-1]) % len(shapes[0])
        return tuple(sum(s[i] for s in shapes[:-1]) if i == axis else d for i, d in enumerate(shapes[0]))
    if op == "Pack":
        axis = (a.get("axis") or 0) % (len(shapes[0]) + 1)
        return shapes[0][:axis] + (len(shapes),) + shapes[0][axis:]
    if op == "ExpandDims":
        axis = int(values[1]) % (len(shapes[0]) + 1)
        return shapes[0][:axis] + (1,) + shapes[0][axis:]
    if op == "ResizeBilinear":
        return (shapes[0][0], int(values[1][0]), int(values[1][1]), shapes[0][3])
    if op == "ArgMax":
        axis = int(values[1]) % len(shapes[0])
        return shapes[0][:axis] + shapes[0][axis + 1 :]
    raise NotImplementedError(f"op {op} of node {step.name}: the peers' reader has no shape rule for it")


def result_dtype(program: Program, step: Step) -> np.dtype:
    """The type of a step's result."""
    if step.op == "Cast":
        return np.dtype(step.attrs["DstT"])
    if step.op == "ArgMax":
        return np.dtype(step.attrs.get("output_type") or np.int64)
    return program.dtypes[step.inputs[1 if step.op == "Conv2DBackpropInput" else 0]]


def add_constant(program: Program, name: str, value: np.ndarray) -> None:
    """Adds a value that is known."""
    value = np.asarray(value)
    program.constants[name] = value
    program.shapes[name] = value.shape
    program.dtypes[name] = value.dtype


def add_step(program: Program, step: Step) -> None:
    """Adds a step, or the constant that it comes to."""
    if step.op == "Shape":
        out = step.attrs.get("out_type") or np.int32
        add_constant(program, step.name, np.array(program.shapes[step.inputs[0]], out))
    elif step.op in ALIASES and step.inputs[0] in program.constants:
        add_constant(program, step.name, program.constants[step.inputs[0]])
    elif step.op in EVALUATORS and all(i in program.constants for i in step.inputs):
        add_constant(program, step.name, EVALUATORS[step.op](step, [program.constants[i] for i in step.inputs]))
    elif step.op in ALIASES:
        program.steps.append(Step("Identity", step.name, step.inputs, {}))
        program.shapes[step.name] = program.shapes[step.inputs[0]]
        program.dtypes[step.name] = program.dtypes[step.inputs[0]]
    else:
        program.shapes[step.name] = run_time_shape(program, step)
        program.dtypes[step.name] = result_dtype(program, step)
        program.steps.append(step)
