"""Writes what was measured: report.json (everything), report.md (tables), report.png or report.svg (a plot)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from goals import CONCURRENCY_SPEEDUP, GOALS, PRIORITY_P99_RATIO, Goal

Record = dict[str, Any]
WARNING = "**Dry run without a GPU: no figure on this page is a GPU's.** It shows that the benchmark runs, and nothing else."


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    line = lambda cells: "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"
    return [line(header), "|" + "---|" * len(header), *map(line, rows), ""]


def number(value: Any, digits: int = 3) -> str:
    """A figure to that many significant digits, thousands written out; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, float) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def device_time(contender: Record | None, record: Record) -> float | None:
    """Milliseconds a batch on the device; where a contender does not tell, from batches in flight."""
    if not contender:
        return None
    if "device_ms" in contender:
        return contender["device_ms"]["median"]
    return record["batch"] / contender["rows_per_s"] * 1e3 if "rows_per_s" in contender else None


def ours_of(record: Record) -> Record:
    """Our contender."""
    return record["contenders"][0]


def fastest_peer(record: Record, mode: str) -> tuple[str, Record] | None:
    """The peer with the least time in that measurement, and the ratio to ours."""
    found = {name: r[mode] for name, r in record["ratios"].items() if mode in r}
    return min(found.items(), key=lambda item: item[1]["median"]) if found else None


def ratio_text(found: tuple[str, Record] | None) -> str:
    """A ratio with its interval."""
    if found is None:
        return "-"
    name, r = found
    return f"{r['median']:.2f} [{r['low']:.2f}, {r['high']:.2f}] {name}"


def verdict(record: Record, goal: Goal) -> str:
    """Whether the goals are met: aim, must or neither; "-" where there is no figure of ours or no goal."""
    ours = ours_of(record)
    latency, rate = (ours.get("latency_ms") or {}).get("p50"), ours.get("rows_per_s")
    peer = fastest_peer(record, "sync" if goal.aim_ms else "async")
    musts, aims = [], []
    if goal.must_ms or goal.aim_ms:
        musts += [latency is not None and latency <= goal.must_ms] if goal.must_ms else []
        aims += [latency is not None and latency <= goal.aim_ms] if goal.aim_ms else []
    if goal.must_per_s or goal.aim_per_s:
        musts += [rate is not None and rate >= goal.must_per_s] if goal.must_per_s else []
        aims += [rate is not None and rate >= goal.aim_per_s] if goal.aim_per_s else []
    if goal.must_ratio:
        musts.append(peer is not None and peer[1]["median"] >= goal.must_ratio)
    if not ours.get("latency_ms") or not musts + aims:
        return "-"
    if not all(musts):
        return "no"
    return "aim" if aims and all(aims) else "must"


def goal_text(goal: Goal) -> tuple[str, str]:
    """Must and aim in words."""
    must = [f"<= {goal.must_ms} ms"] if goal.must_ms else []
    must += [f">= {goal.must_per_s / 1e3:g}k/s"] if goal.must_per_s else []
    must += [f">= {goal.must_ratio}x peer"] if goal.must_ratio else []
    aim = [f"<= {goal.aim_ms} ms"] if goal.aim_ms else []
    aim += [f">= {goal.aim_per_s / 1e3:g}k/s"] if goal.aim_per_s else []
    return ", ".join(must) or "-", ", ".join(aim) or "-"


def speed_goal_row(record: Record) -> list[str]:
    """One case beside its goals, which are a GPU's."""
    ours, goal = ours_of(record), GOALS.get(record["case"], Goal()) if record["on_gpu"] else Goal()
    time = device_time(ours, record)
    roof = record["roof"]
    share = f"{roof['layerwise_ms'] / time:.0%}" if time and record["on_gpu"] else "-"
    return [
        record["case"],
        number((ours.get("latency_ms") or {}).get("p50")),
        number(ours.get("rows_per_s")),
        number(time),
        number(roof["layerwise_ms"]),
        share,
        ratio_text(fastest_peer(record, "device")),
        ratio_text(fastest_peer(record, "sync")),
        ratio_text(fastest_peer(record, "async")),
        *goal_text(goal),
        verdict(record, goal),
    ]


