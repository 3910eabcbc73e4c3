"""Part `sanitizer`: compute-sanitizer's four tools over small golden cases and the small models."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import process
from context import Context

TOOLS = ["memcheck", "racecheck", "synccheck", "initcheck"]
ERRORS_STATUS = 86
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard")
# One case of each family of kernels is enough to run every kernel there is; more take too long under a tool.
FAMILIES = 60


def tool_path() -> str | None:
    """compute-sanitizer, where there is one."""
    return shutil.which("compute-sanitizer") or next(
        (str(p) for p in [Path("/usr/local/cuda/bin/compute-sanitizer")] if p.exists()), None
    )


def chosen_cases(context: Context) -> list[Path]:
    """One float case of each op, spread over the alphabet."""
    by_op: dict[str, Path] = {}
    for case in sorted(context.golden_cases().iterdir()):
        by_op.setdefault(case.name.split("_")[0], case)
    cases = list(by_op.values())
    return cases[:: max(1, len(cases) // FAMILIES)]


def inspect(context: Context, tool: str, what: str, words: list[str], timeout: float) -> dict[str, Any]:
    """Runs one command under one tool."""
    record: dict[str, Any] = {"tool": tool, "what": what}
    command = [str(tool_path()), "--tool", tool, "--error-exitcode", str(ERRORS_STATUS), context.moulin, *words]
    try:
        done = process.run(command, min(timeout, context.left), context.environment())
    except process.ProcessError as error:
        return {**record, "problem": str(error)}
    text = done.stdout + done.stderr
    found = SUMMARY.search(text)
    record |= {
        "seconds": done.seconds,
        "status": done.status,
        "errors": int(next(g for g in found.groups() if g)) if found else None,
    }
    if found is None or record["errors"]:
        record["output"] = process.tail(text, 2000)
    return record


def run(context: Context) -> dict[str, Any]:
    """Each tool on the cases, then on two small models."""
    if context.dry_run or tool_path() is None:
        return {
            "records": [],
            "note": "skipped: there is no GPU" if context.dry_run else "compute-sanitizer is not on this machine",
        }
    cases = [str(c) for c in chosen_cases(context)]
    records = []
    for index, tool in enumerate(TOOLS):
        budget = context.left / (len(TOOLS) - index) * 0.9
        context.say(f"sanitizer: {tool}")
        records.append(
            inspect(context, tool, f"{len(cases)} golden cases", ["check", *cases, "--device", "cuda"], budget * 0.6)
        )
        for model in ("tiny_cnn", "unet"):
            words = [
                "run",
                str(context.model(model)),
                "--inputs",
                str(context.input_files(model, 1)[0]),
                "--outputs",
                str(context.work / "sanitized.npz"),
                "--device",
                "cuda",
            ]
            records.append(inspect(context, tool, model, words, budget * 0.2))
    return {"records": records}
