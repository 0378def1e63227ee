"""What was to blame, and when it showed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.happenings import NEVER_MS, WHOLE_FLEET, Happening
from pg_streaming_machine_learning.simulation.plan import Scenario

__all__ = ["TRUTH_COLUMNS", "Truth", "TruthRow"]

TRUTH_COLUMNS = (
    "host",
    "metric",
    "scenario",
    "ramp_start_ms",
    "full_ms",
    "end_ms",
    "slow_from_ms",
    "slow_until_ms",
    "amount",
    "unit",
)


@dataclass(frozen=True)
class TruthRow:
    """What befell a host, and what came of it.

    Parameters
    ----------
    host : str
        Its name, ``*`` for the whole fleet.
    metric : str
        What is to blame, or is missed; empty if no single one.
    scenario : str
        Which kind.
    ramp_start_ms : int
        When it began, milliseconds since the epoch.
    full_ms, end_ms : int or None
        When it had risen, and was over; None if that was not to be, or not before the end of the run.
    slow_from_ms, slow_until_ms : int or None
        From when until when the noiseless latency was above the objective; None if it never was.
    amount : float
        Its full size, in `unit`.
    unit : str
        ``%`` of the resource, ``ms``, or empty if there is no amount.
    """

    host: str
    metric: str
    scenario: str
    ramp_start_ms: int
    full_ms: int | None
    end_ms: int | None
    slow_from_ms: int | None
    slow_until_ms: int | None
    amount: float
    unit: str

    def line(self) -> str:
        """Return the row as a line of the table, without its end."""
        cells = [getattr(self, column) for column in TRUTH_COLUMNS[:-2]]
        amount = f"{self.amount:.12g}" if self.unit else ""
        return ",".join(["" if cell is None else str(cell) for cell in cells] + [amount, self.unit])


class Truth:
    """Watches what happens until it is over.

    Parameters
    ----------
    hosts : sequence of str
        Names of hosts.
    every_ms : int
        Length of a cycle, milliseconds.
    """

    def __init__(self, hosts: Sequence[str], every_ms: int) -> None:
        self._hosts = hosts
        self._every_ms = every_ms
        self._open: list[Happening] = []
        self._slow_from = np.zeros(0, dtype=np.int64)
        self._slow_until = np.zeros(0, dtype=np.int64)
        self._arrange()

    def add(self, happenings: Iterable[Happening]) -> None:
        """Watch what is going to happen."""
        added = list(happenings)
        self._open += added
        self._slow_from = np.concatenate([self._slow_from, np.full(len(added), -1)])
        self._slow_until = np.concatenate([self._slow_until, np.full(len(added), -1)])
        self._arrange()

    def see(self, at_ms: int, slow: NDArray[np.bool_]) -> list[TruthRow]:
        """Note which hosts were slow in the cycle that ends at a time; return what is over with it."""
        now_slow = self._can_slow & (self._start_ms < at_ms) & (at_ms <= self._end_ms) & slow[self._host]
        first = now_slow & (self._slow_from < 0)
        self._slow_from[first] = at_ms - self._every_ms
        self._slow_until[now_slow] = at_ms
        return self._take(self._over_ms <= at_ms, at_ms)

    def rest(self, at_ms: int) -> list[TruthRow]:
        """Return what has begun and is not over when the run ends at a time."""
        return self._take(self._start_ms < at_ms, at_ms)

    def _arrange(self) -> None:
        happenings = self._open
        self._host = np.array([max(each.host, 0) for each in happenings], dtype=np.int64)
        self._start_ms = np.array([each.start_ms for each in happenings], dtype=np.int64)
        self._end_ms = np.array([each.end_ms for each in happenings], dtype=np.int64)
        # What stays is told as soon as it is there.
        self._over_ms = np.where(self._end_ms == NEVER_MS, self._start_ms + self._every_ms, self._end_ms)
        self._can_slow = np.array(
            [each.cause is not None or each.scenario is Scenario.LOAD_WAVE for each in happenings],
            dtype=np.bool_,
        )

    def _take(self, chosen: NDArray[np.bool_], at_ms: int) -> list[TruthRow]:
        if not chosen.any():
            return []
        rows = [self._row(int(number), at_ms) for number in np.flatnonzero(chosen)]
        keep = ~chosen
        self._open = [each for each, kept in zip(self._open, keep.tolist(), strict=True) if kept]
        self._slow_from, self._slow_until = self._slow_from[keep], self._slow_until[keep]
        self._arrange()
        return rows

    def _row(self, number: int, at_ms: int) -> TruthRow:
        happening = self._open[number]
        slow_from, slow_until = int(self._slow_from[number]), int(self._slow_until[number])
        return TruthRow(
            host="*" if happening.host == WHOLE_FLEET else self._hosts[happening.host],
            metric="" if happening.metric is None else happening.metric.value,
            scenario=happening.scenario.value,
            ramp_start_ms=happening.start_ms,
            full_ms=happening.full_ms if happening.full_ms <= at_ms else None,
            end_ms=happening.end_ms if happening.end_ms <= at_ms else None,
            slow_from_ms=None if slow_from < 0 else slow_from,
            slow_until_ms=None if slow_until < 0 else slow_until,
            amount=happening.amount,
            unit=happening.unit,
        )
