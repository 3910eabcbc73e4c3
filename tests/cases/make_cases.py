#!/usr/bin/env python3
"""Makes the golden cases of the ops that Moulin imports, with the answers of TensorFlow itself.

    ./setup.sh --python && .venv/bin/python tests/cases/make_cases.py [--only PREFIX] [--list] [--add]

Each case is a small frozen graph around one op, with inputs from a fixed seed. All are packed into cases.tar.xz beside
this file, which is committed; coverage.txt lists which cases have which op, and a test fails where an op that Moulin
imports has none. docs/golden-cases.md describes the layout of a case. The families are in the files *_cases.py.
"""
from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tarfile
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from case import Case, all_cases
import array_cases  # noqa: F401  (each registers its cases)
import bytes_cases  # noqa: F401
import control_cases  # noqa: F401
import cross_cases  # noqa: F401
import cudnn_cases  # noqa: F401
import elementwise_cases  # noqa: F401
import example_cases  # noqa: F401
import gradient_cases  # noqa: F401
import host_cases  # noqa: F401
import indexing_cases  # noqa: F401
import linear_cases  # noqa: F401
import matrix_cases  # noqa: F401
import misc_cases  # noqa: F401
import pooling_cases  # noqa: F401
import quantized_cases  # noqa: F401
import random_cases  # noqa: F401
import reduction_cases  # noqa: F401
import sparse_cases  # noqa: F401
import spatial_cases  # noqa: F401
import spatial_gradient_cases  # noqa: F401
import special_cases  # noqa: F401
import unknown_cases  # noqa: F401
import update_cases  # noqa: F401

HERE = Path(__file__).parent
tf1 = tf.compat.v1


def encode(value) -> np.ndarray:
    """An array that .npy can hold: bfloat16 as its bits, strings as fixed-width bytes."""
    value = np.asarray(value)
    if value.dtype.name == "bfloat16":
        return value.view(np.uint16)
    if value.dtype.kind in "OSU":
        flat = [x.encode() if isinstance(x, str) else bytes(x) for x in value.ravel().tolist()]
        return np.array(flat, dtype=f"S{max([len(x) for x in flat] + [1])}").reshape(value.shape)
    return {"qint8": lambda v: v.view(np.int8), "quint8": lambda v: v.view(np.uint8),
            "qint32": lambda v: v.view(np.int32)}.get(value.dtype.name, lambda v: v)(value)


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{k: encode(v) for k, v in arrays.items()})
    return out.getvalue()


def spec(name: str, tensor: tf.Tensor) -> dict:
    shape = None if tensor.shape.rank is None else tensor.shape.as_list()
    return {"name": name, "tensor": tensor.name, "dtype": tensor.dtype.base_dtype.name, "shape": shape}


def build(case: Case) -> dict[str, bytes]:
    """The files of one case."""
    with tf1.Graph().as_default() as graph:
        feeds = {f"i{k}": tf1.placeholder(tf.as_dtype(x.dtype), case.declared_shape(x), name=f"i{k}")
                 for k, x in enumerate(case.inputs)}
        results = case.build(*feeds.values())
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        fetches = {f"o{k}": tf.identity(t, name=f"o{k}") for k, t in enumerate(results)}
        graph_def = graph.as_graph_def()
        with tf1.Session(graph=graph) as session:
            values = session.run(list(fetches.values()),
                                 {feeds[f"i{k}"]: x for k, x in enumerate(case.inputs)})
    if case.rewrite:
        case.rewrite(graph_def)
    ops = sorted({n.op for n in graph_def.node} | {n.op for f in graph_def.library.function for n in f.node_def})
    meta = {"name": case.name, "format": "frozen_graph", "path": "model.pb",
            "inputs": [spec(k, t) for k, t in feeds.items()], "outputs": [spec(k, t) for k, t in fetches.items()],
            "tolerance": case.tolerance(values), "ops": ops}
    return {"meta.json": json.dumps(meta, indent=1).encode(),
            "model.pb": graph_def.SerializeToString(deterministic=True),
            "inputs.npz": npz({f"i{k}": x for k, x in enumerate(case.inputs)}),
            "outputs.npz": npz(dict(zip(fetches, values)))}


def add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def packed() -> dict[str, dict[str, bytes]]:
    """The files of the cases that the archive has."""
    cases: dict[str, dict[str, bytes]] = defaultdict(dict)
    with tarfile.open(HERE / "cases.tar.xz") as archive:
        for member in archive:
            name, file = member.name.split("/", 1)
            cases[name][file] = archive.extractfile(member).read()
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only cases whose name starts so; writes nothing, for trying out")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--add", action="store_true", help="make only the cases that the archive lacks")
    args = parser.parse_args()
    cases = [c for c in all_cases() if c.name.startswith(args.only)]
    if args.list:
        print("\n".join(c.name for c in cases))
        return
    coverage, failed, built = defaultdict(list), [], {}
    known = packed() if args.add else {}
    for case in cases:
        try:
            built[case.name] = known[case.name] if case.name in known else build(case)
        except Exception as error:  # report all, not only the first
            failed.append(f"{case.name}: {type(error).__name__}: {str(error).splitlines()[0][:300]}")
            continue
        for op in json.loads(built[case.name]["meta.json"])["ops"]:
            coverage[op].append(case.name)
    if failed:
        sys.exit("\n".join(failed) + f"\n{len(failed)} of {len(cases)} cases could not be made")
    print(f"{len(cases)} cases of {len(coverage)} ops")
    if args.only:
        return
    with tarfile.open(HERE / "cases.tar.xz", "w:xz", preset=9) as archive:
        for name, files in sorted(built.items()):
            for file, content in files.items():
                add_file(archive, f"{name}/{file}", content)
    lines = [f"{op} {' '.join(names[:3])}" for op, names in sorted(coverage.items())]
    (HERE / "coverage.txt").write_text("# op, and up to three cases that have it; written by make_cases.py\n" +
                                       "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
