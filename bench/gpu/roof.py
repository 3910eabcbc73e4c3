#!/usr/bin/env python3
"""The least time that a frozen graph can take on a device, layer by layer.

    python3 bench/gpu/roof.py model.pb [--batch N...] [--precision fp16...] [--device h200] [--layers]

A layer is a convolution, product, pooling, normalisation or attention with the elementwise work around it that a good
kernel does on the way: bias, activation, residual sum. Its time is the larger of floating-point operations over the
rate of the unit that does them, and bytes (inputs and weights read once, outputs written once) over the memory's rate;
the roof is the sum. Reshapes and transposes are free. Kernels that fuse layers, and data that stays in the L2 cache,
beat the sum; `least` is what nothing beats: the arithmetic, or weights, inputs and outputs moved once where no cache
holds them.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from pathlib import Path

from graph.program import Program, Step, read_program


@dataclass(frozen=True)
class Rates:
    """Operations and bytes a second."""

    matrix: dict[str, float]
    vector: float
    memory: float


# Datasheets: SXM parts, dense. Arithmetic is the same on both. For int8 the roof is that of a graph all of which is.
MATRIX = {"fp16": 990e12, "bf16": 990e12, "tf32": 495e12, "fp32": 67e12, "int8": 1979e12, "int8+fp16": 1979e12}
DEVICES = {"h200": Rates(MATRIX, 67e12, 4.8e12), "h100": Rates(MATRIX, 67e12, 3.35e12)}
ELEMENT_BYTES = {"fp16": 2, "bf16": 2, "tf32": 4, "fp32": 4, "int8": 1, "int8+fp16": 1}

FREE = {"Reshape", "Squeeze", "Identity", "Transpose", "ExpandDims"}
HEAVY = {
    "Conv2D",
    "DepthwiseConv2dNative",
    "Conv2DBackpropInput",
    "MatMul",
    "BatchMatMulV2",
    "Attention",
    "MaxPool",
    "AvgPool",
    "Mean",
    "Sum",
    "Softmax",
    "LayerNorm",
    "GatherV2",
    "ResizeBilinear",
    "ArgMax",
    "Pad",
}
L2_BYTES = 60e6


@dataclass
class Layer:
    """Steps that one kernel could do."""

    steps: list[Step] = field(default_factory=list)
    flops: float = 0
    weights: float = 0  # elements read of constants
    activations: float = 0  # elements read and written of what is computed
    depthwise: bool = False

    def seconds(self, rates: Rates, precision: str, activations: bool = True) -> float:
        """The layer's roof."""
        rate = rates.vector if self.depthwise else rates.matrix[precision]
        moved = (self.weights + (self.activations if activations else 0)) * ELEMENT_BYTES[precision]
        return max(self.flops / rate, moved / rates.memory)


def size(program: Program, name: str) -> int:
    """Elements of a value."""
    return math.prod(program.shapes[name])


def step_flops(program: Program, step: Step) -> float:
    """Multiplications and additions of a linear step; elementwise work is not counted."""
    shapes, out = [program.shapes[i] for i in step.inputs], program.shapes[step.name]
    if step.op in ("Conv2D", "DepthwiseConv2dNative"):
        taps = math.prod(shapes[1][:2]) * (shapes[1][2] if step.op == "Conv2D" else 1)
        return 2.0 * math.prod(out) * taps
    if step.op == "Conv2DBackpropInput":
        return 2.0 * math.prod(shapes[2]) * math.prod(shapes[1][:3])
    if step.op in ("MatMul", "BatchMatMulV2"):
        inner = shapes[0][-2 if step.attrs.get("transpose_a") or step.attrs.get("adj_x") else -1]
        return 2.0 * math.prod(out) * inner
    if step.op == "Attention":
        *batch, rows, depth = shapes[0]
        return 4.0 * math.prod(batch) * rows * shapes[1][-2] * depth
    return 0.0


