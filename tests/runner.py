#!/usr/bin/env python3
"""Runs the built tests and adds up their results; tests/run.sh builds and calls it.

    tests/runner.py PART...        parts: release, asan, tsan

release: every GoogleTest program, the sample programs, the checks of the sources, and the golden cases on each device.
asan and tsan: the GoogleTest programs that those builds hold, and golden cases under AddressSanitizer.
The last line is "N passed, N failed, N skipped".
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
# A test program that hangs is a failure, not a stuck run.
TIME_LIMIT_S = 1200


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Count") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(command: list[str], env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and output; 124 where the time limit is over."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME_LIMIT_S,
                              stdin=subprocess.DEVNULL, env=env)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return 124, (error.stdout or b"").decode(errors="replace") + "\ntime limit reached"


def report(name: str, count: Count, seconds: float, output: str) -> Count:
    print(f"{name}: {count} ({seconds:.0f} s)", flush=True)
    if count.failed:
        print("\n".join(output.splitlines()[-60:]), flush=True)
    return count


def gtest(program: Path, part: str) -> Count:
    """One GoogleTest program; a crash counts as one more failure."""
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        # Protobuf's messages have another layout under ThreadSanitizer, which Debian's library does not have: tests
        # that read graphs from files are left to the other builds. Weights, which models share, have a test of their
        # own without files (WeightsSessionTest.ThreadsShareThem).
        readers = ("-LoadTest.*:BundleExamplesTest.*:ExportTest.*:InitOpTest.*:VariablesTest.*:Freeze.*:FollowTest.*:"
                   "AssetsTest.*:WeightsTest.*:SharedWeightsTest.*:SignatureObjectsTest.*:"
                   "Int8Test.FakeQuantNodesTellTheRanges")
        tests = [f"--gtest_filter={readers}"] if part == "tsan" else []
        status, output = run([str(program), f"--gtest_output=json:{result}", "--gtest_brief=1", *tests])
        count = Count()
        if result.exists():
            data = json.loads(result.read_text())
            tests = [t for suite in data["testsuites"] for t in suite["testsuite"]]
            for t in tests:
                if "failures" in t:
                    count.failed += 1
                elif t["result"] == "SKIPPED":
                    count.skipped += 1
                elif t["status"] == "RUN":
                    count.passed += 1
    if status != 0 and count.failed == 0:
        count.failed += 1
    return report(f"{part} {program.name}", count, time.time() - start, output)


def plain(name: str, command: list[str]) -> Count:
    """A command that passes by exit status 0, and is skipped by 77."""
    start = time.time()
    status, output = run(command)
    count = Count(passed=int(status == 0), failed=int(status not in (0, 77)), skipped=int(status == 77))
    return report(name, count, time.time() - start, output)


def stand_in(part: str) -> dict[str, str]:
    """The environment in which `cuda` is the emulated device; its blocks' shared memory is thread-local, and a lot."""
    plugin = ROOT / "build" / part / "bin" / "libmoulin_fake_cuda.so"
    return {**os.environ, "MOULIN_CUDA_PLUGIN": str(plugin), "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=4194304"}


def golden(part: str, cases: Path, device: str) -> Count:
    """A directory of golden cases, each counted. Known failures: of every device, and of this one."""
    start = time.time()
    command = [str(ROOT / "build" / part / "bin" / "moulin"), "check", str(cases), "--device", device]
    for name in (f"{cases.name}.txt", f"{cases.name}.{device}.txt"):
        if (ROOT / "tests/known_failures" / name).exists():
            command += ["--known-failures", f"tests/known_failures/{name}"]
    status, output = run(command, stand_in(part) if device == "cuda" else None)
    found = SUMMARY.search(output)
    count = Count(*map(int, found.groups())) if found else Count(failed=1)
    if status not in (0, 1) and count.failed == 0:
        count.failed = 1
    return report(f"{part} golden {cases.name} on {device}", count, time.time() - start, output)


