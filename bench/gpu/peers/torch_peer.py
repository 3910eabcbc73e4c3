"""A program through PyTorch: eager or compiled, channels last, replayed as CUDA graphs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable

import numpy as np
import torch
import torch.nn.functional as F

from graph.evaluate import axes_of, resize_taps, slice_indices
from graph.program import Program, Step

COMPUTE = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
Tensors = list[Any]


def to_nchw(x: torch.Tensor) -> torch.Tensor:
    """An NHWC tensor seen as NCHW: the same memory, channels last."""
    return x.permute(0, 3, 1, 2)


def to_nhwc(x: torch.Tensor) -> torch.Tensor:
    """The way back."""
    return x.permute(0, 2, 3, 1)


def padded(x: torch.Tensor, pads: Any, value: float = 0.0) -> tuple[torch.Tensor, tuple[int, int]]:
    """Pads an NCHW tensor where the padding is not symmetric; returns what the operation itself shall pad."""
    (top, bottom), (left, right) = pads
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def convolve(step: Step, x: torch.Tensor, w: torch.Tensor, bias: Any = None) -> torch.Tensor:
    """Conv2D and DepthwiseConv2dNative; weights as packed by pack_weights."""
    y, pad = padded(to_nchw(x), step.attrs["pads"])
    groups = x.shape[3] if step.op == "DepthwiseConv2dNative" else 1
    dilations = tuple((step.attrs.get("dilations") or [1, 1, 1, 1])[1:3])
    return to_nhwc(F.conv2d(y, w, bias, tuple(step.attrs["strides"][1:3]), pad, dilations, groups))


def transposed(step: Step, size: Any, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Conv2DBackpropInput: all of it, then the part that the padding leaves."""
    full = F.conv_transpose2d(to_nchw(x), w, stride=tuple(step.attrs["strides"][1:3]))
    (top, _), (left, _) = step.attrs["pads"]
    height, width = int(size[1]), int(size[2])
    full = F.pad(full, (0, max(0, left + width - full.shape[3]), 0, max(0, top + height - full.shape[2])))
    return to_nhwc(full[:, :, top : top + height, left : left + width])


def pool(step: Step, x: torch.Tensor) -> torch.Tensor:
    """MaxPool and AvgPool; an average counts what lies inside the image alone."""
    window, strides = tuple(step.attrs["ksize"][1:3]), tuple(step.attrs["strides"][1:3])
    if step.op == "MaxPool":
        y, pad = padded(to_nchw(x), step.attrs["pads"], -torch.inf)
        return to_nhwc(F.max_pool2d(y, window, strides, pad))
    y, pad = padded(to_nchw(x), step.attrs["pads"])
    if pad == (0, 0) and y.shape[2:] != to_nchw(x).shape[2:]:
        raise NotImplementedError("an average over asymmetric padding")
    return to_nhwc(F.avg_pool2d(y, window, strides, pad, count_include_pad=False))


def multiply(step: Step, a: torch.Tensor, b: torch.Tensor, bias: Any = None) -> torch.Tensor:
    """MatMul, with its bias, and BatchMatMulV2."""
    a = a.transpose(-1, -2) if step.attrs.get("transpose_a") or step.attrs.get("adj_x") else a
    b = b.transpose(-1, -2) if step.attrs.get("transpose_b") or step.attrs.get("adj_y") else b
    return torch.matmul(a, b) if bias is None else torch.addmm(bias, a, b)


def resize(step: Step, x: torch.Tensor, size: Any) -> torch.Tensor:
    """ResizeBilinear."""
    align, half = bool(step.attrs.get("align_corners")), bool(step.attrs.get("half_pixel_centers"))
    if align or half:
        return to_nhwc(F.interpolate(to_nchw(x), (int(size[0]), int(size[1])), mode="bilinear", align_corners=align))
    for axis, out in zip((1, 2), size):
        low, high, weight = taps_on(x.device, x.shape[axis], int(out))
        weight = weight.reshape([-1 if i == axis else 1 for i in range(4)]).to(x.dtype)
        x = x.index_select(axis, low) * (1 - weight) + x.index_select(axis, high) * weight
    return x