def contender_rows(record: Record) -> list[list[str]]:
    """Everything measured for one case, a row a contender."""
    rows = []
    for c in record["contenders"]:
        latency, device = c.get("latency_ms") or {}, c.get("device_ms") or {}
        interval = f" [{number(device['low'])}, {number(device['high'])}]" if device else ""
        rows.append(
            [
                record["case"],
                c["name"],
                number(device.get("median")) + interval,
                number(latency.get("p50")),
                number(latency.get("p99")),
                number(c.get("rows_per_s")),
                number(c.get("submit_us")),
                number(c.get("prepare_s")),
                number(c.get("output_error"), 2),
                c["problem"][:200] or "-",
            ]
        )
    return rows


def speed_section(result: Record) -> list[str]:
    """Ours beside the peers, the roofs and the goals."""
    good = [r for r in result["records"] if "contenders" in r]
    lines = table(
        [
            "case",
            "ours p50 ms",
            "ours rows/s",
            "ours ms a batch",
            "roof ms",
            "of roof",
            "device: peer/ours",
            "latency: peer/ours",
            "throughput: peer/ours",
            "must",
            "aim",
            "met",
        ],
        [speed_goal_row(r) for r in good],
    )
    lines += [
        "Ratios are medians of pairs measured in turns, with an interval of about 95 %, to the peer named, the fastest "
        'one; above 1, ours is faster. "Ours ms a batch" is the device\'s own time where Moulin gives it, else the '
        "time between batches with several in flight, copies included.",
        "",
    ]
    lines += table(
        [
            "case",
            "contender",
            "device ms",
            "p50 ms",
            "p99 ms",
            "rows/s",
            "enqueue us",
            "prepare s",
            "output error",
            "problem",
        ],
        [row for r in good for row in contender_rows(r)],
    )
    lines += [f"- **{r['case']}: {s}**" for r in good for s in r["suspicious"]]
    lines += [f"- {r['case']}: {r['problem']}" for r in result["records"] if "problem" in r]
    if result["skipped"]:
        lines += [f"- no time was left for: {', '.join(result['skipped'])}"]
    return lines + [""]


def tests_section(result: Record) -> list[str]:
    """Counts, then failures."""
    rows = [
        [r["name"], *(str(r.get(k, "-")) for k in ("passed", "failed", "skipped")), r.get("problem", "-")]
        for r in result["records"]
    ]
    lines = table(["what", "passed", "failed", "skipped", "problem"], rows)
    for record in result["records"]:
        lines += [f"    {f[:300]}" for f in record.get("failures", [])[:30]]
    return lines + [""]


def accuracy_section(result: Record) -> list[str]:
    """A row a model and precision, its worst layers named."""
    rows = []
    for r in result["records"]:
        if "problem" in r:
            rows.append([r["model"], r["precision"], r["reference"], "-", "-", "-", r["problem"][:200]])
            continue
        error = max([v["max_abs"] for v in r["outputs"]] or [0])
        worst = "; ".join(f"{v['name']} ({v['op']}) {number(v['max_abs'], 2)}" for v in r["worst"][:3])
        first = r["first_nan"] and f"NaN first in {r['first_nan']}" or r["first_divergence"] or "-"
        rows.append(
            [
                r["model"],
                r["precision"],
                r["reference"],
                "yes" if r["agrees"] else "**no**",
                number(error, 2),
                worst,
                first,
            ]
        )
    return table(
        [
            "model",
            "precision",
            "held against",
            "agrees",
            "outputs: max abs",
            "worst layers: max abs",
            "first difference",
        ],
        rows,
    )


def sanitizer_section(result: Record) -> list[str]:
    """A row a tool and command."""
    rows = [
        [r["tool"], r["what"], str(r.get("errors", "-")), number(r.get("seconds")), r.get("problem", "-")]
        for r in result["records"]
    ]
    lines = [result["note"], ""] if "note" in result else []
    lines += table(["tool", "what", "errors", "seconds", "problem"], rows) if rows else []
    for record in result["records"]:
        if "output" in record:
            lines += [f"    {line}" for line in record["output"].splitlines()[:20]] + [""]
    return lines


