#!/usr/bin/env python3
"""Makes full frozen GraphDefs of the skeletons beside this file, with random weights that are the same every time.

    python3 bench/gpu/models/materialise.py --out DIR [--only NAME...]

Each stripped constant is drawn from a normal distribution with the mean and standard deviation of the weights it stands
for, cut to their range, from a seed of its own.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from graph.protos import graph_pb2, node_def_pb2
from skeleton import RANDOM_ATTR, element_count

FOLDER = Path(__file__).parent


def draw(count: int, mean: float, deviation: float, low: float, high: float, seed: int) -> np.ndarray:
    """`count` floats from the normal distribution, cut to [low, high]."""
    values = np.random.default_rng(seed).standard_normal(count, dtype=np.float32)
    values *= np.float32(deviation)
    values += np.float32(mean)
    return np.clip(values, np.float32(low), np.float32(high), out=values)


def fill_constant(node: node_def_pb2.NodeDef) -> None:
    """Gives a stripped Const node values."""
    statistics = node.attr[RANDOM_ATTR].list
    tensor = node.attr["value"].tensor
    tensor.tensor_content = draw(element_count(tensor), *statistics.f, seed=statistics.i[0]).tobytes()
    del node.attr[RANDOM_ATTR]


def fill(graph: graph_pb2.GraphDef) -> None:
    """Gives every stripped constant values."""
    for node in graph.node:
        if RANDOM_ATTR in node.attr:
            fill_constant(node)


def materialise(name: str, out: Path) -> Path:
    """Writes OUT/NAME.pb and returns its path."""
    graph = graph_pb2.GraphDef()
    graph.ParseFromString(lzma.decompress((FOLDER / f"{name}.pb.xz").read_bytes()))
    fill(graph)
    path = out / f"{name}.pb"
    path.write_bytes(graph.SerializeToString())
    return path


def names() -> list[str]:
    """The models there are skeletons of."""
    return sorted(p.name.removesuffix(".pb.xz") for p in FOLDER.glob("*.pb.xz"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=names(), metavar="NAME")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        path = materialise(name, options.out)
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
