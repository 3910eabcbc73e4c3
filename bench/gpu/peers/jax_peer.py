"""A program through JAX, that is through XLA, TensorFlow's own compiler."""

from __future__ import annotations

import time
from typing import Any, Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from graph.evaluate import axes_of, resize_taps, slice_indices, spatial_padding
from graph.program import Program, Step

COMPUTE = {"fp32": jnp.float32, "tf32": jnp.float32, "fp16": jnp.float16, "bf16": jnp.bfloat16}
# What XLA may do with float32 products: three passes' worth of precision, or TensorFloat-32.
MATMUL = {"fp32": "highest", "tf32": "tensorfloat32", "fp16": "default", "bf16": "default"}

Arrays = list[Any]


def convolve(step: Step, x: Any, w: Any, depthwise: bool) -> Any:
    """Conv2D and DepthwiseConv2dNative."""
    groups = 1
    if depthwise:
        groups = w.shape[2]
        w = w.reshape(*w.shape[:2], 1, w.shape[2] * w.shape[3])
    dilations = (step.attrs.get("dilations") or [1, 1, 1, 1])[1:3]
    return lax.conv_general_dilated(
        x,
        w,
        step.attrs["strides"][1:3],
        step.attrs["padding"],
        rhs_dilation=dilations,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def transposed(step: Step, x: Any, w: Any, size: np.ndarray) -> Any:
    """Conv2DBackpropInput: the gradient of the convolution that maps `size` to x."""
    pads = []
    for axis in (1, 2):
        window, stride = w.shape[axis - 1], step.attrs["strides"][axis]
        _, before, _ = spatial_padding(step.attrs["padding"], int(size[axis]), window, stride)
        low = window - 1 - before
        high = int(size[axis]) + window - 1 - ((x.shape[axis] - 1) * stride + 1) - low
        pads.append((low, high))
    return lax.conv_general_dilated(
        x,
        w[::-1, ::-1],
        (1, 1),
        pads,
        lhs_dilation=step.attrs["strides"][1:3],
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def taps_inside(padding: str, size: int, window: int, stride: int) -> np.ndarray:
    """How many elements of each window along one axis lie inside the image."""
    out, before, _ = spatial_padding(padding, size, window, stride)
    start = np.arange(out) * stride - before
    return (np.minimum(start + window, size) - np.maximum(start, 0)).astype(np.float32)


def pool(step: Step, x: Any, average: bool) -> Any:
    """MaxPool and AvgPool; an average counts what lies inside the image alone."""
    window, strides, padding = step.attrs["ksize"], step.attrs["strides"], step.attrs["padding"]
    if not average:
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)
    total = lax.reduce_window(x.astype(jnp.float32), 0.0, lax.add, window, strides, padding)
    rows, columns = (taps_inside(padding, x.shape[a], window[a], strides[a]) for a in (1, 2))
    return (total / np.outer(rows, columns)[None, :, :, None]).astype(x.dtype)


def multiply(a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    """A batched matrix product."""
    a = jnp.swapaxes(a, -1, -2) if transpose_a else a
    return jnp.matmul(a, jnp.swapaxes(b, -1, -2) if transpose_b else b)


def resize(step: Step, x: Any, size: tuple[int, int]) -> Any:
    """ResizeBilinear, all three ways of placing the corners, as two interpolations."""
    for axis, out in zip((1, 2), size):
        low, high, weight = resize_taps(step.attrs, x.shape[axis], out)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(4)]).astype(x.dtype)
        x = jnp.take(x, low, axis) * (1 - weight) + jnp.take(x, high, axis) * weight
    return x


def mean(step: Step, x: Any, axes: np.ndarray) -> Any:
    """Mean, summed in float32."""
    return jnp.mean(x, axes_of(axes, x.ndim), dtype=jnp.float32, keepdims=bool(step.attrs.get("keep_dims"))).astype(
        x.dtype
    )


