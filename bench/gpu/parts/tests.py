"""Part `tests`: the programs of GPU tests, and the golden cases on the device."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import process
from context import ROOT, Context

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped", re.M)
GTEST = {
    "passed": re.compile(r"\[  PASSED  \] (\d+) tests?"),
    "failed": re.compile(r"\[  FAILED  \] (\d+) tests?"),
    "skipped": re.compile(r"\[  SKIPPED \] (\d+) tests?"),
}


def gpu_test_programs(build: Path) -> list[Path]:
    """GoogleTest programs that want a GPU, by their names."""
    return sorted(p for folder in (build, build / "bin") for p in folder.glob("moulin_cuda_*gpu_test"))


def run_program(context: Context, program: Path) -> dict[str, Any]:
    """One program's counts."""
    done = process.run([str(program)], min(180, context.left), context.environment())
    counts = {k: int(m.group(1)) if (m := r.search(done.stdout)) else 0 for k, r in GTEST.items()}
    failed = re.findall(r"^\[  FAILED  \] (\S+)", done.stdout, re.M)
    return {
        "name": program.name,
        "status": done.status,
        **counts,
        "failures": sorted(set(failed)),
        "seconds": done.seconds,
    }


def known_failures() -> list[str]:
    """The lists that hold on the device."""
    folder = ROOT / "tests" / "known_failures"
    wanted = [p for p in sorted(folder.glob("*.txt")) if p.suffixes[0] in (".txt", ".cuda")]
    return [w for p in wanted for w in ("--known-failures", str(p))]


def check_cases(context: Context, folder: Path) -> dict[str, Any]:
    """`moulin check` of the golden cases."""
    done = context.run_moulin("check", str(folder), "--device", context.device, *known_failures(), timeout=200)
    found = SUMMARY.findall(done.stdout)
    record: dict[str, Any] = {"name": "golden cases", "status": done.status, "seconds": done.seconds}
    if not found:
        return {**record, "problem": process.tail(done.stderr or done.stdout)}
    passed, failed, skipped = map(int, found[-1])
    failures = [l for l in done.stdout.splitlines() if not SUMMARY.match(l)]
    return {**record, "passed": passed, "failed": failed, "skipped": skipped, "failures": failures[:200]}


def some_cases(context: Context) -> Path:
    """The golden cases; for a dry run, a few."""
    cases = context.golden_cases()
    if not context.dry_run:
        return cases
    few = context.work / "few"
    few.mkdir(exist_ok=True)
    for case in sorted(cases.iterdir())[:8]:
        if not (few / case.name).exists():
            (few / case.name).symlink_to(case)
    return few


def run(context: Context) -> dict[str, Any]:
    """Runs all of it."""
    records = []
    for program in [] if context.dry_run else gpu_test_programs(context.build):
        context.say(f"tests: {program.name}")
        try:
            records.append(run_program(context, program))
        except process.ProcessError as error:
            records.append({"name": program.name, "problem": str(error)})
    context.say("tests: golden cases")
    records.append(check_cases(context, some_cases(context)))
    return {"records": records}
