"""When a snapshot of an engine is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SnapshotSchedule", "SnapshotSettings"]

REPLAY_S = 5.0
"""Work of an engine, seconds, that a start may have to repeat; half of the ten that are promised."""

LONGEST_REPLAY_S = 9.0

USUAL_SHARE = 0.05
"""Snapshots take no more of an engine's time than this, unless a start would take too long otherwise."""


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """How often snapshots are taken.

    Parameters
    ----------
    every_updates : int
        After so many updates.
    every_s : float
        After so much time with at least one update, seconds.
    """

    every_updates: int
    every_s: float


class SnapshotSchedule:
    """Counts what a start would have to repeat since the last snapshot.

    Parameters
    ----------
    settings : SnapshotSettings
        How often.
    monotonic : callable
        Passing time, seconds.

    Examples
    --------
    >>> schedule = SnapshotSchedule(SnapshotSettings(1000, 60.0), monotonic=lambda: 0.0)
    >>> schedule.worked(records=400, busy_s=0.1)
    >>> schedule.is_due()
    False
    >>> schedule.worked(records=600, busy_s=0.1)
    >>> schedule.is_due()
    True
    """

    def __init__(
        self, settings: SnapshotSettings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._records = 0
        self._busy_s = 0.0
        self._cost_s = 0.0
        self._last_s = monotonic()

    def worked(self, records: int, busy_s: float) -> None:
        """Note records of the log, each of many updates as so many, and how long they took, seconds."""
        self._records += records
        self._busy_s += busy_s

    def is_due(self) -> bool:
        """Say whether a snapshot has to be taken now."""
        pause_s = min(self._cost_s * (1 / USUAL_SHARE - 1), LONGEST_REPLAY_S)
        if self._records == 0 or self._busy_s < pause_s:
            return False
        return (
            self._records >= self._settings.every_updates
            or self._busy_s >= REPLAY_S
            or self._monotonic() - self._last_s >= self._settings.every_s
        )

    def taken(self, cost_s: float) -> None:
        """Note that one was taken, or tried in vain, and how long it took, seconds."""
        self._records = 0
        self._busy_s = 0.0
        self._cost_s = cost_s
        self._last_s = self._monotonic()