OPS: dict[str, Callable[..., Any]] = {
    "AddV2": lambda s, a, b: a + b,
    "BiasAdd": lambda s, a, b: a + b,
    "Sub": lambda s, a, b: a - b,
    "Mul": lambda s, a, b: a * b,
    "RealDiv": lambda s, a, b: a / b,
    "FloorMod": lambda s, a, b: jnp.mod(a, b),
    "SquaredDifference": lambda s, a, b: lax.square(a - b),
    "Maximum": lambda s, a, b: jnp.maximum(a, b),
    "Relu": lambda s, a: jnp.maximum(a, 0),
    "Relu6": lambda s, a: jnp.clip(a, 0, 6),
    "Tanh": lambda s, a: jnp.tanh(a),
    "Erf": lambda s, a: lax.erf(a),
    "Sigmoid": lambda s, a: jax.nn.sigmoid(a),
    "Rsqrt": lambda s, a: lax.rsqrt(a),
    "Sqrt": lambda s, a: jnp.sqrt(a),
    "Log1p": lambda s, a: jnp.log1p(a),
    "Identity": lambda s, a: a,
    "Softmax": lambda s, a: jax.nn.softmax(a.astype(jnp.float32), -1).astype(a.dtype),
    "Conv2D": lambda s, x, w: convolve(s, x, w, False),
    "DepthwiseConv2dNative": lambda s, x, w: convolve(s, x, w, True),
    "Conv2DBackpropInput": lambda s, size, w, x: transposed(s, x, w, size),
    "MaxPool": lambda s, x: pool(s, x, False),
    "AvgPool": lambda s, x: pool(s, x, True),
    "MatMul": lambda s, a, b: multiply(a, b, s.attrs.get("transpose_a"), s.attrs.get("transpose_b")),
    "BatchMatMulV2": lambda s, a, b: multiply(a, b, s.attrs.get("adj_x"), s.attrs.get("adj_y")),
    "Mean": mean,
    "Sum": lambda s, x, axes: jnp.sum(x, axes_of(axes, x.ndim), keepdims=bool(s.attrs.get("keep_dims"))),
    "Pad": lambda s, x, p: jnp.pad(x, [(int(a), int(b)) for a, b in p]),
    "Transpose": lambda s, x, p: jnp.transpose(x, [int(i) for i in p]),
    "StridedSlice": lambda s, x, *index: x[slice_indices(s, list(index))],
    "GatherV2": lambda s, x, i, axis: jnp.take(x, i, int(axis)),
    "ConcatV2": lambda s, *x: jnp.concatenate(x[:-1], int(x[-1])),
    "Pack": lambda s, *x: jnp.stack(x, s.attrs.get("axis") or 0),
    "ExpandDims": lambda s, x, axis: jnp.expand_dims(x, int(axis)),
    "ResizeBilinear": lambda s, x, size: resize(s, x, (int(size[0]), int(size[1]))),
    "ArgMax": lambda s, x, axis: jnp.argmax(x, int(axis)),
}


