"""Part `speed`: ours against XLA and PyTorch on the same graphs.

Every contender prepares one model in a process of its own, and its outputs are checked before anything is timed. Then
blocks of all contenders alternate, A-B-C-C-B-A, so that a clock that drifts moves all of them, and ratios are taken
between neighbours. Three measurements: `device` (inputs on the device, between CUDA events where the contender has
them), `sync` (one request after another, host memory to host memory), `async` (several in flight, likewise).
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import process
import roof
from context import FOLDER, Context, is_int8
from inputs import relative_norm
from paired import paired_ratio, summary

DEPTH = 4  # requests in flight


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    model: str
    precision: str
    batch: int

    @property
    def name(self) -> str:
        return f"{self.model} {self.precision} b{self.batch}"


# In the order in which they matter: a run that is short of time leaves out the last.
CASES = [
    Case("resnet50", "fp16", 1),
    Case("resnet50", "fp16", 256),
    Case("mobilenet_v2", "fp16", 1),
    Case("mobilenet_v2", "fp16", 256),
    Case("bert_base", "fp16", 1),
    Case("bert_base", "fp16", 64),
    Case("tiny_cnn", "fp32", 1),
    Case("resnet50", "int8+fp16", 256),
    Case("resnet50", "tf32", 256),
    Case("resnet50", "fp32", 256),
    Case("resnet50", "fp16", 64),
    Case("unet", "fp16", 16),
    Case("inception_v3", "fp16", 64),
    Case("wide_deep", "fp32", 256),
    Case("bert_base", "bf16", 64),
    Case("resnet50", "int8", 256),
    Case("mobilenet_v2", "int8+fp16", 256),
    Case("bert_base", "int8+fp16", 64),
]
DRY_CASES = [Case("tiny_cnn", "fp32", 1), Case("tiny_cnn", "int8+fp16", 1), Case("wide_deep", "fp32", 2)]
PEERS = ["xla", "torch"]
# Peers have no int8 of their own for these graphs: beside ours they run in what is fastest for them.
PEER_PRECISION = {"int8": "fp16", "int8+fp16": "fp16"}
MODULES = {"xla": "jax", "torch": "torch", "torch_compile": "torch"}

# Relative norm of the outputs against float32 on the CPU. Networks of random weights pass rounding on some fifty times
# as large: XLA and PyTorch on a CPU give up to 2.2e-2 in fp16 and eight times that in bf16. A wrong layer gives some
# tenths, and whoever is much less exact than all others is named as well (suspicions).
# Ours in int8 is held against int8 on the CPU on the same ranges, which has the same sums: what is float around them
# may round a few to the next step. In float16 that is a step for one in some sixteen.
OUTPUT_LIMIT = {"fp32": 1e-3, "tf32": 3e-2, "fp16": 3e-2, "bf16": 2.5e-1, "int8": 3e-2, "int8+fp16": 2.5e-1}
LESS_EXACT = 2.0


@dataclass
class Contender:
    """A process that measures, and what it measured."""

    name: str
    worker: process.Worker | None = None
    problem: str = ""
    error: float | None = None
    prepare_s: float | None = None
    device: list[float] = field(default_factory=list)  # seconds a batch
    sync: list[dict[str, float]] = field(default_factory=list)  # latencies in milliseconds
    batches: list[float] = field(default_factory=list)  # seconds a batch, several in flight
    facts: dict[str, Any] = field(default_factory=dict)

    def measure(self, mode: str, seconds: float) -> None:
        """One block."""
        if self.worker is None:
            return
        line = {"device": f"device {seconds}", "sync": f"sync 1 {seconds}", "async": f"async {DEPTH} {seconds}"}[mode]
        try:
            self.take(mode, self.worker.ask(line, 30 + 10 * seconds))
        except process.ProcessError as error:
            self.problem = str(error)
            self.worker.close()
            self.worker = None

    def take(self, mode: str, answer: Any) -> None:
        """Keeps a peer's answer."""
        if mode == "sync":
            self.sync.append(answer["latency_ms"])
        else:
            (self.device if mode == "device" else self.batches).append(answer["seconds_per_batch"])


class Ours(Contender):
    """`moulin bench --blocks`."""

    def measure(self, mode: str, seconds: float) -> None:
        if mode != "device":  # the device's own time comes with the other blocks' records, where it is known
            super().measure(mode, seconds)

    def take(self, mode: str, answer: Any) -> None:
        record = answer[0]
        if mode == "sync":
            self.sync.append(record["latency_ms"])
        else:
            self.batches.append(record["batch"] / record["throughput_per_s"])
            self.facts["submit_us"] = record.get("submit_us", {}).get("p50")
        if record.get("device_ms", {}).get("p50"):  # 0 where the device has no clock
            self.device.append(record["device_ms"]["p50"] / 1e3)


