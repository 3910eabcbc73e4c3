#!/usr/bin/env python3
"""Strips a frozen GraphDef of its weights, so that the graph can be committed and carried.

    python3 bench/gpu/models/skeleton.py model.pb... --out bench/gpu/models

A float constant of more than MAX_KEPT elements becomes an empty tensor of the same type and shape with an attribute
RANDOM_ATTR: the mean, standard deviation, least and largest value of what was there, and a seed. Everything else stays
as it is, to the bit: integers are shapes, axes and paddings, small floats are epsilons and scales. materialise.py makes
a full model again. Drawn values keep within the range of the old ones, so a variance stays positive; in networks of
convolutions, calibrate.py sees to it that activations keep their size (that needs JAX, here only).
"""

from __future__ import annotations

import argparse
import lzma
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from graph.protos import graph_pb2, node_def_pb2, tensor_pb2

RANDOM_ATTR = "_random"
MAX_KEPT = 16
DT_FLOAT = 1
CALIBRATION_ROWS = 8


def element_count(tensor: tensor_pb2.TensorProto) -> int:
    """How many elements the tensor's shape says it has."""
    return int(np.prod([d.size for d in tensor.tensor_shape.dim], dtype=np.int64))


def float_values(tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """The values of a float tensor; as in TensorFlow, the last one listed stands for all that are missing."""
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, np.float32)
    return np.array(tensor.float_val or [0.0], np.float32)


def strip_constant(node: node_def_pb2.NodeDef) -> None:
    """Replaces the values of a Const node by their statistics."""
    tensor = node.attr["value"].tensor
    values = float_values(tensor).astype(np.float64)
    stripped = tensor_pb2.TensorProto(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape)
    node.attr["value"].tensor.CopyFrom(stripped)
    statistics = node.attr[RANDOM_ATTR].list
    statistics.f.extend([values.mean(), values.std(), values.min(), values.max()])
    statistics.i.append(zlib.crc32(node.name.encode()))


def make_skeleton(graph: graph_pb2.GraphDef) -> int:
    """Strips every large float constant of the graph; returns how many."""
    stripped = 0
    for node in graph.node:
        if node.op != "Const":
            continue
        tensor = node.attr["value"].tensor
        if tensor.dtype == DT_FLOAT and element_count(tensor) > MAX_KEPT and np.isfinite(float_values(tensor)).all():
            strip_constant(node)
            stripped += 1
    return stripped


def read(path: Path) -> graph_pb2.GraphDef:
    """Parses a binary GraphDef."""
    graph = graph_pb2.GraphDef()
    graph.ParseFromString(path.read_bytes())
    return graph


def scale_statistics(node: node_def_pb2.NodeDef, factor: float) -> None:
    """Multiplies what will be drawn for a stripped constant."""
    statistics = node.attr[RANDOM_ATTR].list
    scaled = [factor * v for v in statistics.f]
    del statistics.f[:]
    statistics.f.extend(scaled)


def keep_constant(node: node_def_pb2.NodeDef, values: np.ndarray) -> None:
    """Gives a stripped constant values again, rounded so that they pack well."""
    shape = [d.size for d in node.attr["value"].tensor.tensor_shape.dim]
    rounded = values.astype(np.float16).astype(np.float32).reshape(shape)
    node.attr["value"].tensor.tensor_content = rounded.tobytes()
    del node.attr[RANDOM_ATTR]


def fit(skeleton: graph_pb2.GraphDef) -> None:
    """Calibrates the skeleton of a network of convolutions (calibrate.py)."""
    from calibrate import calibrate
    from graph.program import read_program
    from inputs import input_sets
    from materialise import fill

    full = graph_pb2.GraphDef()
    full.CopyFrom(skeleton)
    fill(full)
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn.pb"
        drawn.write_bytes(full.SerializeToString())
        factors, shifts = calibrate(
            full, read_program(drawn, CALIBRATION_ROWS), input_sets(drawn, CALIBRATION_ROWS, 1)[0]
        )
    filled = {n.name: n for n in full.node}
    for node in skeleton.node:
        if RANDOM_ATTR not in node.attr:
            continue
        if node.name in factors:
            scale_statistics(node, factors[node.name])
        elif node.name in shifts:
            keep_constant(node, float_values(filled[node.name].attr["value"].tensor) + shifts[node.name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="frozen GraphDefs, called NAME/model.pb")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    for path in options.models:
        graph = read(path)
        stripped = make_skeleton(graph)
        if any(n.op == "Conv2D" for n in graph.node):
            fit(graph)
        packed = lzma.compress(graph.SerializeToString(deterministic=True), preset=9 | lzma.PRESET_EXTREME)
        out = options.out / f"{path.parent.name}.pb.xz"
        out.write_bytes(packed)
        print(f"{out}: {stripped} constants stripped, {len(packed)} bytes")


if __name__ == "__main__":
    main()