class JaxPeer:
    """Runs a program; inputs and outputs are arrays in the program's order, floats in float32 at both ends."""

    name = "xla"

    def __init__(self, program: Program, precision: str) -> None:
        self.program = program
        self.compute = COMPUTE[precision]
        self.precision = MATMUL[precision]
        self.weights = {k: jnp.asarray(v, self.compute) for k, v in program.constants.items() if v.dtype == np.float32}
        self.function = jax.jit(self._trace)
        self.loop = jax.jit(self._scan)

    def _trace(self, weights: dict[str, Any], *inputs: Any) -> Arrays:
        with jax.default_matmul_precision(self.precision):
            return self._interpret(weights, inputs)

    def _interpret(self, weights: dict[str, Any], inputs: Any) -> Arrays:
        values = {**self.program.constants, **weights}
        for name, value in zip(self.program.inputs, inputs):
            values[name] = value.astype(self.compute) if value.dtype == jnp.float32 else value
        for step in self.program.steps:
            values[step.name] = self.step(step, [values[i] for i in step.inputs])
        results = [values[o] for o in self.program.outputs]
        return [r.astype(jnp.float32) if r.dtype == self.compute else r for r in results]

    def step(self, step: Step, operands: Arrays) -> Any:
        """What one step gives."""
        if step.op == "Reshape":
            return operands[0].reshape(self.program.shapes[step.name])
        if step.op == "Squeeze":
            return operands[0].reshape(self.program.shapes[step.name])
        if step.op == "Cast":
            dtype = step.attrs["DstT"]
            return operands[0].astype(self.compute if dtype == np.float32 else dtype)
        return OPS[step.op](step, *operands)

    def _scan(self, weights: dict[str, Any], stacked: Arrays) -> Arrays:
        """The program over each set of inputs along the first axis: one launch by the host for all."""
        return lax.map(lambda inputs: self._trace(weights, *inputs), tuple(stacked))

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """One batch, from host memory to host memory."""
        return [np.asarray(r) for r in self.function(self.weights, *inputs)]

    def device_block(self, sets: list[list[np.ndarray]], seconds: float) -> float:
        """Seconds a batch with inputs on the device: the better of launches by the host and of one loop over all."""
        if jax.default_backend() == "cpu":
            return self._dispatch_block(sets, seconds)
        return min(self._dispatch_block(sets, seconds / 2), self._loop_block(sets, seconds / 2))

    def _dispatch_block(self, sets: list[list[np.ndarray]], seconds: float) -> float:
        resident = self._resident(sets)
        count, result = 0, None
        start = time.perf_counter()
        while count < len(resident) or time.perf_counter() - start < seconds:
            for inputs in resident:
                result = self.function(self.weights, *inputs)
            jax.block_until_ready(result)
            count += len(resident)
        return (time.perf_counter() - start) / count

    def _loop_block(self, sets: list[list[np.ndarray]], seconds: float) -> float:
        stacked = self._stacked(sets)
        jax.block_until_ready(self.loop(self.weights, stacked))
        count = 0
        start = time.perf_counter()
        while count == 0 or time.perf_counter() - start < seconds:
            jax.block_until_ready(self.loop(self.weights, stacked))
            count += len(sets) * self.repeats(sets)
        return (time.perf_counter() - start) / count

    def _resident(self, sets: list[list[np.ndarray]]) -> list[Arrays]:
        if not hasattr(self, "_on_device"):
            self._on_device = [[jax.device_put(x) for x in inputs] for inputs in sets]
        return self._on_device

    @staticmethod
    def repeats(sets: list[list[np.ndarray]]) -> int:
        """How often the loop goes through the sets, within a gigabyte of stacked inputs."""
        return max(1, min(16, (1 << 30) // max(sum(x.nbytes for inputs in sets for x in inputs), 1)))

    def _stacked(self, sets: list[list[np.ndarray]]) -> Arrays:
        if not hasattr(self, "_stack"):
            many = sets * self.repeats(sets)
            self._stack = [jax.device_put(np.stack([inputs[i] for inputs in many])) for i in range(len(sets[0]))]
        return self._stack

    def latency_block(self, sets: list[list[np.ndarray]], seconds: float) -> list[float]:
        """Seconds of each request, one after another, host memory to host memory."""
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < 10 or time.perf_counter() < end:
            start = time.perf_counter()
            self.run(sets[len(times) % len(sets)])
            times.append(time.perf_counter() - start)
        return times

    def throughput_block(self, sets: list[list[np.ndarray]], seconds: float, depth: int) -> float:
        """Seconds a batch with `depth` batches in flight, host memory to host memory."""
        flying: list[Arrays] = []
        count = 0
        start = time.perf_counter()
        while count < 2 * depth or time.perf_counter() - start < seconds:
            results = self.function(self.weights, *[jax.device_put(x) for x in sets[count % len(sets)]])
            for r in results:
                r.copy_to_host_async()
            flying.append(results)
            if len(flying) >= depth:
                for r in flying.pop(0):
                    np.asarray(r)
            count += 1
        for results in flying:
            for r in results:
                np.asarray(r)
        return (time.perf_counter() - start) / count
