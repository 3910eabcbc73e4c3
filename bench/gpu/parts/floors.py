"""Part `floors`: what the machine can do at best; the roofs of the part `speed` use these rates."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import process
from context import FOLDER, Context


def floors_program(context: Context) -> Path:
    """The carried program, or one compiled here."""
    for carried in (context.build / "floors", context.build / "bin" / "floors"):
        if carried.exists():
            return carried
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    program = context.work / "floors"
    done = process.run(
        [nvcc, "-std=c++17", "-O3", "-arch=sm_90", "-cudart", "static", str(FOLDER / "floors.cu"), "-o", str(program)],
        90,
    )
    if done.status:
        raise process.ProcessError(f"nvcc: {process.tail(done.stderr)}")
    return program


def answer(command: list[str], timeout: float) -> Any:
    """The JSON that a program prints."""
    done = process.run(command, timeout)
    if done.status:
        raise process.ProcessError(f"{command[0]}: {process.tail(done.stderr)}")
    return json.loads(done.stdout)


def run(context: Context) -> dict[str, Any]:
    """Both programs; what one of them cannot do does not stop the other."""
    result: dict[str, Any] = {}
    context.say("floors")
    if find_spec("torch") is None:
        result["products_problem"] = "products skipped: torch is not installed here"
        return without_gpu(result) if context.dry_run else measure_copies(context, result)
    try:
        result["products_flop_per_s"] = answer(
            [sys.executable, str(FOLDER / "peers" / "products.py"), "256" if context.dry_run else "8192"], 90
        )
    except process.ProcessError as error:
        result["products_problem"] = str(error)
    return without_gpu(result) if context.dry_run else measure_copies(context, result)


def without_gpu(result: dict[str, Any]) -> dict[str, Any]:
    """What a dry run says in place of the rest."""
    result["note"] = "copies and launches skipped: there is no GPU (products, where there are any, are of 256 on the CPU)"
    return result


def measure_copies(context: Context, result: dict[str, Any]) -> dict[str, Any]:
    """floors.cu: copies and launches."""
    try:
        result.update(answer([str(floors_program(context))], 60))
    except process.ProcessError as error:
        result["problem"] = str(error)
    context.facts["floors"] = result
    return result
