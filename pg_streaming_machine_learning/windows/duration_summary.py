"""What is kept of the durations of a window: how many, how long."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pg_streaming_machine_learning.windows.summary import percentile

__all__ = ["DurationSummary"]

_US_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class DurationSummary:
    """Durations of one host in one window, in milliseconds.

    Parameters
    ----------
    count : int
        How many there are.
    mean_ms, p50_ms, p90_ms, p99_ms, maximum_ms : float
        Percentiles as in `windows.summary.percentile`; NaN throughout if there are none.
    """

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    maximum_ms: float

    @classmethod
    def of(cls, durations_us: Iterable[int]) -> DurationSummary:
        """Return the summary of durations in microseconds, in any order.

        Examples
        --------
        >>> DurationSummary.of([9_000, 1_000, 2_000])
        DurationSummary(count=3, mean_ms=4.0, p50_ms=2.0, p90_ms=9.0, p99_ms=9.0, maximum_ms=9.0)
        >>> DurationSummary.of([]).count
        0
        """
        ordered = sorted(durations_us)
        count = len(ordered)
        mean_us = sum(ordered) / count if count else math.nan
        greatest_us = float(ordered[-1]) if count else math.nan
        shares_us = [percentile(ordered, percent) for percent in (50, 90, 99)]
        return cls(count, *(each / _US_PER_MS for each in (mean_us, *shares_us, greatest_us)))
