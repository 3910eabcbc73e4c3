"""Part `accuracy`: every model on the device, layer by layer, against the reference, in each precision."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import process
from context import OURS, Context, is_int8

MODELS = ["tiny_cnn", "wide_deep", "unet", "mobilenet_v2", "resnet50", "inception_v3", "bert_base"]
DRY_MODELS = ["tiny_cnn", "wide_deep"]  # those that an emulator runs in seconds
# The reference's nested loops take too long on these; the cpu device, itself held against it, stands in.
LARGE = {"resnet50", "inception_v3", "bert_base"}
# |found - expected| <= atol + rtol |expected|: the unit roundoff of the products' type (2^-24, 2^-11, 2^-11, 2^-8)
# times about sqrt(products summed) ~ 64, over some tens of layers.
TOLERANCE = {"fp32": (1e-3, 1e-3), "tf32": (5e-2, 5e-2), "fp16": (5e-2, 5e-2), "bf16": (3e-1, 3e-1)}
# Of int8 what counts is how far the outputs are off by norm: as far as the CPU's in int8 on the same ranges, which have
# the same sums, or twice as far, for the inputs are others. A single element may well be off by more.
INT8_TOLERANCE = (3e-1, 3e-1)
INT8_TIMES, INT8_PLUS = 2.0, 0.01
WORST = 5


def compare(context: Context, model: str, precision: str) -> dict[str, Any]:
    """One `moulin compare`."""
    reference = "cpu" if model in LARGE else "reference"
    atol, rtol = INT8_TOLERANCE if is_int8(precision) else TOLERANCE[precision]
    record: dict[str, Any] = {"model": model, "precision": precision, "reference": reference}
    try:
        return {**record, **compared(context, model, precision, reference, atol, rtol)}
    except (process.ProcessError, ValueError) as error:
        return {**record, "problem": str(error)}


def int8_agrees(context: Context, model: str, outputs: list[dict[str, Any]]) -> bool:
    """Whether outputs in int8 are about as far off as the CPU's."""
    limit = INT8_TIMES * context.facts["int8 error on the CPU"][model] + INT8_PLUS
    return all(o["rel_norm"] is not None and o["rel_norm"] <= limit for o in outputs)


def compared(
    context: Context, model: str, precision: str, reference: str, atol: float, rtol: float
) -> dict[str, Any]:
    """What `moulin compare` says."""
    words = [
        "compare",
        str(context.model(model)),
        "--device",
        context.device,
        "--reference",
        reference,
        "--layers",
        "--json",
        "--inputs",
        str(context.input_files(model, 2)[0]),
        "--atol",
        str(atol),
        "--rtol",
        str(rtol),
        *context.precision_words(precision, model),
    ]
    done = context.run_moulin(*words, timeout=150)
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        raise process.ProcessError(process.tail(done.stderr or done.stdout)) from error
    values = report["values"]
    outputs = [v for v in values if v["output"]]
    worst = sorted(values, key=lambda v: -(v.get("rel_norm", v["max_abs"]) or 0))[:WORST]
    return {
        "agrees": int8_agrees(context, model, outputs) if is_int8(precision) else report["agrees"],
        "first_divergence": report["first_divergence"],
        "first_nan": report["first_nan"],
        "values": len(values),
        "outputs": outputs,
        "worst": worst,
        "seconds": done.seconds,
    }


def run(context: Context) -> dict[str, Any]:
    """All models and precisions, several at once: the reference is slow and this part times nothing."""
    models = DRY_MODELS if context.dry_run else MODELS
    precisions = list(OURS) if context.device == "cuda" else ["fp32"]
    for model in models:
        context.input_files(model, 2)
    context.say(f"accuracy: {len(models)} models in {', '.join(precisions)}")
    jobs = [(m, p) for p in precisions for m in models]
    with ThreadPoolExecutor(2 if context.dry_run else 6) as pool:
        records = list(pool.map(lambda job: compare(context, *job), jobs))
    return {"records": records}
