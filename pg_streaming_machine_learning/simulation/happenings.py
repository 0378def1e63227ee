"""What befalls hosts, and what of it holds during a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.trace import TraceMetric
from pg_streaming_machine_learning.simulation.fleet import Floats
from pg_streaming_machine_learning.simulation.model import Cause
from pg_streaming_machine_learning.simulation.plan import Scenario
from pg_streaming_machine_learning.simulation.traffic import rising

__all__ = ["NEVER_MS", "WHOLE_FLEET", "Happening", "Happenings", "Sensor"]

WHOLE_FLEET = -1
"""Index of a host that stands for all."""

NEVER_MS = 2**62
"""End of what stays."""


class Sensor(IntEnum):
    """A measurement of Telegraf, which may vanish."""

    CPU = 0
    MEM = 1
    DISKIO = 2
    NET = 3

    @property
    def metric(self) -> TraceMetric:
        """Return the metric that is missed most."""
        return (TraceMetric.CPU, TraceMetric.MEMORY, TraceMetric.DISK_WRITE, TraceMetric.NETWORK_OUT)[self]


@dataclass(frozen=True)
class Happening:
    """What befalls one host.

    Parameters
    ----------
    scenario : Scenario
        Which kind.
    host : int
        Index of the host, or `WHOLE_FLEET`.
    metric : TraceMetric or None
        What is to blame, or is missed; None if no single one.
    start_ms, full_ms, end_ms : int
        When it begins, has risen to its full size, and is over, milliseconds since the epoch, at the bounds
        of cycles; `NEVER_MS` if it stays.
    amount : float
        How much, in `unit`.
    unit : str
        ``%`` of the resource, or ``ms``; empty if there is no amount.
    cause : Cause or None
        What weighs on the host, if anything does besides its load.
    sensor : Sensor or None
        What vanishes.
    """

    scenario: Scenario
    host: int
    metric: TraceMetric | None
    start_ms: int
    full_ms: int
    end_ms: int
    amount: float = 0.0
    unit: str = ""
    cause: Cause | None = None
    sensor: Sensor | None = None


class Happenings:
    """Happenings as arrays, to ask of a whole fleet what holds at a time.

    Parameters
    ----------
    happenings : sequence of Happening
        Those that may hold.
    hosts : int
        How many there are in the fleet.

    Notes
    -----
    A time is the end of a cycle: what starts at 10 and ends at 20 holds at 11 to 20.
    """

    def __init__(self, happenings: Sequence[Happening], hosts: int) -> None:
        self._hosts = hosts
        self._causes = _Part([each for each in happenings if each.cause is not None])
        self._cause = np.array([each.cause for each in self._causes.of], dtype=np.int64)
        self._versions = _of(happenings, Scenario.NEW_VERSION)
        self._away = _of(happenings, Scenario.HOSTS_COME_AND_GO)
        self._clocks = _of(happenings, Scenario.CLOCKS_OFF)
        self._sensors = _of(happenings, Scenario.SENSORS_VANISH)
        self._sensor = np.array([each.sensor for each in self._sensors.of], dtype=np.int64)

    def causes(self, at_ms: int) -> Floats:
        """Return the size of each cause, shape (len(Cause), n_hosts)."""
        sizes = np.zeros((len(Cause), self._hosts))
        part = self._causes
        level = rising(np.array(float(at_ms)), part.start_ms, part.full_ms, part.end_ms)
        np.maximum.at(sizes, (self._cause, part.host), level * part.amount / 100)
        return sizes

    def update_memory(self, at_ms: int, more_memory: Floats) -> None:
        """Enter the memory that versions use, now that they run."""
        holds = self._versions.holds(at_ms)
        more_memory[self._versions.host[holds]] = self._versions.amount[holds] / 100

    def away(self, at_ms: int) -> NDArray[np.bool_]:
        """Return which hosts are not there, shape (n_hosts,)."""
        away = np.zeros(self._hosts, dtype=np.bool_)
        away[self._away.host[self._away.holds(at_ms)]] = True
        return away

    def missing(self, at_ms: int) -> NDArray[np.bool_]:
        """Return which sensors are silent, shape (len(Sensor), n_hosts)."""
        missing = np.zeros((len(Sensor), self._hosts), dtype=np.bool_)
        holds = self._sensors.holds(at_ms)
        missing[self._sensor[holds], self._sensors.host[holds]] = True
        return missing

    def clocks_ms(self, at_ms: int) -> NDArray[np.int64]:
        """Return how far clocks are ahead, milliseconds, shape (n_hosts,)."""
        ahead_ms = np.zeros(self._hosts, dtype=np.int64)
        holds = self._clocks.holds(at_ms)
        ahead_ms[self._clocks.host[holds]] = self._clocks.amount[holds].astype(np.int64)
        return ahead_ms


class _Part:
    """Happenings of one kind, column by column."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self.of = happenings
        self.host = np.array([each.host for each in happenings], dtype=np.int64)
        self.start_ms = np.array([each.start_ms for each in happenings], dtype=np.float64)
        self.full_ms = np.array([each.full_ms for each in happenings], dtype=np.float64)
        self.end_ms = np.array([each.end_ms for each in happenings], dtype=np.float64)
        self.amount = np.array([each.amount for each in happenings], dtype=np.float64)

    def holds(self, at_ms: int) -> NDArray[np.bool_]:
        return np.asarray((self.start_ms < at_ms) & (at_ms <= self.end_ms))


def _of(happenings: Sequence[Happening], scenario: Scenario) -> _Part:
    return _Part([each for each in happenings if each.scenario is scenario])
