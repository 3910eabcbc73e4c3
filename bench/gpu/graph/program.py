"""A frozen GraphDef as a flat program for concrete shapes, as the peers and the roof take it.

read_program() reads the file, folds everything that depends on constants and shapes alone, and then batch
normalisation into the convolution before it, so that no side of the benchmark wins by these passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graph.protos import graph_pb2, node_def_pb2, tensor_pb2

DTYPES: dict[int, type] = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    9: np.int64,
    10: np.bool_,
    19: np.float16,
}


@dataclass
class Step:
    """One operation: reads `inputs`, writes the value called `name`."""

    op: str
    name: str
    inputs: list[str]
    attrs: dict[str, Any]


@dataclass
class Program:
    """Steps in order of execution. Every value's name has a shape and a type; those of `constants` have elements."""

    inputs: list[str]
    outputs: list[str]
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dtypes: dict[str, Any] = field(default_factory=dict)

    def users(self) -> dict[str, int]:
        """How often each value is read, the program's outputs counting as reads."""
        counts: dict[str, int] = {}
        for name in [i for s in self.steps for i in s.inputs] + self.outputs:
            counts[name] = counts.get(name, 0) + 1
        return counts

    def verify(self) -> None:
        """Raises ValueError where a value is read before it is made."""
        known = set(self.inputs) | set(self.constants)
        for step in self.steps:
            missing = [i for i in step.inputs if i not in known]
            if missing:
                raise ValueError(f"{step.name} reads {missing} before they are made")
            known.add(step.name)

    def drop_unused(self) -> None:
        """Removes steps and constants that no output needs."""
        needed = set(self.outputs)
        kept = []
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.inputs)
                kept.append(step)
        self.steps = kept[::-1]
        self.constants = {k: v for k, v in self.constants.items() if k in needed}


def tensor_value(tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """The elements of a TensorProto."""
    dtype = DTYPES[tensor.dtype]
    shape = [d.size for d in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    listed = np.array(
        list(tensor.float_val or tensor.int_val or tensor.int64_val or tensor.bool_val or tensor.double_val) or [0],
        dtype,
    )
    value = np.full(int(np.prod(shape, dtype=np.int64)), listed[-1], dtype)
    value[: listed.size] = listed[: value.size]
    return value.reshape(shape)


def attribute(value: Any) -> Any:
    """An AttrValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "list":
        return list(value.list.i) or list(value.list.f) or [s.decode() for s in value.list.s]
    if kind == "s":
        return value.s.decode(errors="replace")
    if kind == "type":
        return DTYPES.get(value.type)
    return getattr(value, kind) if kind in ("i", "f", "b") else None


def read_graph(path: Path) -> graph_pb2.GraphDef:
    """Parses a binary GraphDef."""
    graph = graph_pb2.GraphDef()
    graph.ParseFromString(path.read_bytes())
    return graph


def source(reference: str) -> str:
    """The node that an input reference speaks of. Of all ops here only the first output is used."""
    return reference.split(":")[0]


def topological_order(nodes: dict[str, node_def_pb2.NodeDef], roots: list[str]) -> list[str]:
    """Names of the nodes that `roots` need, each after its inputs; control inputs are left out."""
    order: list[str] = []
    seen: set[str] = set()
    stack = [(name, False) for name in reversed(roots)]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(source(i), False) for i in nodes[name].input if not i.startswith("^")]
    return order


def graph_outputs(graph: graph_pb2.GraphDef) -> list[str]:
    """Nodes that no other node reads, but for those that give nothing."""
    read = {source(i).lstrip("^") for n in graph.node for i in n.input if not i.startswith("^")}
    return [n.name for n in graph.node if n.name not in read and n.op not in ("NoOp", "Const", "Placeholder")]


def placeholder_shapes(graph: graph_pb2.GraphDef) -> dict[str, tuple[list[int], Any]]:
    """Shape (-1: open) and type of each placeholder."""
    return {
        n.name: ([d.size for d in n.attr["shape"].shape.dim], DTYPES[n.attr["dtype"].type])
        for n in graph.node
        if n.op == "Placeholder"
    }


def read_program(path: Path, batch: int, raised: bool = False) -> Program:
    """The program of a frozen graph for `batch` rows (every open axis of an input gets that size), batch
    normalisation folded; with `raised`, patterns raised as well (raise_patterns.py)."""
    from graph import evaluate, fold_batch_norm, raise_patterns  # they need the types above

    graph = read_graph(path)
    nodes = {n.name: n for n in graph.node}
    outputs = graph_outputs(graph)
    open_inputs = placeholder_shapes(graph)
    program = Program([], outputs)
    for name in topological_order(nodes, outputs):
        node = nodes[name]
        if node.op == "Placeholder":
            shape, dtype = open_inputs[name]
            program.inputs.append(name)
            program.shapes[name] = tuple(batch if d < 0 else d for d in shape)
            program.dtypes[name] = np.dtype(dtype)
        elif node.op == "Const":
            evaluate.add_constant(program, name, tensor_value(node.attr["value"].tensor))
        else:
            evaluate.add_step(
                program,
                Step(
                    node.op,
                    name,
                    [source(i) for i in node.input if not i.startswith("^")],
                    {k: attribute(v) for k, v in node.attr.items()},
                ),
            )
    fold_batch_norm.run(program)
    if raised:
        raise_patterns.run(program)
    program.verify()
    return program
