"""Part `concurrency`: four models at once against one after another; a model of high priority, or with a part of the GPU
of its own, among others; requests that wait joined to batches, against each by itself."""

from __future__ import annotations

from statistics import median
from typing import Any

import process
from context import Context
from paired import paired_ratio

MODELS = ["resnet50", "mobilenet_v2", "bert_base", "unet"]
DRY_MODELS = ["tiny_cnn", "wide_deep"]
# Of an H200, as far as they can be split: in sets of so many.
MULTIPROCESSORS, SET = 128, 8
BLOCK_S, DRY_BLOCK_S = 0.5, 0.1
IN_FLIGHT, JOINED = 64, 32  # requests, each of `batch` rows


def models_worker(context: Context, models: list[str], batch: int, extra: list[str]) -> process.Worker:
    """One `moulin bench --blocks` that holds all the models."""
    precision = context.precision_words("fp16", models[0])
    words = [
        context.moulin,
        "bench",
        *[str(context.model(m)) for m in models],
        "--blocks",
        "--batch",
        str(batch),
        "--device",
        context.device,
        *precision,
        *extra,
    ]
    return process.Worker("moulin", words, min(180, context.left), context.environment())


def round_seconds(records: list[dict[str, Any]]) -> float:
    """Seconds a round: one request to each model."""
    return max(r["seconds"] / max(r["requests"], 1) for r in records)


def together(context: Context, models: list[str], batch: int, rounds: int) -> dict[str, Any]:
    """Rounds one request after another, against rounds in flight at once; blocks in turns."""
    with models_worker(context, models, batch, ["--verify"]) as worker:
        different, block_s = 0, DRY_BLOCK_S if context.dry_run else BLOCK_S
        times: dict[str, list[float]] = {"sync 1": [], "async 1": [], "async 4": []}
        for i in range(rounds + 1):
            for mode in list(times) if i % 2 else list(times)[::-1]:
                records = worker.ask(f"{mode} {block_s}", 60)
                different += sum(r["different"] for r in records)
                if i > 0:
                    times[mode].append(round_seconds(records))
    return {
        "models": models,
        "batch": batch,
        "different": different,
        "round_ms": {m: median(t) * 1e3 for m, t in times.items()},
        "speedup_one_round": paired_ratio(times["async 1"], times["sync 1"]),
        "speedup_four_rounds": paired_ratio(times["async 4"], times["sync 1"]),
    }


def priority(context: Context, models: list[str], batch: int, rounds: int) -> dict[str, Any]:
    """The first model alone, and with high priority among the others."""
    return favoured(context, models, batch, rounds, ["--priority", "10" + ",0" * (len(models) - 1)])


def parts(context: Context, models: list[str], batch: int, rounds: int) -> dict[str, Any]:
    """The first model alone on all of the GPU, and among the others on half of it, which have the other half."""
    others = len(models) - 1
    shares = [MULTIPROCESSORS // 2] + [MULTIPROCESSORS // 2 // others // SET * SET] * others
    return favoured(context, models, batch, rounds, ["--multiprocessors", ",".join(map(str, shares))])


def favoured(context: Context, models: list[str], batch: int, rounds: int, how: list[str]) -> dict[str, Any]:
    """Latencies of the first model alone, and among the others when it is favoured so."""
    alone, among, block_s = [], [], DRY_BLOCK_S if context.dry_run else BLOCK_S
    with models_worker(context, models[:1], batch, []) as solo:
        with models_worker(context, models, batch, how) as all_of_them:
            for _ in range(rounds):
                alone.append(solo.ask(f"sync 1 {block_s}", 60)[0]["latency_ms"])
                among.append(all_of_them.ask(f"async 1 {block_s}", 60)[0]["latency_ms"])
    percentiles = {p: (median(a[p] for a in alone), median(a[p] for a in among)) for p in ("p50", "p99")}
    return {
        "model": models[0],
        "how": " ".join(how),
        "batch": batch,
        "others": models[1:],
        **{f"{p}_{who}_ms": v for p, pair in percentiles.items() for who, v in zip(("alone", "among"), pair)},
        "p99_ratio": percentiles["p99"][1] / percentiles["p99"][0],
    }


def joined(context: Context, models: list[str], batch: int, rounds: int) -> dict[str, Any]:
    """Many requests of the first model, each by itself, and joined as they wait; blocks in turns."""
    block_s = DRY_BLOCK_S if context.dry_run else BLOCK_S
    alone_s, joined_s = [], []  # a row
    with models_worker(context, models[:1], batch, []) as alone:
        with models_worker(context, models[:1], batch, ["--join", str(JOINED * batch)]) as in_batches:
            for i in range(rounds + 1):
                for seconds, worker in ((alone_s, alone), (joined_s, in_batches)):
                    record = worker.ask(f"async {IN_FLIGHT} {block_s}", 60)[0]
                    if i > 0:
                        seconds.append(1 / record["throughput_per_s"])
    return {
        "model": models[0],
        "batch": batch,
        "in_flight": IN_FLIGHT,
        "joined_rows": JOINED * batch,
        "rows_per_s": [1 / median(alone_s), 1 / median(joined_s)],
        "speedup": paired_ratio(joined_s, alone_s),
    }


def run(context: Context) -> dict[str, Any]:
    """All questions, at batch 1 and 8."""
    models, rounds = (DRY_MODELS, 2) if context.dry_run else (MODELS, 6)
    result: dict[str, Any] = {"together": [], "priority": [], "joined": []}
    measurements = {"together": together, "priority": priority, "joined": joined}
    if context.device == "cuda":
        result["parts"] = []
        measurements["parts"] = parts
    for batch in (1,) if context.dry_run else (1, 8):
        for name, measure in measurements.items():
            context.say(f"concurrency: {name}, batch {batch}")
            try:
                result[name].append(measure(context, models, batch, rounds))
            except process.ProcessError as error:
                result[name].append({"batch": batch, "problem": str(error)})
    return result
