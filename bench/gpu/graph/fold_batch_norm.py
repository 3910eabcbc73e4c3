"""Folds per-channel products and sums after a convolution or matrix product into its weights and one bias.

Batch normalisation comes in three forms: FusedBatchNormV3, or Mul and AddV2 (with the normalisation's own arithmetic
already evaluated, as it depends on constants alone), or Mul and BiasAdd. All become y = conv(x, w * scale) + bias.
"""

from __future__ import annotations

import numpy as np

from graph.evaluate import add_constant
from graph.program import Program, Step

LINEAR = {"Conv2D": 3, "DepthwiseConv2dNative": None, "Conv2DBackpropInput": 2, "MatMul": 1}


def skip_identities(program: Program) -> None:
    """Reads the source of every Identity instead, keeping those that are outputs."""
    aliases = {s.name: s.inputs[0] for s in program.steps if s.op == "Identity"}
    resolve = lambda name: resolve(aliases[name]) if name in aliases else name
    for step in program.steps:
        step.inputs = [resolve(i) for i in step.inputs]


def per_channel(program: Program, name: str, channels: int) -> np.ndarray | None:
    """The constant `name` as one float a channel, or None where it is not one."""
    value = program.constants.get(name)
    if value is None or value.dtype != np.float32 or value.size not in (1, channels):
        return None
    if value.ndim and value.shape[-1] != value.size:
        return None
    return np.broadcast_to(value.reshape(-1), (channels,))


def affine(program: Program, step: Step) -> tuple[str, np.ndarray, np.ndarray] | None:
    """(x, scale, shift) where the step computes x * scale + shift with one constant a channel."""
    channels = program.shapes[step.name][-1] if program.shapes[step.name] else 0
    if step.op == "FusedBatchNormV3":
        gamma, beta, mean, variance = (program.constants[i] for i in step.inputs[1:5])
        scale = gamma / np.sqrt(variance + np.float32(step.attrs["epsilon"]))
        return step.inputs[0], scale, beta - mean * scale
    if step.op not in ("Mul", "AddV2", "BiasAdd", "Sub"):
        return None
    x, other = step.inputs
    if x in program.constants and step.op in ("Mul", "AddV2"):
        x, other = other, x
    value = per_channel(program, other, channels)
    if value is None or x in program.constants or program.shapes[x] != program.shapes[step.name]:
        return None
    one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    return {"Mul": (x, value, zero), "Sub": (x, one, -value)}.get(step.op, (x, one, value))


def scale_weights(program: Program, step: Step, scale: np.ndarray) -> None:
    """Multiplies the weights of a linear step by one factor an output channel."""
    if (scale == 1).all():
        return
    weights = program.constants[step.inputs[1]]
    if step.op == "DepthwiseConv2dNative":
        scaled = weights * scale.reshape(weights.shape[2:])
    elif step.op == "Conv2DBackpropInput":
        scaled = weights * scale[:, None]
    else:
        scaled = weights * (scale[:, None] if step.attrs.get("transpose_b") else scale)
    name = f"{step.name}/folded_weights"
    add_constant(program, name, scaled.astype(np.float32))
    step.inputs[1] = name


def fold_chain(program: Program, steps: list[Step], first: int, users: dict[str, int], gone: set[str]) -> Step | None:
    """Folds what follows the linear step `steps[first]`; returns the step that adds the bias, under the last name."""
    linear = steps[first]
    last = linear.name
    channels = program.shapes[last][-1]
    scale, shift = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    for step in steps[first + 1 :]:
        if last not in step.inputs:
            continue
        found = affine(program, step) if users.get(last) == 1 else None
        if found is None or found[0] != last:
            break
        scale, shift = scale * found[1], shift * found[1] + found[2]
        last = step.name
        gone.add(last)
    if last == linear.name:
        return None
    scale_weights(program, linear, scale)
    bias = f"{linear.name}/folded_bias"
    add_constant(program, bias, shift.astype(np.float32))
    return Step("BiasAdd", last, [linear.name, bias], {})


def spell_out(program: Program, step: Step) -> list[Step]:
    """A batch normalisation that could not be folded, as a product and a sum with constants."""
    if step.op != "FusedBatchNormV3":
        return [step]
    x, scale, shift = affine(program, step)
    names = [f"{step.name}/scale", f"{step.name}/shift", f"{step.name}/scaled"]
    add_constant(program, names[0], scale)
    add_constant(program, names[1], shift)
    program.shapes[names[2]], program.dtypes[names[2]] = program.shapes[step.name], program.dtypes[step.name]
    return [Step("Mul", names[2], [x, names[0]], {}), Step("AddV2", step.name, [names[2], names[1]], {})]


def run(program: Program) -> None:
    """Folds in place."""
    skip_identities(program)
    program.drop_unused()
    users = program.users()
    gone: set[str] = set()
    steps: list[Step] = []
    for i, step in enumerate(program.steps):
        if step.name in gone:
            continue
        steps.append(step)
        if step.op in LINEAR and step.inputs[1] in program.constants:
            bias = fold_chain(program, program.steps, i, users, gone)
            if bias is not None:
                steps.append(bias)
    program.steps = [new for step in steps for new in spell_out(program, step)]
    program.drop_unused()