@lru_cache(maxsize=None)
def taps_on(device: torch.device, size: int, out: int) -> tuple[torch.Tensor, ...]:
    """resize_taps() as tensors; kept, as nothing can be uploaded while a graph is captured."""
    return tuple(torch.as_tensor(t, device=device) for t in resize_taps({}, size, out))


def pad_zeros(x: torch.Tensor, sizes: Any) -> torch.Tensor:
    """Pad: PyTorch lists the last axis first."""
    return F.pad(x, [int(n) for pair in sizes[::-1] for n in pair])


def attention(step: Step, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attention with an additive mask."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=step.attrs["scale"])


def gather(x: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """GatherV2 without batch axes."""
    if axis == 0 and x.ndim == 2:
        return F.embedding(indices, x)
    axis %= x.ndim
    return x.index_select(axis, indices.reshape(-1)).reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def keep(step: Step) -> bool:
    """Whether a reduction keeps its axes."""
    return bool(step.attrs.get("keep_dims"))


OPS: dict[str, Callable[..., Any]] = {
    "AddV2": lambda s, a, b: a + b,
    "BiasAdd": lambda s, a, b: a + b,
    "Sub": lambda s, a, b: a - b,
    "Mul": lambda s, a, b: a * b,
    "RealDiv": lambda s, a, b: a / b,
    "FloorMod": lambda s, a, b: torch.remainder(a, b),
    "SquaredDifference": lambda s, a, b: torch.square(a - b),
    "Maximum": lambda s, a, b: torch.maximum(a, b),
    "Relu": lambda s, a: F.relu(a),
    "Relu6": lambda s, a: F.relu6(a),
    "Tanh": lambda s, a: torch.tanh(a),
    "Erf": lambda s, a: torch.erf(a),
    "Gelu": lambda s, a: F.gelu(a),
    "Sigmoid": lambda s, a: torch.sigmoid(a),
    "Rsqrt": lambda s, a: torch.rsqrt(a),
    "Sqrt": lambda s, a: torch.sqrt(a),
    "Log1p": lambda s, a: torch.log1p(a),
    "Identity": lambda s, a: a,
    "Softmax": lambda s, a: torch.softmax(a, -1),
    "Conv2D": convolve,
    "DepthwiseConv2dNative": convolve,
    "Conv2DBackpropInput": transposed,
    "MaxPool": pool,
    "AvgPool": pool,
    "MatMul": multiply,
    "BatchMatMulV2": multiply,
    "Attention": attention,
    "LayerNorm": lambda s, x, g, b: F.layer_norm(x, (x.shape[-1],), g, b, s.attrs["epsilon"]),
    "Mean": lambda s, x, axes: x.mean(axes_of(axes, x.ndim), keepdim=keep(s)),
    "Sum": lambda s, x, axes: x.sum(axes_of(axes, x.ndim), keepdim=keep(s)),
    "Pad": lambda s, x, p: pad_zeros(x, p),
    "Transpose": lambda s, x, p: x.permute([int(i) for i in p]),
    "StridedSlice": lambda s, x, *index: x[slice_indices(s, list(index))],
    "GatherV2": lambda s, x, i, axis: gather(x, i, int(axis)),
    "ConcatV2": lambda s, *x: torch.cat(x[:-1], int(x[-1])),
    "Pack": lambda s, *x: torch.stack(x, s.attrs.get("axis") or 0),
    "ExpandDims": lambda s, x, axis: x.unsqueeze(int(axis)),
    "ResizeBilinear": resize,
    "ArgMax": lambda s, x, axis: x.argmax(int(axis)),
}
# Operands that say how, not what: they stay on the host.
HOST_OPERANDS = {
    "Mean": [1],
    "Sum": [1],
    "Pad": [1],
    "Transpose": [1],
    "StridedSlice": [1, 2, 3],
    "GatherV2": [2],
    "ConcatV2": [-1],
    "ExpandDims": [1],
    "ResizeBilinear": [1],
    "ArgMax": [1],
    "Conv2DBackpropInput": [0],
    "Reshape": [1],
}


def pack_weights(step: Step, w: np.ndarray) -> np.ndarray:
    """Weights in PyTorch's order."""
    if step.op == "Conv2D":
        return w.transpose(3, 2, 0, 1)
    if step.op == "DepthwiseConv2dNative":
        return w.reshape(*w.shape[:2], 1, -1).transpose(3, 2, 0, 1)
    return w.transpose(3, 2, 0, 1)  # Conv2DBackpropInput: [h, w, out, in] to [in, out, h, w]


@dataclass(frozen=True)
class Plain:
    """An operand that says how: plain numbers."""

    value: Any


class GraphModule(torch.nn.Module):
    """The steps of a program as a module; its constants are buffers."""

    def __init__(self, program: Program, compute: torch.dtype, device: str) -> None:
        super().__init__()
        self.program, self.compute = program, compute
        self.plan = [
            (step, [self._operand(step, i, device) for i in range(len(step.inputs))]) for step in program.steps
        ]

    def _operand(self, step: Step, index: int, device: str) -> Any:
        """A value's name, or the constant itself: a tensor on the device, or plain numbers, which compile away."""
        name = step.inputs[index]
        if name not in self.program.constants:
            return name
        value = self.program.constants[name]
        if index in [i % len(step.inputs) for i in HOST_OPERANDS.get(step.op, [])]:
            return Plain(value.tolist())
        convolution = step.op in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput") and index == 1
        tensor = torch.tensor(np.ascontiguousarray(pack_weights(step, value) if convolution else value), device=device)
        tensor = tensor.to(self.compute) if value.dtype == np.float32 else tensor
        return tensor.contiguous(memory_format=torch.channels_last) if convolution else tensor

    def forward(self, *inputs: torch.Tensor) -> Tensors:
        """Outputs in the program's order, floats as float32."""
        values: dict[str, Any] = {}
        for name, value in zip(self.program.inputs, inputs):
            values[name] = value.to(self.compute) if value.dtype == torch.float32 else value
        for step, operands in self.plan:
            values[step.name] = self._step(step, [self._value(values, o) for o in operands])
        results = [values[o] for o in self.program.outputs]
        return [r.float().contiguous() if r.is_floating_point() else r.contiguous() for r in results]

    @staticmethod
    def _value(values: dict[str, Any], operand: Any) -> Any:
        if isinstance(operand, Plain):
            return operand.value
        return values[operand] if isinstance(operand, str) else operand

    def _step(self, step: Step, operands: Tensors) -> Any:
        if step.op in ("Reshape", "Squeeze"):
            return operands[0].reshape(self.program.shapes[step.name])
        if step.op == "Cast":
            return operands[0].to(
                self.compute if step.attrs["DstT"] == np.float32 else DTYPES[np.dtype(step.attrs["DstT"])]
            )
        return OPS[step.op](step, *operands)


DTYPES = {np.dtype(np.int32): torch.int32, np.dtype(np.int64): torch.int64, np.dtype(np.bool_): torch.bool}


class Slot:
    """One batch in flight: pinned host buffers, device buffers, a stream, and the captured graph between them."""

    def __init__(self, function: Callable[..., Tensors], inputs: list[np.ndarray], pool: Any) -> None:
        self.host = [torch.from_numpy(np.array(x)).pin_memory() for x in inputs]
        self.device = [x.cuda() for x in self.host]
        self.stream = torch.cuda.Stream()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                function(*self.device)
        torch.cuda.synchronize()
        with torch.cuda.graph(self.graph, pool=pool, stream=self.stream):
            self.outputs = function(*self.device)
        self.results = [torch.empty(o.shape, dtype=o.dtype, pin_memory=True) for o in self.outputs]

    def enqueue(self) -> None:
        """Upload, run, download; returns at once."""
        with torch.cuda.stream(self.stream):
            for host, device in zip(self.host, self.device):
                device.copy_(host, non_blocking=True)
            self.graph.replay()
            for result, output in zip(self.results, self.outputs):
                result.copy_(output, non_blocking=True)

    def wait(self) -> None:
        """Blocks until what was enqueued is done."""
        self.stream.synchronize()


class TorchPeer:
    """Runs a program; inputs and outputs are arrays in the program's order, floats in float32 at both ends."""

    name = "torch"

    def __init__(self, program: Program, precision: str, compiled: bool = False) -> None:
        self.program = program
        self.cuda = torch.cuda.is_available()
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True
        if not self.cuda:
            torch.set_num_threads(1)
        module = GraphModule(program, COMPUTE[precision], "cuda" if self.cuda else "cpu").eval()
        self.function: Callable[..., Tensors] = module
        if compiled:
            self.function = torch.compile(module, mode="max-autotune-no-cudagraphs", dynamic=False)
        self.slots: list[Slot] = []

    @torch.inference_mode()
    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """One batch, from host memory to host memory."""
        device = "cuda" if self.cuda else "cpu"
        return [r.cpu().numpy() for r in self.function(*[torch.as_tensor(x, device=device) for x in inputs])]

    @torch.inference_mode()
    def _prepare(self, sets: list[list[np.ndarray]]) -> None:
        """One slot an input set. Slots may run at once, so each has memory of its own."""
        if not self.slots:
            self.slots = [Slot(self.function, inputs, torch.cuda.graph_pool_handle()) for inputs in sets]

    def device_block(self, sets: list[list[np.ndarray]], seconds: float) -> float:
        """Seconds a batch with inputs on the device: graph replays between two events."""
        if not self.cuda:
            return self._host_block(sets, seconds)
        self._prepare(sets)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        replays = len(self.slots)
        while True:
            start.record()
            for i in range(replays):
                self.slots[i % len(self.slots)].graph.replay()
            end.record()
            end.synchronize()
            elapsed = start.elapsed_time(end) / 1e3
            if elapsed >= seconds:
                return elapsed / replays
            replays = int(replays * max(2.0, min(100.0, 1.2 * seconds / max(elapsed, 1e-6))))

    @torch.inference_mode()
    def _host_block(self, sets: list[list[np.ndarray]], seconds: float) -> float:
        count, start = 0, time.perf_counter()
        while count < 2 or time.perf_counter() - start < seconds:
            self.function(*[torch.as_tensor(x) for x in sets[count % len(sets)]])
            count += 1
        return (time.perf_counter() - start) / count

    def latency_block(self, sets: list[list[np.ndarray]], seconds: float) -> list[float]:
        """Seconds of each request, one after another, host memory to host memory."""
        if self.cuda:
            self._prepare(sets)
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < 10 or time.perf_counter() < end:
            start = time.perf_counter()
            if self.cuda:
                slot = self.slots[len(times) % len(self.slots)]
                slot.enqueue()
                slot.wait()
            else:
                self.run(sets[len(times) % len(sets)])
            times.append(time.perf_counter() - start)
        return times

    def throughput_block(self, sets: list[list[np.ndarray]], seconds: float, depth: int) -> float:
        """Seconds a batch with `depth` batches in flight, host memory to host memory."""
        if not self.cuda:
            return self._host_block(sets, seconds)
        self._prepare(sets)
        slots = self.slots[:depth]
        count = 0
        start = time.perf_counter()
        while count < 2 * len(slots) or time.perf_counter() - start < seconds:
            slot = slots[count % len(slots)]
            slot.wait()
            slot.enqueue()
            count += 1
        for slot in slots:
            slot.wait()
        return (time.perf_counter() - start) / count
