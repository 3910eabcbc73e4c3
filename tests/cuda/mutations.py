#!/usr/bin/env python3
"""Checks that the tests of the CUDA device notice mistakes: breaks the code in one place at a time and runs the tests.

    tests/cuda/mutations.py [--work DIR] [--jobs N] [--only TEXT] [--list]

Each mutation replaces a piece of text, which must be there exactly once, in a copy of the tree; rebuilds the one test
program that is to notice; and runs it. That program must first pass without the mutation. The copy and its builds stay
in DIR (by default a folder among the system's temporary ones), so the next run builds little. They are those of the
presets: where ccache's base_dir holds both the tree and DIR, it has most of them already. The last lines are a table; the
exit status is 1 where a mutation was missed and 2 where one could not be tried.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TIME_LIMIT_S = 240  # a mutation may well make a test hang


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str
    new: str
    target: str  # the test program
    tests: str = "*"  # of it, as for --gtest_filter
    build: str = "release"  # or "tsan": kernels need the first, streams the second


KERNELS = "moulin_cuda_kernels_"

MUTATIONS = [
    # Barriers of kernels.
    Mutation("sort: no barrier between steps of the network", "cuda/kernels/sort.cu",
             "  for (; stride > 0; stride /= 2) {\n    __syncthreads();\n", "  for (; stride > 0; stride /= 2) {\n",
             KERNELS + "sort_test"),
    Mutation("sort: no barrier before the digit found is read", "cuda/kernels/sort.cu",
             "    __syncthreads();\n    const uint32_t digit = *found_digit;",
             "    const uint32_t digit = *found_digit;",
             KERNELS + "sort_test"),
    Mutation("suppression: no barrier before the warps' ranks are read", "cuda/kernels/detection.cu",
             "  __syncthreads();\n  for (int w = 0; w < warps; ++w) {", "  for (int w = 0; w < warps; ++w) {",
             KERNELS + "detection_test"),
    Mutation("suppression: a selected score may be struck out as it is stored", "cuda/kernels/detection.cu",
             "static_cast<int32_t>(last), s.scores[last]);\n    __syncthreads();",
             "static_cast<int32_t>(last), s.scores[last]);", KERNELS + "detection_test"),
    Mutation("transpose: no barrier between writing and reading a tile", "cuda/kernels/movement.cu",
             "    __syncthreads();\n    for (int row = first_row; row < kTransposeTile;",
             "    for (int row = first_row; row < kTransposeTile;", KERNELS + "movement_test"),
    Mutation("product: no barrier before partial sums are added", "cuda/kernels/contract.cu",
             "    partial[slice][c] = sum;\n    __syncthreads();", "    partial[slice][c] = sum;",
             KERNELS + "contract_test"),
    Mutation("reduction: no barrier before strips are combined", "cuda/kernels/fold_kernels.h",
             "  shared[at] = a;\n  __syncthreads();", "  shared[at] = a;", KERNELS + "reduce_test"),
    Mutation("scan: no barrier before the sums of warps are read", "cuda/kernels/scan.cu",
             "  if (lane == kWarp - 1) shared[warp] = value;\n  __syncthreads();",
             "  if (lane == kWarp - 1) shared[warp] = value;", KERNELS + "scan_test"),
    # Bounds and meaning of kernels.
    Mutation("sort: stores beyond the k-th result", "cuda/kernels/sort.cu",
             "for (int i = static_cast<int>(threadIdx.x); i < p.k; i += static_cast<int>(blockDim.x)) {",
             "for (int i = static_cast<int>(threadIdx.x); i < p.n; i += static_cast<int>(blockDim.x)) {",
             KERNELS + "sort_test"),
    Mutation("sort: takes ties of the highest places", "cuda/kernels/sort.cu",
             "(equal && num_equals + equals.before < threshold.equals)", "(equal && num_items + equals.before < p.k)",
             KERNELS + "sort_test"),
    Mutation("crop: boxes of images that are not there", "cuda/kernels/image.cu",
             "of >= 0 && of < p.num_images ?", "of >= 0 ?", KERNELS + "image_test"),
    Mutation("suppression: a box may be selected twice", "cuda/kernels/detection.cu",
             "(i == last || BoxOverlap", "(BoxOverlap", KERNELS + "detection_test"),
    Mutation("generated reduction: every row reads the first", "cuda/codegen/fold_source.cc",
             "static_cast<Index>(start + at)", "static_cast<Index>(at)", "moulin_cuda_codegen_test", "FoldSource.*"),
    Mutation("generated reduction: words across the ends of rows", "cuda/codegen/fold_source.cc",
             "  while (problem.row_size % count != 0) count /= 2;\n", "", "moulin_cuda_codegen_test", "FoldSource.*"),
    Mutation("prologue: the map overwrites sums of parts", "cuda/reduce_kernel.cc",
             "static_cast<char*>(c.workspace) + offset;", "static_cast<char*>(c.workspace);", KERNELS + "reduce_test"),
    # Order between streams.
    Mutation("capture: a lane does not wait for another's event", "cuda/captured_graph.cc",
             "        return WaitFor(stream, events_[step.event]);", "        return absl::OkStatus();",
             "moulin_cuda_device_test", build="tsan"),
    Mutation("capture: lanes are not joined", "cuda/captured_graph.cc",
             "      MOULIN_RETURN_IF_ERROR(WaitFor(origin(), joins_.back()));\n", "",
             "moulin_cuda_device_test", build="tsan"),
    Mutation("capture: lanes do not take part", "cuda/captured_graph.cc",
             "      MOULIN_RETURN_IF_ERROR(WaitFor(streams_[lane]->get(), fork_));\n", "",
             "moulin_cuda_device_test", build="tsan"),
    Mutation("execution: results are read before the graph is done", "cuda/execution.cc",
             "  MOULIN_RETURN_IF_ERROR(WaitFor(stream));\n", "", "moulin_cuda_device_test", build="tsan"),
    Mutation("constants: used before they are uploaded", "cuda/constants.cc",
             "  if (error == cudaSuccess) error = api.StreamSynchronize(stream->get());\n", "",
             "moulin_cuda_device_test", build="tsan"),
    Mutation("execution: staging areas overlap", "cuda/execution.cc",
             "      end += RoundUp(plan.buffers[b].bytes, kMemoryAlignment);\n", "      end += kMemoryAlignment;\n",
             "moulin_cuda_device_test", build="tsan"),
    # Choices and loops on the device.
    Mutation("loop: the condition is not set again", "cuda/control_kernel.cc",
             "    return EnqueueCondition(c, conditional);\n",
             "    static_cast<void>(conditional);\n    return absl::OkStatus();\n",
             "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("loop: nobody looks whether it is to stop", "cuda/kernels/control.cu",
             "*again != 0 && LoadFromHost(stop) == 0 ? 1 : 0", "*again != 0 && LoadFromHost(stop) != 2 ? 1 : 0",
             "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("loop: new values are written over old ones", "cuda/control_kernel.cc",
             "    for (const int64_t offset : next_offsets_) next.push_back(InWorkspace(c, offset));\n",
             "    for (const int v : changed_) next.push_back(c.outputs[v]);\n",
             "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("loop: what follows does not wait for it", "cuda/conditional_node.cc",
             "stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies", "stream, &node, nullptr, 0, cudaStreamSetCaptureDependencies",
             "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("choice: a branch too far is taken as it is", "cuda/kernels/control.cu",
             "is_there ? *index : num_branches - 1", "is_there ? *index : *index", "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("loop: the flag of an earlier run stays", "cuda/execution.cc",
             "  stopped_ = absl::OkStatus();\n  SetStop(0);\n", "  stopped_ = absl::OkStatus();\n",
             "moulin_cuda_device_test", "ControlTest.*"),
    Mutation("steps: the time of one is that of its start", "cuda/step_clock.cc",
             "now_ns - before_last + duration", "now_ns - before_last + 0 * duration", "moulin_cuda_device_test", "StepClockTest.*"),
    # Parts of the GPU.
    Mutation("capture: recorded outside of the model's part", "cuda/captured_graph.cc",
             "StreamHandle::Create(api_, 0, green_)", "StreamHandle::Create(api_, 0)", "moulin_cuda_device_test",
             "PartitionTest.*"),
    Mutation("parts: multiprocessors are taken twice", "cuda/runtime/green_context.cc",
             "  free_.resize(free_.size() - sets);\n", "", "moulin_cuda_runtime_test", "GreenContextTest.*"),
    # The planner.
    Mutation("planner: no wait where a lane's clock lags by one", "src/plan/lanes.cc",
             "if (schedule->position[*p] <= clock[lane]) continue;",
             "if (schedule->position[*p] <= clock[lane] + 1) continue;",
             "moulin_plan_test", build="tsan"),
    Mutation("planner: memory is reused while another lane may read it", "src/plan/arena.cc",
             "if (a.last_positions[lane] > before[lane]) return false;",
             "if (a.last_positions[lane] > before[lane] + 1) return false;", "moulin_plan_test", build="tsan"),
    # The stand-in itself.
    Mutation("stand-in: a condition need not be set anew", "tests/cuda/runtime/fake_graph.cc",
             "  if (value == Condition::kUnset && !IsLostNow()) AddViolation(\"nothing has set the condition of a conditional node\");\n",
             "", "moulin_cuda_runtime_test", "ConditionalTest.*"),
    Mutation("stand-in: nodes of graphs do not wait", "tests/cuda/runtime/fake_graph.cc",
             "      for (int d : executable.nodes[i].dependencies) done[d].Wait();\n", "",
             "moulin_cuda_runtime_test", build="tsan"),
    Mutation("stand-in: launches of a graph overlap", "tests/cuda/runtime/fake_graph_calls.cc",
             "    if (before != nullptr) before->done.Wait();\n", "", "moulin_cuda_runtime_test", build="tsan"),
    Mutation("stand-in: streams do not wait for events", "tests/cuda/runtime/fake_stream_calls.cc",
             "[record = event->record] { record->done.Wait(); }", "[record = event->record] {}",
             "moulin_cuda_runtime_test", build="tsan"),
    Mutation("stand-in: captures need not be joined", "tests/cuda/runtime/fake_graph.cc",
             "    if (!is_before_end[i]) return false;\n", "", "moulin_cuda_runtime_test", build="tsan"),
    Mutation("stand-in: freed memory counts as allocated", "tests/cuda/runtime/fake_stream.cc",
             "  if (place.kind == MemoryKind::kFreed) return \"freed memory\";\n", "",
             "moulin_cuda_runtime_test", build="tsan"),
]


class CannotTry(Exception):
    pass


def files_of_tree() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    return [f for f in listed.split("\0") if f and (ROOT / f).is_file()]


def copy_tree(to: Path) -> None:
    """Makes `to` the same as the tree, touching only what differs."""
    wanted = set(files_of_tree())
    for present in [p for p in to.rglob("*") if p.is_file() and not p.is_symlink()] if to.exists() else []:
        if str(present.relative_to(to)) not in wanted and not {".deps", "build"} & set(present.relative_to(to).parts[:1]):
            present.unlink()
    for name in wanted:
        source, target = ROOT / name, to / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    if (ROOT / ".deps").exists() and not (to / ".deps").exists():
        (to / ".deps").symlink_to(ROOT / ".deps")


class Workshop:
    """The copy of the tree and its builds."""

    def __init__(self, folder: Path, jobs: int):
        self.folder, self.jobs = folder, jobs
        self.tree = folder / "tree"
        self.environment = dict(os.environ, CCACHE_BASEDIR=str(self.tree))
        copy_tree(self.tree)
        self.passed_unbroken: dict[tuple[str, str, str], bool] = {}

    def run(self, command: list[str], limit_s: int | None = None) -> tuple[int, str]:
        try:
            done = subprocess.run(command, cwd=self.tree, env=self.environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=limit_s)
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            return 124, f"still running after {limit_s} s"

    def configure(self, build: str) -> Path:
        folder = self.tree / "build" / build
        if not (folder / "build.ninja").exists():
            status, output = self.run(["cmake", "--preset", build])
            if status != 0:
                raise CannotTry("cmake failed:\n" + output[-3000:])
        return folder

    def build(self, mutation: Mutation) -> None:
        folder = self.configure(mutation.build)
        status, output = self.run(["ninja", "-C", str(folder), f"-j{self.jobs}", mutation.target])
        if status != 0:
            raise CannotTry(f"{mutation.target} does not build:\n" + output[-3000:])

    def test(self, mutation: Mutation) -> bool:
        """Builds and runs; whether all tests pass."""
        self.build(mutation)
        program = self.tree / "build" / mutation.build / "bin" / mutation.target
        status, _ = self.run([str(program), "--gtest_brief=1", f"--gtest_filter={mutation.tests}"], TIME_LIMIT_S)
        return status == 0

    def is_caught(self, mutation: Mutation) -> bool:
        path = self.tree / mutation.file
        text = path.read_text()
        if text.count(mutation.old) != 1:
            raise CannotTry(f"the text to replace is {text.count(mutation.old)} times in {mutation.file}")
        key = (mutation.build, mutation.target, mutation.tests)
        if key not in self.passed_unbroken:
            self.passed_unbroken[key] = self.test(mutation)
        if not self.passed_unbroken[key]:
            raise CannotTry(f"{mutation.target} fails without any mutation")
        path.write_text(text.replace(mutation.old, mutation.new))
        try:
            return not self.test(mutation)
        finally:
            path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "moulin_mutations")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="mutations whose name has this text")
    parser.add_argument("--list", action="store_true", help="only say what would be tried, and whether its text is there")
    arguments = parser.parse_args()
    mutations = [m for m in MUTATIONS if arguments.only in m.name]
    if arguments.list:
        print("\n".join(f"{m.name} ({m.target}, {m.build})" for m in mutations))
        gone = [m for m in mutations if (ROOT / m.file).read_text().count(m.old) != 1]
        for m in gone:
            print(f"{m.name}: the text to replace is not once in {m.file}", file=sys.stderr)
        return 2 if gone else 0
    workshop = Workshop(arguments.work.resolve(), arguments.jobs)
    results: list[tuple[str, Mutation]] = []
    for mutation in mutations:
        try:
            result = "caught" if workshop.is_caught(mutation) else "MISSED"
        except CannotTry as error:
            print(f"{mutation.name}: {error}", file=sys.stderr)
            result = "CANNOT TRY"
        results.append((result, mutation))
        print(f"{result}: {mutation.name}", flush=True)
    width = max((len(m.name) for m in mutations), default=0)
    print(f"\n{'mutation':{width}}  {'build':7}  {'test program':34}  result")
    for result, m in results:
        print(f"{m.name:{width}}  {m.build:7}  {m.target:34}  {result}")
    counts = [sum(r == what for r, _ in results) for what in ("caught", "MISSED", "CANNOT TRY")]
    print("{} caught, {} missed, {} could not be tried".format(*counts))
    return 2 if counts[2] else 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