def floors_section(result: Record) -> list[str]:
    """Rates and launch costs."""
    lines = [result[k] for k in ("note", "problem", "products_problem") if k in result]
    rates = result.get("products_flop_per_s", {}).items()
    rows = [[f"{k} product", f"{v / 1e12:.1f} {'TOP' if k == 'int8' else 'TFLOP'}/s"] for k, v in rates]
    names = {
        "device_copy_bytes_per_s": "copy within the device, read + written",
        "h2d_bytes_per_s": "pinned copy to the device",
        "d2h_bytes_per_s": "pinned copy to the host",
    }
    rows += [[text, f"{result[key] / 1e9:.1f} GB/s"] for key, text in names.items() if key in result]
    rows += [
        [
            f"graph of {g['nodes']} empty kernels",
            f"{g['device_us']:.2f} us on the device, {g['launch_us']:.2f} us to launch, "
            f"{g['latency_us']:.2f} us to its end",
        ]
        for g in result.get("empty_graphs", [])
    ]
    return lines + [""] + table(["what", "rate or time"], rows)


def concurrency_section(result: Record) -> list[str]:
    """Speed-ups of running models at once, then priorities."""
    rows = []
    for r in result["together"]:
        if "problem" in r:
            rows.append([str(r["batch"]), "-", "-", "-", "-", r["problem"][:200]])
            continue
        spell = lambda x: f"{x['median']:.2f} [{x['low']:.2f}, {x['high']:.2f}]"
        rows.append(
            [
                str(r["batch"]),
                number(r["round_ms"]["sync 1"]),
                spell(r["speedup_one_round"]),
                spell(r["speedup_four_rounds"]),
                str(r["different"]),
                f">= {CONCURRENCY_SPEEDUP}, 0 other bits",
            ]
        )
    lines = table(
        [
            "batch",
            "a round one after another, ms",
            "at once: times as fast",
            "four rounds in flight",
            "requests with other bits",
            "must",
        ],
        rows,
    )
    rows = [
        [
            r.get("model", "-"),
            r.get("how", "-"),
            str(r["batch"]),
            number(r.get("p50_alone_ms")),
            number(r.get("p99_alone_ms")),
            number(r.get("p50_among_ms")),
            number(r.get("p99_among_ms")),
            number(r.get("p99_ratio")),
            f"<= {PRIORITY_P99_RATIO}",
            r.get("problem", "-")[:200],
        ]
        for r in result["priority"] + result.get("parts", [])
    ]
    lines += table(
        [
            "model that is favoured",
            "how",
            "batch",
            "p50 alone ms",
            "p99 alone ms",
            "p50 among others ms",
            "p99 among others ms",
            "p99 ratio",
            "aim",
            "problem",
        ],
        rows,
    )
    return lines + joined_table(result["joined"])


def joined_table(records: list[Record]) -> list[str]:
    """Rows a second of requests by themselves and in batches."""
    rows = [
        [
            r.get("model", "-"),
            str(r["batch"]),
            str(r.get("in_flight", "-")),
            str(r.get("joined_rows", "-")),
            *(number(rate) for rate in r.get("rows_per_s", [None, None])),
            number(r["speedup"]["median"]) if "speedup" in r else "-",
            r.get("problem", "-")[:200],
        ]
        for r in records
    ]
    heads = ["model", "rows a request", "requests in flight", "joined to rows"]
    return table([*heads, "rows/s alone", "rows/s joined", "times as fast", "problem"], rows)


SECTIONS = {
    "tests": ("Tests", tests_section),
    "accuracy": ("Accuracy", accuracy_section),
    "sanitizer": ("Sanitizers", sanitizer_section),
    "floors": ("Floors", floors_section),
    "speed": ("Speed", speed_section),
    "concurrency": ("Concurrency", concurrency_section),
}


def markdown(report: Record) -> str:
    """The whole page."""
    facts = report["facts"]
    lines = ["# Moulin on a GPU", ""] + ([WARNING, ""] if facts["dry_run"] else [])
    shown = {k: v for k, v in facts.items() if k not in ("floors", "versions")} | facts["versions"]
    lines += table(["what", "which"], [[k, str(v)] for k, v in shown.items()])
    for part, result in report["parts"].items():
        title, write = SECTIONS[part]
        lines += [f"## {title}", ""]
        if "failed" in result:
            lines += [f"This part failed: {result['failed']}", ""]
        else:
            lines += write(result)
        lines += [f"({result['seconds']:.0f} s)", ""]
    return "\n".join(lines)


def write(report: Record, out: Path) -> list[Path]:
    """Writes the three files; what is wrong with one does not stop the others."""
    from plot import draw

    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    (out / "report.md").write_text(markdown(report) + "\n")
    return [out / "report.json", out / "report.md", draw(report, out)]
