"""The plot of a report: milliseconds a batch of every contender, with the roof, a panel a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report import device_time

COLOURS = {"moulin": "#1b6ca8", "xla": "#e08e1b", "torch": "#c8553d", "torch_compile": "#8b3a62"}
GREY = "#555555"


def bars(record: dict[str, Any]) -> list[tuple[str, float]]:
    """Contenders with a time, ours first."""
    times = [(c["name"], device_time(c, record)) for c in record["contenders"]]
    return [(name, t) for name, t in times if t]


def panels(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The cases that have anything to show."""
    records = report["parts"].get("speed", {}).get("records", [])
    return [r for r in records if "contenders" in r and bars(r)]


def title(report: dict[str, Any]) -> str:
    """What was measured, where and when."""
    facts = report["facts"]
    where = "DRY RUN without a GPU: not a GPU's figures" if facts["dry_run"] else facts["gpu"]
    return f"Milliseconds a batch, {facts['date']}\n{where}"


def draw_with_matplotlib(report: dict[str, Any], out: Path) -> Path:
    """report.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = panels(report)
    columns = min(4, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure, axes = pyplot.subplots(rows, columns, figsize=(max(3.4 * columns + 0.6, 6), 2.7 * rows + 0.8), squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis, record in zip(axes.flat, shown):
        draw_panel(axis, record, not report["facts"]["dry_run"])
    if not shown:
        axes[0][0].text(0.5, 0.5, "no speed was measured", ha="center")
    figure.suptitle(title(report), fontsize=11)
    figure.tight_layout()
    path = out / "report.png"
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path


def draw_panel(axis: Any, record: dict[str, Any], with_roof: bool) -> None:
    """One case."""
    names, times = zip(*bars(record))
    drawn = axis.bar(range(len(names)), times, color=[COLOURS.get(n, GREY) for n in names], width=0.65)
    axis.bar_label(drawn, labels=[f"{t:.3g}" for t in times], fontsize=8, padding=2)
    axis.set_xticks(range(len(names)), [n.replace("_", "\n") for n in names], fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(0, max(times) * 1.2)
    axis.set_title(record["case"], fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    if with_roof:
        roof = record["roof"]["layerwise_ms"]
        axis.axhline(roof, color="black", linestyle="--", linewidth=0.9)
        axis.text(len(names) - 0.5, roof, f"roof {roof:.3g}", fontsize=7, ha="right", va="bottom")


def draw_by_hand(report: dict[str, Any], out: Path) -> Path:
    """report.svg, for machines without matplotlib: a row a contender."""
    what, where = title(report).split("\n")
    body, y = [f'<text x="10" y="20" font-size="14">{what}: {where}</text>'], 50
    for record in panels(report):
        longest = max(t for _, t in bars(record))
        body.append(f'<text x="10" y="{y}" font-weight="bold">{record["case"]}</text>')
        for name, t in bars(record):
            y += 18
            body.append(
                f'<text x="20" y="{y}">{name}</text>'
                f'<rect x="130" y="{y - 11}" height="13" width="{400 * t / longest:.1f}" '
                f'fill="{COLOURS.get(name, GREY)}"/><text x="{138 + 400 * t / longest:.1f}" y="{y}">{t:.4g}</text>'
            )
        y += 30
    path = out / "report.svg"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{y}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(body)}</svg>\n'
    )
    return path


def draw(report: dict[str, Any], out: Path) -> Path:
    """The plot, by the means there are."""
    try:
        return draw_with_matplotlib(report, out)
    except ImportError:
        return draw_by_hand(report, out)
