#!/usr/bin/env python3
"""Tests, measures and compares Moulin on a machine with a GPU; README.md beside this file says what each part does.

    python3 bench/gpu/run.py --build build/gpu --out OUT [--part PART...] [--minutes 8]
    python3 bench/gpu/run.py --dry-run --build build/release --out OUT         no GPU: shows that all of this runs

Needs what bench/gpu/build.sh made, PyTorch, JAX, tensorboard and numpy. Writes report.json, report.md and report.png
(or .svg) into OUT, after each part anew, so that a run that is cut short leaves what it has. Exit status: 0 where every
part ran, whatever it found; 1 where one could not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import report
from context import Context, machine_facts, prepare_build
from parts import accuracy, concurrency, floors, sanitizer, speed, tests

# In this order: what tells whether the rest means anything comes first. The share of the time that a part may take;
# what it leaves is the next one's.
PARTS = {
    "tests": (tests.run, 0.2),
    "floors": (floors.run, 0.1),
    "accuracy": (accuracy.run, 0.3),
    "sanitizer": (sanitizer.run, 0.3),
    "speed": (speed.run, 0.85),
    "concurrency": (concurrency.run, 1.0),
}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--build", type=Path, default=Path("build/gpu"), help="what bench/gpu/build.sh made, or a CMake build"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the report goes")
    parser.add_argument(
        "--part", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument(
        "--cases", nargs="+", metavar="TEXT", help="of the part speed: those whose name holds one of these"
    )
    parser.add_argument("--peers", nargs="+", choices=["xla", "torch", "torch_compile"], help="of the part speed")
    parser.add_argument("--dry-run", action="store_true", help="everything on the CPU, with tiny sizes")
    return parser.parse_args()


def run_part(context: Context, name: str, end: float, options: argparse.Namespace) -> dict[str, Any]:
    """One part; what goes wrong in it is its result."""
    function, share = PARTS[name]
    last = name == options.part[-1] or len(options.part) == 1
    start = time.monotonic()
    context.deadline = end if last else start + share * (end - start)
    try:
        result = function(context, options.cases, options.peers) if name == "speed" else function(context)
    except Exception as error:
        traceback.print_exc()
        result = {"failed": f"{type(error).__name__}: {error}"}
    return {**result, "seconds": time.monotonic() - start}


def main() -> int:
    options = parse()
    options.part = [p for p in PARTS if p in options.part]
    work = Path(tempfile.mkdtemp(prefix="moulin_gpu_"))
    (work / "models").mkdir()
    end = time.monotonic() + 60 * options.minutes
    context = Context(options.build.resolve(), options.out.resolve(), work, end, options.dry_run)
    try:
        prepare_build(context.build)
        context.facts.update(machine_facts(context))
        document: dict[str, Any] = {"facts": context.facts, "parts": {}}
        for name in options.part:
            document["parts"][name] = run_part(context, name, end, options)
            files = report.write(document, context.out)
        print(report.markdown(document))
        print("wrote " + ", ".join(str(f) for f in files))
        return 1 if any("failed" in r for r in document["parts"].values()) else 0
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
