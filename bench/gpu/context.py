"""What every part of the benchmark shares: where things are, the time that is left, how moulin is called."""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import process
from inputs import input_sets

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
# The plugin that emulates a GPU, for dry runs.
STAND_IN = "libmoulin_fake_cuda.so"
# Our names of precisions on the command line.
OURS = {
    "fp32": "strict",
    "tf32": "tf32",
    "fp16": "fp16",
    "bf16": "bf16",
    "int8": "int8",
    "int8+fp16": "int8+fp16",
}


def is_int8(precision: str) -> bool:
    """Whether a precision needs the ranges of activations."""
    return precision.startswith("int8")


def library_folders() -> list[str]:
    """Folders of the CUDA libraries that Python packages bring: cuDNN, cuBLAS and NVRTC may be nowhere else."""
    roots = [Path(p) / "nvidia" for p in [*site.getsitepackages(), *sys.path] if p]
    folders = {str(lib) for root in roots if root.is_dir() for lib in root.glob("*/lib") if lib.is_dir()}
    return sorted(folders) + [p for p in ("/usr/local/cuda/lib64",) if Path(p).is_dir()]


@dataclass
class Context:
    """One run of the benchmark."""

    build: Path
    out: Path
    work: Path  # models, inputs, cases: thrown away
    deadline: float  # of time.monotonic()
    dry_run: bool = False
    facts: dict[str, Any] = field(default_factory=dict)  # about the machine
    log: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)  # models are calibrated one at a time

    @property
    def stand_in(self) -> Path | None:
        """The plugin with an emulated GPU, for a dry run; none where the build lacks it."""
        places = (self.build / STAND_IN, self.build / "bin" / STAND_IN) if self.dry_run else ()
        return next((p for p in places if p.exists()), None)

    @property
    def device(self) -> str:
        """Where ours runs."""
        return "cpu" if self.dry_run and self.stand_in is None else "cuda"

    def precision_words(self, precision: str, model: str) -> list[str]:
        """The flags that choose a precision; a dry run on the cpu device has one alone."""
        if self.device != "cuda":
            return []
        ranges = ["--ranges", str(self.ranges(model))] if is_int8(precision) else []
        return ["--precision", OURS[precision], *ranges]

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()

    def say(self, text: str) -> None:
        """Progress, for whoever watches."""
        print(f"[{self.left:5.0f} s left] {text}", flush=True)
        self.log.append(text)

    @property
    def moulin(self) -> str:
        """The command: bin/moulin of a CMake build, or moulin of a carried one."""
        for path in (self.build / "moulin", self.build / "bin" / "moulin"):
            if path.exists():
                return str(path)
        raise process.ProcessError(f"no moulin in {self.build}; bench/gpu/build.sh makes it")

    def environment(self) -> dict[str, str]:
        """For our programs: where CUDA's libraries are."""
        old = os.environ.get("LD_LIBRARY_PATH", "")
        folders = ":".join(library_folders())
        if self.stand_in is not None:  # emulated blocks keep their shared memory in thread-local storage, and a lot
            return {"MOULIN_CUDA_PLUGIN": str(self.stand_in), "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=4194304"}
        return {"LD_LIBRARY_PATH": f"{folders}:{old}" if old else folders, "MOULIN_CUDA_LIBRARY_PATH": folders}

    def run_moulin(self, *words: str, timeout: float) -> process.Finished:
        """Runs the command once; only where it uses the GPU does it get what that needs."""
        env = self.environment() if "cuda" in words else {}
        return process.run([self.moulin, *words], min(timeout, max(self.left, 1)), env)

    def model(self, name: str) -> Path:
        """The full model of that name, made where it is not there yet."""
        path = self.work / "models" / f"{name}.pb"
        if not path.exists():
            made = process.run(
                [sys.executable, str(FOLDER / "models" / "materialise.py"), "--out", str(path.parent), "--only", name],
                120,
            )
            if made.status:
                raise process.ProcessError(f"materialise {name}: {process.tail(made.stderr)}")
        return path

    def input_files(self, name: str, batch: int) -> list[Path]:
        """The input sets as .npz files."""
        folder = self.work / "inputs"
        folder.mkdir(exist_ok=True)
        files = [folder / f"{name}_{batch}_{i}.npz" for i in range(len(input_sets(self.model(name), 1)))]
        if not all(f.exists() for f in files):
            for file, arrays in zip(files, input_sets(self.model(name), batch)):
                np.savez(file, **arrays)
        return files

    def ranges(self, name: str) -> Path:
        """The ranges of a model's activations, measured on the CPU on all input sets but the first, which is the one that
        its outputs are compared on. Whatever int8 then costs is to be reported, so that no error is too large here."""
        file = self.work / "ranges" / f"{name}.json"
        with self.lock:
            if not file.exists():
                file.parent.mkdir(exist_ok=True)
                inputs = [word for f in self.input_files(name, 2)[1:] for word in ("--inputs", str(f))]
                words = ["calibrate", str(self.model(name)), *inputs, "-o", str(file), "--max-error", "1e9"]
                done = self.run_moulin(*words, "--device", "cpu", timeout=120)
                if done.status:
                    raise process.ProcessError(f"calibrate {name}: {process.tail(done.stderr or done.stdout)}")
                error = float(re.search(r"relative error ([^ ]+)", done.stdout).group(1))
                self.facts.setdefault("int8 error on the CPU", {})[name] = error
        return file

    def golden_cases(self) -> Path:
        """The project's golden cases, unpacked."""
        folder = self.work / "cases"
        if not folder.exists():
            folder.mkdir()
            process.unpack(ROOT / "tests" / "cases" / "cases.tar.xz", folder)
        return folder


def prepare_build(build: Path) -> None:
    """Unpacks the libraries that were carried packed."""
    archive = build / "libraries.tar.xz"
    if archive.exists() and not (build / "libdnnl.so.3").exists():
        process.unpack(archive, build)


def first_line(command: list[str]) -> str:
    """The first line that a command prints, or why there is none."""
    try:
        done = process.run(command, 60)
    except process.ProcessError as error:
        return f"({error})"
    return (done.stdout or done.stderr).strip().split("\n")[0]


def versions() -> dict[str, str]:
    """Of the libraries that measure, asked in a process of its own."""
    script = (
        "import json, importlib.metadata as m\n"
        "def v(n):\n try: return m.version(n)\n except Exception: return 'absent'\n"
        "names = ['numpy', 'jax', 'jaxlib', 'torch', 'triton', 'nvidia-cudnn-cu13', 'nvidia-cublas']\n"
        "print(json.dumps({n: v(n) for n in names}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "{}")


def dry_device(context: Context) -> str:
    """What a dry run runs on."""
    return "none: emulated by the CPU" if context.stand_in else "none: the cpu device in its place"


def machine_facts(context: Context) -> dict[str, Any]:
    """Device, driver, library versions, date and commit."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    commit = context.build / "commit"
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "dry_run": context.dry_run,
        "gpu": dry_device(context) if context.dry_run else first_line(query),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": versions(),
        "moulin": first_line([context.moulin, "--version"]),
        "commit": (
            commit.read_text().strip() if commit.exists() else first_line(["git", "-C", str(ROOT), "rev-parse", "HEAD"])
        ),
    }
