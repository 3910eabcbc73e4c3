"""Medians of paired measurements, and how far they can be trusted."""

from __future__ import annotations

import math
from statistics import median


def median_interval(values: list[float]) -> tuple[float, float]:
    """A distribution-free interval of about 95 % for the median: two order statistics (binomial, normal
    approximation); least and largest where there are fewer than six values."""
    ordered = sorted(values)
    n = len(ordered)
    if n < 6:
        return ordered[0], ordered[-1]
    low = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
    return ordered[low], ordered[n - 1 - low]


def summary(values: list[float]) -> dict[str, float]:
    """Median, interval and number of values."""
    low, high = median_interval(values)
    return {"median": median(values), "low": low, "high": high, "count": len(values)}


def paired_ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Of theirs / ours, pair by pair: above one, ours takes less time. Pairs are neighbours in time, so that a clock
    that drifts moves both."""
    return summary([t / o for o, t in zip(ours, theirs)])