def run_once(context: Context, case: Case, device: list[str], inputs: Path, outputs: Path) -> dict[str, np.ndarray]:
    """What `moulin run` gives."""
    done = context.run_moulin(
        "run", str(context.model(case.model)), "--inputs", str(inputs), "--outputs", str(outputs), *device, timeout=120
    )
    if done.status:
        raise process.ProcessError(process.tail(done.stderr or done.stdout))
    with np.load(outputs) as arrays:
        return dict(arrays)


def expected_rows(context: Context, case: Case, precision: list[str]) -> dict[str, np.ndarray]:
    """Outputs of the first rows on the CPU (rows do not depend on each other), in float32 unless `precision` tells."""
    full = context.input_files(case.model, case.batch)[0]
    few = context.work / "few.npz"
    with np.load(full) as arrays:
        np.savez(few, **{k: v[:4] for k, v in arrays.items()})
    return run_once(context, case, ["--device", "cpu", *precision], few, context.work / "expected.npz")


def expected_of_ours(
    context: Context, case: Case, in_float: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What ours is held against."""
    if not is_int8(case.precision) or context.device != "cuda":
        return in_float
    return expected_rows(context, case, ["--precision", "int8", "--ranges", str(context.ranges(case.model))])


def output_error(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The worst relative norm over float outputs; infinite where one is missing. Class numbers may flip at ties."""
    worst = 0.0
    for name, value in expected.items():
        if name not in found:
            return float("inf")
        if value.dtype.kind == "f":
            worst = max(worst, relative_norm(found[name][: len(value)], value))
    return worst


def check(contender: Contender, precision: str, found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Takes a contender whose outputs are wrong out of the race."""
    contender.error = output_error(found, expected)
    if not contender.error <= OUTPUT_LIMIT[precision]:
        contender.problem = f"wrong outputs: relative norm {contender.error:.2g} > {OUTPUT_LIMIT[precision]:.0e}"
        if contender.worker is not None:
            contender.worker.close()
            contender.worker = None


def start_ours(context: Context, case: Case, expected: dict[str, np.ndarray]) -> Ours:
    """Our process, its outputs checked."""
    ours = Ours("moulin")
    files = context.input_files(case.model, case.batch)
    try:
        flags = ["--device", context.device, *context.precision_words(case.precision, case.model)]
        found = run_once(context, case, flags, files[0], context.work / "found.npz")
        words = [
            context.moulin,
            "bench",
            str(context.model(case.model)),
            "--blocks",
            "--device-time",
            "--concurrency",
            str(DEPTH),
            *flags,
            *[w for f in files for w in ("--inputs", str(f))],
        ]
        ours.worker = process.Worker("moulin", words, min(120, context.left), context.environment())
        ours.facts = {k: ours.worker.ready[0][k] for k in ("load_ms", "first_ms", "peak_bytes")}
        ours.prepare_s = (ours.facts["load_ms"] + ours.facts["first_ms"]) / 1e3
        check(ours, case.precision, found, expected)
    except process.ProcessError as error:
        ours.problem = str(error)
    return ours


def start_peer(context: Context, case: Case, kind: str, expected: dict[str, np.ndarray]) -> Contender:
    """A peer's process, its outputs checked."""
    peer = Contender(kind)
    if find_spec(MODULES[kind]) is None:
        peer.problem = f"skipped: {MODULES[kind]} is not installed here"
        return peer
    outputs = context.work / f"{kind}.npz"
    precision = PEER_PRECISION.get(case.precision, case.precision)
    words = [
        sys.executable,
        str(FOLDER / "peers" / "worker.py"),
        kind,
        str(context.model(case.model)),
        str(case.batch),
        precision,
        str(outputs),
    ]
    try:
        limit = 240 if kind == "torch_compile" else 120
        peer.worker = process.Worker(kind, words, min(limit, max(context.left, 1)))
        peer.prepare_s = peer.worker.ready["seconds"]
        with np.load(outputs) as arrays:
            check(peer, precision, dict(arrays), expected)
    except process.ProcessError as error:
        peer.problem = str(error)
    return peer


def measure(context: Context, contenders: list[Contender]) -> None:
    """Blocks of all contenders in turns, there and back."""
    rounds = 2 if context.dry_run else 8
    lengths = {"device": 0.04, "sync": 0.05, "async": 0.15}
    for contender in contenders:  # the first block of each kind warms up
        for mode, seconds in lengths.items():
            contender.measure(mode, seconds)
        contender.device, contender.sync, contender.batches = [], [], []
    for _ in range(rounds):
        for order in (contenders, contenders[::-1]):
            for mode, seconds in lengths.items():
                for contender in order:
                    contender.measure(mode, seconds)
        if context.left < 15:
            break


def figures(contender: Contender, case: Case) -> dict[str, Any]:
    """What one contender measured."""
    result: dict[str, Any] = {
        "name": contender.name,
        "problem": contender.problem,
        "output_error": contender.error,
        "prepare_s": contender.prepare_s,
        **contender.facts,
    }
    if contender.device:
        result["device_ms"] = {k: v * 1e3 if k != "count" else v for k, v in summary(contender.device).items()}
    if contender.sync:
        result["latency_ms"] = {p: median(block[p] for block in contender.sync) for p in ("p50", "p90", "p99")}
    if contender.batches:
        result["rows_per_s"] = case.batch / median(contender.batches)
    return result


def ratios(ours: Contender, peer: Contender) -> dict[str, Any]:
    """Peer's time over ours, by measurement: above one, ours is faster."""
    pairs = {
        "device": (ours.device, peer.device),
        "async": (ours.batches, peer.batches),
        "sync": ([b["p50"] for b in ours.sync], [b["p50"] for b in peer.sync]),
    }
    return {mode: paired_ratio(a, b) for mode, (a, b) in pairs.items() if a and b}


def rates_of(context: Context) -> tuple[roof.Rates, str]:
    """Datasheet rates of the GPU by its name."""
    name = "h100" if "H100" in str(context.facts.get("gpu")) else "h200"
    return roof.DEVICES[name], name


def roofs(context: Context, case: Case) -> dict[str, Any]:
    """The roof on datasheet rates and on those that the part `floors` measured."""
    rates, name = rates_of(context)
    ideal = roof.roof_of(context.model(case.model), case.batch, case.precision, rates)
    result = {
        "device": name,
        "layerwise_ms": ideal.layerwise * 1e3,
        "least_ms": ideal.least * 1e3,
        "gflop": ideal.flops / 1e9,
        "mb": ideal.bytes / 1e6,
        "layers": ideal.layers,
    }
    measured = context.facts.get("floors", {})
    products = dict(measured.get("products_flop_per_s", {}))
    if "int8" in products:
        products["int8+fp16"] = products["int8"]
    if "device_copy_bytes_per_s" in measured and case.precision in products:
        rates = roof.Rates(products, rates.vector, measured["device_copy_bytes_per_s"])
        result["layerwise_measured_rates_ms"] = (
            roof.roof_of(context.model(case.model), case.batch, case.precision, rates).layerwise * 1e3
        )
    return result


def less_exact(record: dict[str, Any]) -> list[str]:
    """Says where our outputs are further off than those of every peer."""
    contenders = record["contenders"]
    if is_int8(record["precision"]):  # which is held against something else
        return []
    ours, *others = [c["output_error"] for c in contenders]
    known = [e for e in others if e is not None]
    if ours is None or not known or ours <= LESS_EXACT * max(known) + 1e-5:
        return []
    return [f"moulin's outputs are off by {ours:.2g}, the peers' by at most {max(known):.2g}: some layer is less exact"]


def suspicions(record: dict[str, Any]) -> list[str]:
    """Results that cannot be (faster than anything can), and outputs less exact than others'."""
    found = less_exact(record)
    for c in record["contenders"]:
        times = [c["device_ms"]["median"]] if "device_ms" in c else []
        times += [record["batch"] / c["rows_per_s"] * 1e3] if "rows_per_s" in c else []
        if times and min(times) < record["roof"]["least_ms"]:
            found.append(
                f"{c['name']} took {min(times):.4f} ms, less than the least possible "
                f"{record['roof']['least_ms']:.4f} ms: the benchmark is wrong"
            )
    return found


def run_case(context: Context, case: Case, peers: list[str]) -> dict[str, Any]:
    """One row: prepare, check, measure."""
    record: dict[str, Any] = {
        "case": case.name,
        "model": case.model,
        "precision": case.precision,
        "batch": case.batch,
        "on_gpu": not context.dry_run,
    }
    expected = expected_rows(context, case, [])
    with ExitStack() as stack:
        contenders = [start_ours(context, case, expected_of_ours(context, case, expected))]
        contenders += [start_peer(context, case, kind, expected) for kind in peers]
        for contender in contenders:
            if contender.worker is not None:
                stack.callback(contender.worker.close)
        measure(context, contenders)
    record["contenders"] = [figures(c, case) for c in contenders]
    record["ratios"] = {c.name: ratios(contenders[0], c) for c in contenders[1:]}
    record["roof"] = roofs(context, case)
    record["suspicious"] = [] if context.dry_run else suspicions(record)
    return record


def run(context: Context, names: list[str] | None = None, peers: list[str] | None = None) -> dict[str, Any]:
    """All cases that there is time for."""
    known = DRY_CASES if context.dry_run else CASES
    cases = [c for c in known if not names or any(n in c.name for n in names)]
    records, skipped, longest = [], [], 20.0
    for case in cases:
        if context.left < longest:
            skipped.append(case.name)
            continue
        before = context.left
        context.say(f"speed: {case.name}")
        try:
            records.append(run_case(context, case, peers or PEERS))
        except Exception as error:  # a case that fails must not lose the others
            records.append({"case": case.name, "problem": f"{type(error).__name__}: {error}"})
        longest = max(longest, min(60.0, before - context.left))
    return {"records": records, "skipped": skipped}