def unpack(archive: Path, to: Path) -> Path:
    """The cases of an archive, unpacked anew where the archive is newer."""
    stamp = to / ".unpacked"
    if not stamp.exists() or stamp.stat().st_mtime < archive.stat().st_mtime:
        to.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as t:
            t.extractall(to)
        stamp.touch()
    return to


def acceptance(part: str) -> Count:
    """The acceptance cases beside the clone, where there are any."""
    total = Count()
    archives = sorted((ROOT.parent / "shared" / "cases").glob("*.tar.xz"))
    if not archives:
        print("acceptance cases: none beside this clone, skipped", flush=True)
        return Count(skipped=1)
    for archive in archives:
        name = archive.name.split(".")[0]
        directory = unpack(archive, ROOT / "build" / "acceptance" / name) / name
        for device in devices(part):
            total.add(golden(part, directory, device))
    return total


def devices(part: str) -> list[str]:
    """`cuda` on the stand-in for a GPU, where the CUDA device was built."""
    has_cuda = (ROOT / "build" / part / "bin" / "libmoulin_fake_cuda.so").exists()
    return ["reference", "cpu", "cuda"] if has_cuda else ["reference", "cpu"]


def release() -> Count:
    total = Count()
    total.add(plain("include direction", ["python3", "tests/include_direction_test.py"]))
    total.add(plain("one definition a type", ["python3", "tests/one_definition_test.py"]))
    total.add(plain("malformed input has tests", ["python3", "tests/malformed_input_test.py"]))
    total.add(plain("mutations fit the code", ["python3", "tests/cuda/mutations.py", "--list"]))
    for program in sorted((ROOT / "build/release/bin").glob("moulin_*_test")):
        total.add(gtest(program, "release"))
    for program in sorted((ROOT / "build/release/bin").glob("sample_*")):
        total.add(plain(f"release {program.name}", [str(program)]))
    total.add(plain("command line", ["bash", "tests/cli/command_line_test.sh"]))
    python = ROOT / ".venv/bin/python"
    for test, reader in (("freeze", "TensorFlow"), ("show_all", "TensorFlow"), ("export", "TensorFlow"),
                         ("tensorboard", "TensorBoard")):
        program = [str(python if python.exists() else "python3"), f"tests/cli/{test}_test.py"]
        total.add(plain(f"{test}, by {reader}", program))
    cases = unpack(ROOT / "tests/cases/cases.tar.xz", ROOT / "build/cases")
    for device in devices("release"):
        total.add(golden("release", cases, device))
    if "cuda" in devices("release"):
        total.add(plain("CUDA plugin", ["bash", "tests/cuda/plugin_test.sh"]))
        total.add(plain("bench/gpu, dry run", [str(python if python.exists() else "python3"), "tests/bench/gpu_dry_run_test.py"]))
    else:
        print("CUDA device: not built (no toolkit), skipped", flush=True)
        total.add(Count(skipped=1))
    total.add(acceptance("release"))
    return total


def sanitized(part: str) -> Count:
    total = Count()
    for program in sorted((ROOT / "build" / part / "bin").glob("moulin_*_test")):
        total.add(gtest(program, part))
    if part == "asan":
        for program in sorted((ROOT / "build/asan/bin").glob("moulin_fuzz_*")):
            # Small inputs may take some 64 MiB; a larger block is a finding.
            options = os.environ["ASAN_OPTIONS"] + ":allocator_may_return_null=0:max_allocation_size_mb=80"
            total.add(plain(f"asan {program.name}", ["env", f"ASAN_OPTIONS={options}", str(program)]))
        cases = unpack(ROOT / "tests/cases/cases.tar.xz", ROOT / "build/cases")
        total.add(golden(part, cases, "cpu"))
    return total


def main() -> None:
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
    os.environ.setdefault("TSAN_OPTIONS", f"halt_on_error=0:suppressions={ROOT / 'tests' / 'tsan_suppressions.txt'}")
    total = Count()
    for part in sys.argv[1:]:
        total.add(release() if part == "release" else sanitized(part))
    print(total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
