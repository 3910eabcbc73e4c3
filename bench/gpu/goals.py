"""Where Moulin wants to be on an H200: the figures that the report prints beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """For one case; times in milliseconds, rates in rows a second; None where nothing was set."""

    must_ms: float | None = None
    aim_ms: float | None = None
    must_per_s: float | None = None
    aim_per_s: float | None = None
    must_ratio: float | None = None  # of the fastest peer's time over ours


GOALS: dict[str, Goal] = {
    "resnet50 fp16 b1": Goal(must_ms=0.20, aim_ms=0.14, must_ratio=1.5),
    "resnet50 fp16 b64": Goal(must_per_s=40e3, aim_per_s=50e3, must_ratio=1.2),
    "resnet50 fp16 b256": Goal(must_per_s=40e3, aim_per_s=50e3, must_ratio=1.2),
    "resnet50 tf32 b256": Goal(aim_per_s=25e3, must_ratio=1.2),
    "resnet50 fp32 b256": Goal(must_ratio=1.2),
    "resnet50 int8+fp16 b256": Goal(must_per_s=70e3, aim_per_s=95e3),
    "mobilenet_v2 fp16 b1": Goal(must_ms=0.15, aim_ms=0.10, must_ratio=1.5),
    "mobilenet_v2 fp16 b256": Goal(must_per_s=90e3, aim_per_s=150e3, must_ratio=1.5),
    "bert_base fp16 b1": Goal(must_ms=0.35, aim_ms=0.22),
    "bert_base fp16 b64": Goal(must_per_s=24e3, aim_per_s=29e3),
    "tiny_cnn fp32 b1": Goal(aim_ms=0.012, must_ratio=5),
}
CONCURRENCY_SPEEDUP = 1.3
PRIORITY_P99_RATIO = 1.25