class Grouping:
    """Puts the steps of a program into layers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.users = program.users()
        self.alias: dict[str, str] = {}
        self.layer_of: dict[str, Layer] = {}
        self.layers: list[Layer] = []

    def resolve(self, name: str) -> str:
        """The value that a free view shows."""
        while name in self.alias:
            name = self.alias[name]
        return name

    def add(self, step: Step) -> None:
        """Puts one step into a layer: an elementwise one into that of an operand which nothing else reads."""
        if step.op in FREE:
            self.alias[step.name] = step.inputs[0]
            return
        layer = None
        if step.op not in HEAVY:
            candidates = [
                self.layer_of[v]
                for i in step.inputs
                if self.users.get(i) == 1
                for v in [self.resolve(i)]
                if v in self.layer_of
            ]
            layer = candidates[-1] if candidates else None
        if layer is None:
            layer = Layer()
            self.layers.append(layer)
        layer.steps.append(step)
        self.layer_of[step.name] = layer

    def count(self, layer: Layer) -> None:
        """Fills in a layer's work."""
        made = {s.name for s in layer.steps}
        read = {self.resolve(i) for s in layer.steps for i in s.inputs} - made
        outside = {
            self.resolve(i) for other in self.layers if other is not layer for s in other.steps for i in s.inputs
        }
        outside |= {self.resolve(o) for o in self.program.outputs}
        for name in read:
            if name not in self.program.constants:
                layer.activations += size(self.program, name)
            elif self.program.constants[name].dtype.kind == "f":
                layer.weights += min(size(self.program, name), self.gathered(layer, name))
        layer.activations += sum(size(self.program, name) for name in made & outside)
        layer.flops = sum(step_flops(self.program, s) for s in layer.steps)
        layer.depthwise = any(s.op == "DepthwiseConv2dNative" for s in layer.steps) or layer.flops == 0

    def gathered(self, layer: Layer, name: str) -> float:
        """Of a table, what the gather reads."""
        rows = [size(self.program, s.name) for s in layer.steps if s.op == "GatherV2" and s.inputs[0] == name]
        return rows[0] if rows else math.inf


def layers_of(program: Program) -> list[Layer]:
    """The layers of a raised program."""
    grouping = Grouping(program)
    for step in program.steps:
        grouping.add(step)
    for layer in grouping.layers:
        grouping.count(layer)
    return grouping.layers


@dataclass(frozen=True)
class Roof:
    """Bounds in seconds, and what they come from."""

    layerwise: float  # the sum over layers, activations through memory
    least: float  # nothing is faster
    flops: float
    bytes: float
    layers: int


def roof_of(model: Path, batch: int, precision: str, rates: Rates) -> Roof:
    """The roof of a frozen graph."""
    program = read_program(model, batch, raised=True)
    layers = layers_of(program)
    element = ELEMENT_BYTES[precision]
    ends = sum(size(program, n) for n in program.inputs + program.outputs)
    weights = sum(layer.weights for layer in layers)
    arithmetic = sum(
        layer.seconds(rates, precision, False) if layer.depthwise else layer.flops / rates.matrix[precision]
        for layer in layers
    )
    moved = (weights + ends) * element
    least = max(arithmetic, moved / rates.memory if moved > L2_BYTES else 0)
    return Roof(
        sum(layer.seconds(rates, precision) for layer in layers),
        least,
        sum(l.flops for l in layers),
        element * sum(l.weights + l.activations for l in layers),
        len(layers),
    )


def print_layers(model: Path, batch: int, precision: str, rates: Rates) -> None:
    """A line a layer."""
    for layer in layers_of(read_program(model, batch, raised=True)):
        ops = "+".join(s.op for s in layer.steps)
        print(
            f"  {layer.seconds(rates, precision) * 1e6:9.2f} us {layer.flops / 1e9:9.3f} GFLOP "
            f"{(layer.weights + layer.activations) * ELEMENT_BYTES[precision] / 1e6:9.2f} MB  "
            f"{ops}  {layer.steps[-1].name}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 64, 256])
    parser.add_argument("--precision", nargs="+", default=["fp16"], choices=sorted(MATRIX))
    parser.add_argument("--device", default="h200", choices=sorted(DEVICES))
    parser.add_argument("--layers", action="store_true", help="a line a layer")
    options = parser.parse_args()
    rates = DEVICES[options.device]
    for model in options.models:
        for precision in options.precision:
            for batch in options.batch:
                roof = roof_of(model, batch, precision, rates)
                print(
                    f"{model.stem:14s} {precision} batch {batch:<4d} {roof.layers:3d} layers "
                    f"{roof.flops / batch / 1e9:7.2f} GFLOP/row {roof.bytes / 1e6:9.1f} MB  "
                    f"layerwise {roof.layerwise * 1e6:9.1f} us ({batch / roof.layerwise:9.0f}/s)  "
                    f"least {roof.least * 1e6:9.1f} us"
                )
                if options.layers:
                    print_layers(model, batch, precision, rates)


if __name__ == "__main__":
    main()
