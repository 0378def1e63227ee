"""What is kept of the durations of a window: how many, how long."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.prediction import DurationSummary
from pg_streaming_machine_learning.windows.summary import percentile

__all__ = ["summarize_durations"]

_US_PER_MS = 1000


def summarize_durations(durations_us: Sequence[int] | NDArray[np.int64]) -> DurationSummary:
    """Return the summary of durations in microseconds, in any order.

    Examples
    --------
    >>> summarize_durations([9_000, 1_000, 2_000])
    DurationSummary(count=3, mean_ms=4.0, p50_ms=2.0, p90_ms=9.0, p99_ms=9.0, maximum_ms=9.0)
    >>> summarize_durations([]).count
    0
    """
    ordered: list[int] = np.sort(np.asarray(durations_us, np.int64)).tolist()
    count = len(ordered)
    mean_us = sum(ordered) / count if count else math.nan
    greatest_us = float(ordered[-1]) if count else math.nan
    shares_us = [percentile(ordered, percent) for percent in (50, 90, 99)]
    return DurationSummary(count, *(each / _US_PER_MS for each in (mean_us, *shares_us, greatest_us)))
