#!/usr/bin/env python3
"""bench/gpu/run.py --dry-run in small: every part runs on the emulated GPU, and the report says what was left out.

    tests/bench/gpu_dry_run_test.py [BUILD]        BUILD: build/release

Exit status 77 (skipped) where numpy or TensorFlow's protocol buffers are not installed, or the build has no emulated GPU.
"""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77


def run(build: Path, out: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "bench/gpu/run.py"), "--dry-run", "--build", str(build), "--out", str(out)]
    return subprocess.run([*command, "--minutes", "20", *words], capture_output=True, text=True, check=False)


def problems(report: dict) -> list[str]:
    """What is wrong with a report of a run that should have gone through."""
    parts, found = report["parts"], []
    found += [f"{name} failed: {p['failed']}" for name, p in parts.items() if "failed" in p]
    tests = parts["tests"]["records"]
    found += [f"tests: {r}" for r in tests if "problem" in r or r["failed"] or not r["passed"]]
    accuracy = parts["accuracy"]["records"]
    found += [f"accuracy: {r}" for r in accuracy if "problem" in r or not r["agrees"]]
    if {r["precision"] for r in accuracy} != {"fp32", "tf32", "fp16", "bf16", "int8", "int8+fp16"}:
        found.append("accuracy: not in every precision")
    for record in parts["speed"]["records"]:
        if "problem" in record:
            found.append(f"speed: {record}")
            continue
        ours, *peers = record["contenders"]
        if ours["problem"] or not ours["rows_per_s"] > 0:
            found.append(f"speed: {ours}")
        found += [f"speed: {p}" for p in peers if p["problem"] and not p["problem"].startswith("skipped: ")]
    for part in ("floors", "sanitizer"):
        if "skipped" not in parts[part]["note"]:
            found.append(f"{part}: does not say that it was left out")
    for record in parts["concurrency"]["together"]:
        if "problem" in record or record["different"]:
            found.append(f"concurrency: {record}")
    for record in (r for kind in ("priority", "parts", "joined") for r in parts["concurrency"][kind]):
        if "problem" in record:
            found.append(f"concurrency: {record}")
    return found


def main() -> int:
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release").resolve()
    is_there = lambda module: importlib.util.find_spec(module) is not None
    if not is_there("numpy") or not (is_there("tensorboard") or is_there("tensorflow")):
        print("skipped: needs numpy, and tensorboard or TensorFlow")
        return SKIPPED
    if not (build / "bin/libmoulin_fake_cuda.so").exists():
        print("skipped: the build has no emulated GPU")
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "report"
        done = run(build, out, "--cases", "tiny_cnn")
        if done.returncode != 0:
            print(done.stdout[-3000:], done.stderr[-3000:])
            return 1
        found = problems(json.loads((out / "report.json").read_text()))
        svg, png = out / "report.svg", out / "report.png"
        if not png.exists() and "tiny_cnn fp32 b1</text>" not in (svg.read_text() if svg.exists() else ""):
            found.append("no plot of the case that was measured")
        if "Dry run without a GPU" not in (out / "report.md").read_text():
            found.append("report.md does not warn that no figure is a GPU's")
        # It must be able to fail: a build without the command.
        if run(Path(scratch), Path(scratch) / "none", "--part", "accuracy").returncode == 0:
            found.append("a build without moulin is no error")
    print("\n".join(found) or "every part ran")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
