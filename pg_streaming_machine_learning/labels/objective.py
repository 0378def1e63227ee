"""When a host is too slow: a rule over the response times of a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pg_streaming_machine_learning.windows.summary import percentile

__all__ = ["Objective"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective: a percentile of the response times stays within a multiple of the usual.

    Parameters
    ----------
    share : float
        Which percentile, as a share of the requests, 0 < share <= 1: 0.9 lets one request in ten be slow,
        1.0 none at all.
    factor : float
        The threshold is this many times the median of the host's response times while all was well.

    Raises
    ------
    ValueError
        If the share or the factor is out of its range.

    Examples
    --------
    >>> objective = Objective(share=0.9, factor=5.0)
    >>> threshold_ms = objective.threshold_ms([2.0, 3.0, 4.0])
    >>> threshold_ms, objective.label([3.0, 4.0, 20.0, 31.0], threshold_ms), objective.label([], threshold_ms)
    (15.0, 1, None)
    """

    share: float = 0.9
    factor: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"share of the objective is {self.share!r}, expected more than 0, at most 1")
        if not (self.factor > 0.0 and math.isfinite(self.factor)):
            raise ValueError(f"factor of the objective is {self.factor!r}, expected more than 0")

    def threshold_ms(self, usual_ms: Sequence[float]) -> float:
        """Return the threshold of a host.

        Parameters
        ----------
        usual_ms : sequence of float
            Response times while all was well, milliseconds.

        Returns
        -------
        float
            `factor` times their median, milliseconds; NaN if there are none.
        """
        return self.factor * percentile(sorted(usual_ms), 50)

    def label(self, durations_ms: Sequence[float], threshold_ms: float) -> int | None:
        """Return 1 if the objective is missed in a window, else 0.

        Parameters
        ----------
        durations_ms : sequence of float
            Response times of the window's requests, milliseconds, in any order.
        threshold_ms : float
            From `threshold_ms`.

        Returns
        -------
        int or None
            None if the window has no request, or the threshold is not known (NaN).
        """
        if len(durations_ms) == 0 or math.isnan(threshold_ms):
            return None
        return int(percentile(sorted(durations_ms), 100 * self.share) > threshold_ms)
