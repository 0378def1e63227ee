"""Faults that grow and end: their kinds, and the seeded plan of when and where."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from pg_streaming_machine_learning.testbed.shop import SERVICES

_Item = TypeVar("_Item")


class FaultKind(str, Enum):
    """What goes wrong in a service."""

    PROCESSOR = "processor"
    MEMORY = "memory"
    DISK = "disk"
    NETWORK = "network"
    LOCK = "lock"


BLAMED_METRIC: dict[FaultKind, str] = {
    FaultKind.PROCESSOR: "CPU",
    FaultKind.MEMORY: "MEMORY",
    FaultKind.DISK: "DISK_WRITE",
    FaultKind.NETWORK: "NETWORK_OUT",
    FaultKind.LOCK: "UNKNOWN",
}
"""The metric of the faulty service that shows the cause; a lock that is held shows in none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one service, which grows, stays, and ends at once.

    Parameters
    ----------
    kind : FaultKind
        What goes wrong.
    service : str
        Where.
    ramp_start_ms, full_ms, end_ms : int
        When it begins to grow, reaches its full size and ends, milliseconds since the start
        of the recording.
    """

    kind: FaultKind
    service: str
    ramp_start_ms: int
    full_ms: int
    end_ms: int

    @property
    def blamed_metric(self) -> str:
        """Return the metric that shows the cause, or UNKNOWN."""
        return BLAMED_METRIC[self.kind]

    def level(self, offset_ms: float) -> float:
        """Return the size of the fault at a time, from 0 (absent) to 1 (full).

        Parameters
        ----------
        offset_ms : float
            Milliseconds since the start of the recording.

        Examples
        --------
        >>> fault = Fault(FaultKind.LOCK, "cart", 1_000, 3_000, 4_000)
        >>> [fault.level(offset_ms) for offset_ms in (0, 1_500, 3_500, 4_000)]
        [0.0, 0.25, 1.0, 0.0]
        """
        if not self.ramp_start_ms <= offset_ms < self.end_ms:
            return 0.0
        ramp_ms = self.full_ms - self.ramp_start_ms
        return min(1.0, (offset_ms - self.ramp_start_ms) / ramp_ms) if ramp_ms > 0 else 1.0


@dataclass(frozen=True, slots=True)
class FaultTimes:
    """Bounds, in seconds, between which the plan draws its times.

    Parameters
    ----------
    spacing_s : tuple of float
        From the start of a fault to the start of the next.
    quiet_s : tuple of float
        From the end of a fault to the start of the next.
    ramp_s : tuple of float
        From the start of a fault to its full size; cut so that `full_s` stay.
    full_s : float
        Least time at full size.
    """

    spacing_s: tuple[float, float] = (100.0, 140.0)
    quiet_s: tuple[float, float] = (25.0, 40.0)
    ramp_s: tuple[float, float] = (45.0, 90.0)
    full_s: float = 15.0


def plan_faults(
    seed: int, minutes: float, quiet_minutes: float = 5.0, times: FaultTimes | None = None
) -> tuple[Fault, ...]:
    """Plan the faults of a recording, from its seed and duration alone.

    Parameters
    ----------
    seed : int
        Equal seeds give equal plans.
    minutes, quiet_minutes : float
        Length of the recording, and of its first part, which stays free of faults.
    times : FaultTimes, optional
        Bounds of the times drawn; None takes the usual ones.

    Returns
    -------
    tuple of Fault
        By start, none overlapping, all ended before the recording ends; empty if none fits.

    Notes
    -----
    Kinds come in shuffled rounds of five and services in shuffled rounds of six, so the first six faults hold
    every kind and every service, and none is ever more than once ahead of another.

    Examples
    --------
    >>> plan_faults(seed=1, minutes=65) == plan_faults(seed=1, minutes=65)
    True
    >>> plan_faults(seed=1, minutes=5)
    ()
    """
    bounds = times if times is not None else FaultTimes()
    generator = random.Random(f"faults {seed}")
    kinds = _rounds(generator, tuple(FaultKind))
    services = _rounds(generator, SERVICES)
    faults: list[Fault] = []
    start_s, last_s = quiet_minutes * 60, minutes * 60
    while True:
        spacing_s = generator.uniform(*bounds.spacing_s)
        active_s = spacing_s - generator.uniform(*bounds.quiet_s)
        ramp_s = min(generator.uniform(*bounds.ramp_s), active_s - bounds.full_s)
        if start_s + active_s > last_s:
            return tuple(faults)
        faults.append(
            Fault(
                kind=next(kinds),
                service=next(services),
                ramp_start_ms=round(start_s * 1000),
                full_ms=round((start_s + ramp_s) * 1000),
                end_ms=round((start_s + active_s) * 1000),
            )
        )
        start_s += spacing_s


def _rounds(generator: random.Random, items: Sequence[_Item]) -> Iterator[_Item]:
    while True:
        yield from generator.sample(items, len(items))
