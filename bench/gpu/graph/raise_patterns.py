"""Raises what TensorFlow spells out in small ops to the operations that PyTorch and hardware have as one.

    Conv2D, MatMul + BiasAdd                              the same op with a third input
    Pad of zeros + Conv2D                                 explicit padding ("pads": ((top, bottom), (left, right)))
    mean, variance, rsqrt, scale and shift                LayerNorm(x, gamma, beta)
    x * 0.5 * (1 + erf(x / sqrt 2))                       Gelu(x)
    softmax(q k^T * scale + mask) v                       Attention(q, k, v, mask)

XLA and torch.compile find most of these themselves; eager PyTorch is given them, as a PyTorch user would write them.
"""

from __future__ import annotations

from graph.evaluate import spatial_padding
from graph.program import Program, Step

CONVOLUTIONS = {"Conv2D", "DepthwiseConv2dNative"}
WINDOWED = CONVOLUTIONS | {"Conv2DBackpropInput", "MaxPool", "AvgPool"}


class Matcher:
    """Looks up the steps that made a value."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.producers = {s.name: s for s in program.steps}
        self.users = program.users()

    def made_by(self, name: str, op: str) -> Step | None:
        """The step that made `name`, if it is an `op`."""
        step = self.producers.get(name)
        return step if step is not None and step.op == op else None

    def operands(self, name: str, op: str, first_op: str | None = None) -> tuple[str, str] | None:
        """The two operands of a commutative op, the one made by `first_op` first."""
        step = self.made_by(name, op)
        if step is None:
            return None
        a, b = step.inputs[:2]
        if first_op is not None and self.made_by(a, first_op) is None:
            a, b = b, a
        return (a, b) if first_op is None or self.made_by(a, first_op) else None

    def scalar(self, name: str) -> float | None:
        """The value of a constant of one element."""
        value = self.program.constants.get(name)
        return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def match_layer_norm(m: Matcher, step: Step) -> Step | None:
    """AddV2(x * inv, beta - mean * inv), with inv = rsqrt(variance + epsilon) * gamma."""
    shift_of = lambda name: m.made_by(name, "Sub")
    left, right = step.inputs
    if shift_of(right) is None:
        left, right = right, left
    shift, product = shift_of(right), m.made_by(left, "Mul")
    if shift is None or product is None or shift.inputs[0] not in m.program.constants:
        return None
    mean_inv = m.operands(shift.inputs[1], "Mul", "Mean")
    if mean_inv is None or mean_inv[1] not in product.inputs:
        return None
    mean, inv = mean_inv
    x = next(i for i in product.inputs if i != inv)
    scale = m.operands(inv, "Mul", "Rsqrt")
    if scale is None or m.producers[mean].inputs[0] != x or scale[1] not in m.program.constants:
        return None
    variance = m.operands(m.producers[scale[0]].inputs[0], "AddV2", "Mean")
    epsilon = m.scalar(variance[1]) if variance else None
    square = m.made_by(m.producers[variance[0]].inputs[0], "SquaredDifference") if variance else None
    if epsilon is None or square is None or set(square.inputs) != {x, mean}:
        return None
    return Step("LayerNorm", step.name, [x, scale[1], shift.inputs[0]], {"epsilon": epsilon})


def match_gelu(m: Matcher, step: Step) -> Step | None:
    """Mul(x * 0.5, 1 + erf(x / sqrt 2))."""
    pair = m.operands(step.name, "Mul", "AddV2")
    if pair is None:
        return None
    one_erf = m.operands(pair[0], "AddV2", "Erf")
    half = m.made_by(pair[1], "Mul")
    if one_erf is None or half is None or m.scalar(one_erf[1]) != 1:
        return None
    quotient = m.made_by(m.producers[one_erf[0]].inputs[0], "RealDiv")
    x, factor = half.inputs if m.scalar(half.inputs[1]) is not None else half.inputs[::-1]
    if quotient is None or quotient.inputs[0] != x or m.scalar(factor) != 0.5:
        return None
    divisor = m.scalar(quotient.inputs[1])
    return Step("Gelu", step.name, [x], {}) if divisor and abs(divisor - 2**0.5) < 1e-6 else None


def match_attention(m: Matcher, step: Step) -> Step | None:
    """BatchMatMulV2(softmax(BatchMatMulV2(q, k^T) * scale + mask), v)."""
    softmax = m.made_by(step.inputs[0], "Softmax")
    masked = m.operands(softmax.inputs[0], "AddV2", "Mul") if softmax else None
    if masked is None or step.attrs.get("adj_x") or step.attrs.get("adj_y"):
        return None
    for scores, mask in (masked, masked[::-1]):
        scaled = m.operands(scores, "Mul", "BatchMatMulV2")
        scale = m.scalar(scaled[1]) if scaled else None
        product = m.producers[scaled[0]] if scaled else None
        if scale is not None and product.attrs.get("adj_y") and not product.attrs.get("adj_x"):
            return Step("Attention", step.name, [*product.inputs, step.inputs[1], mask], {"scale": scale})
    return None


def match_bias(m: Matcher, step: Step) -> Step | None:
    """BiasAdd of a linear op that nothing else reads."""
    linear = m.producers.get(step.inputs[0])
    if linear is None or linear.op not in CONVOLUTIONS | {"MatMul"} or m.users[linear.name] != 1:
        return None
    return Step(linear.op, step.name, [*linear.inputs, step.inputs[1]], linear.attrs)


MATCHERS = {"AddV2": match_layer_norm, "Mul": match_gelu, "BatchMatMulV2": match_attention, "BiasAdd": match_bias}


def window_of(program: Program, step: Step) -> tuple[tuple[int, ...], list[int]]:
    """The NHWC shape that a window slides over, and the window's size."""
    if step.op in ("MaxPool", "AvgPool"):
        return program.shapes[step.inputs[0]], step.attrs["ksize"][1:3]
    image = program.shapes[step.name] if step.op == "Conv2DBackpropInput" else program.shapes[step.inputs[0]]
    return image, list(program.shapes[step.inputs[1]][:2])


def explicit_pads(m: Matcher, step: Step) -> None:
    """Gives a window its padding in numbers; to a convolution that of a Pad before it as well."""
    program, strides = m.program, step.attrs["strides"]
    dilations = step.attrs.get("dilations") or [1, 1, 1, 1]
    shape, window = window_of(program, step)
    pads = [
        spatial_padding(step.attrs["padding"], shape[a], window[a - 1], strides[a], dilations[a])[1:] for a in (1, 2)
    ]
    pad = m.made_by(step.inputs[0], "Pad")
    if pad is not None and step.op in CONVOLUTIONS:
        sizes = program.constants[pad.inputs[1]]
        if not sizes[0].any() and not sizes[3].any():
            pads = [(p[0] + int(s[0]), p[1] + int(s[1])) for p, s in zip(pads, sizes[1:3])]
            step.inputs[0] = pad.inputs[0]
    step.attrs = {**step.attrs, "pads": tuple(pads)}


def run(program: Program) -> None:
    """Raises in place."""
    matcher = Matcher(program)
    steps = [MATCHERS.get(s.op, lambda m, step: None)(matcher, s) or s for s in program.steps]
    program.steps = steps
    program.drop_unused()
    matcher = Matcher(program)
    for step in program.steps:
        if step.op in WINDOWED:
            explicit_pads(matcher, step)
    program.drop_unused()
