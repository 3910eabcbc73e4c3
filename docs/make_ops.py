#!/usr/bin/env python3
"""Writes docs/ops.md: every TensorFlow op that Moulin takes, by what its golden cases show.

    .venv/bin/python docs/make_ops.py [--moulin build/release/bin/moulin]

Unpacks tests/cases/cases.tar.xz, imports and plans each case for each device, and notes for each op the types that its
cases have, the primitives that it becomes, and where they run. Needs TensorFlow (to read the cases' graphs) and a build
with the CUDA plugin (to plan for a GPU, which need not be there).
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

ROOT = Path(__file__).resolve().parent.parent
SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int8": "i8", "int16": "i16",
         "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
         "complex64": "c64", "complex128": "c128", "string": "str", "bool": "bool"}
ORDER = list(SHORT.values())
HEAD = """# The TensorFlow ops that Moulin takes

{count} ops. `docs/make_ops.py` writes this page from the golden cases in `tests/cases/` (a test fails where an op has none);
`moulin show --ops` prints the list alone.

- **types**: those of the op's main type attribute that a golden case has. Others may work; an op that does not take a type says so
  when the model is loaded.
- **becomes**: the primitives of `src/ir/op_kind.h` that its cases turn into; `-` where nothing is left to run (constants,
  identities, what is folded). `HostOp` is the op itself.
- **runs on**: `device`: the CPU or GPU that the model runs on; `host`: always the CPU, by nature (strings, tables, files,
  lists) or because no GPU kernel exists yet; `graph`: the importer takes it apart.

| op | types | becomes | runs on | case |
|---|---|---|---|---|
"""


def types_of(node, own) -> set[str]:
    """Types named by a node's attributes: T where there is one."""
    attrs = [node.attr[k] for k in ("T", "dtype", "SrcT", "Tparams", "element_dtype") if k in node.attr] or list(node.attr.values())
    return {SHORT[name] for a in attrs if a.WhichOneof("value") == "type"
            for name in [tf.as_dtype(a.type % 100).name] if name in SHORT}


def nodes_of(graph):
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def text(moulin: str, model: Path, *flags: str) -> str:
    run = subprocess.run([moulin, "graph", str(model), "--text", *flags], capture_output=True, text=True)
    return run.stdout


def primitives(imported: str) -> dict[str, set[str]]:
    """The kinds of the primitives by the name of the node they come from."""
    found = defaultdict(set)
    for line in imported.splitlines():
        match = re.match(r"\s*%[^=]* = (\w+)\(.*  # (\S+)$", line) or re.match(r"^()} : .*  # (\S+)$", line)
        if match and match[1] and match[1] != "Deferred":  # what a deferred op becomes, other cases show
            found[match[2]].add(match[1])
    return found


def on_host(plan: str) -> dict[str, bool]:
    """By node: whether a plan for a GPU has it on the host."""
    return {m[1]: m[2].startswith(("reference", "cpu")) for m in re.finditer(r'"([^"]*)" <([^>]*)>', plan)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--moulin", default=str(ROOT / "build/release/bin/moulin"))
    args = parser.parse_args()
    ops = {e["op"]: e for e in json.loads(subprocess.check_output([args.moulin, "show", "--ops", "--json"]))}
    types, kinds, places, cases = (defaultdict(set) for _ in range(4))
    with tempfile.TemporaryDirectory() as work:
        with tarfile.open(ROOT / "tests/cases/cases.tar.xz") as archive:
            archive.extractall(work)
        for case in sorted(Path(work).iterdir()):
            graph = tf.compat.v1.GraphDef.FromString((case / "model.pb").read_bytes())
            imported = primitives(text(args.moulin, case / "model.pb"))
            host = on_host(text(args.moulin, case / "model.pb", "--at", "plan", "--device", "cuda"))
            for node in nodes_of(graph):
                cases[node.op].add(case.name)
                types[node.op] |= types_of(node, graph)
                kinds[node.op] |= imported.get(node.name, set())
                if node.name in host:
                    places[node.op].add("host" if host[node.name] else "device")
    rows = []
    for op, entry in sorted(ops.items()):
        place = entry["runs_on"] if entry["runs_on"] != "any" else " or ".join(sorted(places[op])) or "device"
        names = sorted(cases[op], key=lambda name: (not name.startswith(op), len(name), name))
        rows.append(f"| {op} | {' '.join(t for t in ORDER if t in types[op]) or '-'} | {' '.join(sorted(kinds[op])) or '-'} "
                    f"| {place} | {names[0] if names else '-'} |")
    (ROOT / "docs/ops.md").write_text(HEAD.format(count=len(rows)) + "\n".join(rows) + "\n")
    print(f"{len(rows)} ops")


if __name__ == "__main__":
    main()
