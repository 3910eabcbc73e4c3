"""Gives a skeleton's random weights a sensible scale, as seen in what they compute.

Weights drawn afresh do not fit the batch statistics and biases beside them: activations would grow or die from layer to
layer, half precision would overflow, and a softmax at the end would be 0 and 1 whatever the input. So layer by layer,
on random inputs, the weights are scaled until a channel varies by one on average, and the layer's additive constant (a
bias, or batch normalisation's beta) is moved until the channels' means are small. The scale goes into the skeleton as a
number, the constants rounded to half precision. After Mishkin and Matas, "All you need is a good init" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from graph.protos import graph_pb2, node_def_pb2

from graph.program import Program, Step, source
from peers.jax_peer import JaxPeer

LINEAR = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul"}
CHANNEL_SPREAD = 0.5  # of the channels' means
THROUGH = {"Identity", "Reshape", "Squeeze"}

Nodes = dict[str, node_def_pb2.NodeDef]


def constant_behind(nodes: Nodes, name: str) -> str | None:
    """The Const that a value is, but for its shape."""
    node = nodes[source(name)]
    while node.op in THROUGH:
        node = nodes[source(node.input[0])]
    return node.name if node.op == "Const" else None


def additive_constant(nodes: Nodes, name: str) -> str | None:
    """The Const that the node `name` adds to each channel, or None: a bias, or a batch normalisation's beta."""
    node = nodes[name]
    if node.op == "FusedBatchNormV3":
        return constant_behind(nodes, node.input[2])
    if node.op not in ("AddV2", "BiasAdd"):
        return None
    for operand in node.input[:2]:
        addend = nodes[source(operand)]
        found = constant_behind(nodes, addend.input[0] if addend.op == "Sub" else operand)
        if found is not None:
            return found
    return None


def channel_statistics(value: np.ndarray) -> tuple[np.ndarray, float]:
    """Each channel's mean, and the root of the mean variance within a channel."""
    flat = value.reshape(-1, value.shape[-1]).astype(np.float64)
    return flat.mean(0), float(np.sqrt(flat.var(0).mean()))


def calibrate(
    graph: graph_pb2.GraphDef, drawn: Program, inputs: dict[str, np.ndarray]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Factors for weights, and what to add to additive constants, by the names of their Const nodes."""
    nodes = {n.name: n for n in graph.node}
    peer = JaxPeer(drawn, "fp32")
    values: dict[str, Any] = {**drawn.constants, **inputs}
    rng = np.random.default_rng(0)
    factors: dict[str, float] = {}
    shifts: dict[str, np.ndarray] = {}
    for step in drawn.steps:
        value = np.asarray(peer.step(step, [values[i] for i in step.inputs]))
        weights = linear_weights(nodes, drawn, step)
        bias = additive_constant(nodes, step.name) if step.op == "BiasAdd" else None
        if weights is not None:
            factors[weights] = 1 / max(channel_statistics(value)[1], 1e-30)
            value = value * np.float32(factors[weights])
        elif bias is not None:
            shifts[bias] = CHANNEL_SPREAD * rng.standard_normal(value.shape[-1]) - channel_statistics(value)[0]
            value = (value + shifts[bias]).astype(np.float32)
        values[step.name] = value
    return factors, shifts


def linear_weights(nodes: Nodes, program: Program, step: Step) -> str | None:
    """The Const that holds the weights of a convolution or matrix product, or None for other steps."""
    if step.op not in LINEAR or step.inputs[1] not in program.constants:
        return None
    return constant_behind(nodes, nodes[step.name].input[1])
