"""When to tell how far an input partition has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pg_streaming_machine_learning.records.update import InputPartition

__all__ = ["MarkSchedule", "Progress"]

LEAST_S = 0.02
"""Least time between two marks of a partition that go along with records, seconds. What comes sooner waits
for the next that is due."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is to be told of an input partition.

    Parameters
    ----------
    input : InputPartition
        The partition.
    event_ms : int or None
        Greatest window start read from it, None if none was read.
    idle : bool
        Whether it was read to its end and nothing came for long.
    """

    input: InputPartition
    event_ms: int | None
    idle: bool


@dataclass(slots=True)
class _Followed:
    """What is known of an input partition of ours.

    `is_waking` from when records come after it was told to be idle to when it is told to be active, and
    `has_woken` from then to when something is due again.
    """

    event_ms: int | None
    active_s: float
    told: Progress | None
    told_s: float
    is_waking: bool = False
    has_woken: bool = False


class MarkSchedule:
    """The progress of the input partitions of this worker, and what of it is due to be told.

    Something is due when it changed, at most once a second for each partition, and again unchanged every
    `idle_after_s`, so that an engine which reads the log from a later place hears of it too. What records
    have brought event time to is told along with them, which costs no transaction and keeps no window
    waiting; but not where the partition has just woken, as others have a second to wake as well, and not
    while another one of ours wakes: its windows would be closed before the engines wait for it again.

    Parameters
    ----------
    idle_after_s : float
        After how long without a record a partition read to its end is idle, seconds.
    every_s : float
        Least time between two marks of a partition, seconds.
    """

    def __init__(self, idle_after_s: float, every_s: float = 1.0) -> None:
        self._idle_after_s = idle_after_s
        self._every_s = every_s
        self._followed: dict[InputPartition, _Followed] = {}
        self._are_waking = False  # marks that say so are on their way

    @property
    def partitions(self) -> list[InputPartition]:
        """The partitions followed."""
        return list(self._followed)

    def take(self, partition: InputPartition, event_ms: int | None, now_s: float) -> None:
        """Begin to follow a partition, of which its former owner had read up to some event time."""
        self._followed[partition] = _Followed(event_ms, now_s, None, now_s)

    def keep_only(self, partitions: set[InputPartition]) -> None:
        """Forget the partitions that are no longer ours."""
        self._followed = {each: known for each, known in self._followed.items() if each in partitions}

    def read(self, partition: InputPartition, event_ms: int | None, now_s: float) -> None:
        """Note that records came, and the greatest window start of those that were good; all are stored."""
        known = self._followed.get(partition)
        if known is None:
            return
        if event_ms is not None:
            # Bad records alone keep nobody waiting: a partition that brings no others becomes idle.
            known.active_s = now_s
            known.event_ms = event_ms if known.event_ms is None else max(known.event_ms, event_ms)

    def along(self, partition: InputPartition, event_ms: int | None, now_s: float) -> Progress | None:
        """Return what to tell of a partition along with records, and note that it was; None if nothing is.

        To be called before the records are written, so that nothing of another partition overtakes them.

        Parameters
        ----------
        partition : InputPartition
            Where they came from.
        event_ms : int or None
            The greatest window start of those that were good.
        now_s : float
            Passing time, seconds.
        """
        known = self._followed.get(partition)
        if event_ms is None or known is None:
            return None
        known.is_waking |= known.told is None or known.told.idle
        others = self._followed.values()
        if self._are_waking or known.has_woken or any(each.told is None or each.is_waking for each in others):
            return None
        assert known.told is not None
        reached_ms = known.told.event_ms
        if (reached_ms is not None and event_ms <= reached_ms) or now_s - known.told_s < LEAST_S:
            return None
        known.event_ms = event_ms if known.event_ms is None else max(known.event_ms, event_ms)
        known.told, known.told_s = Progress(partition, known.event_ms, False), now_s
        return known.told

    def due(
        self, now_s: float, is_read_to_end: Callable[[InputPartition], bool]
    ) -> tuple[list[Progress], list[Progress]]:
        """Return what has to be told now, first and then, and note that it was.

        A partition that was just taken over, or is no longer idle, is told to be active first, and how far
        it has come only the next time: it holds back what the others allow before any of them allows it,
        although the engines may have known it as idle. These are to be told first, and nothing goes along
        with records before it was said by `woken_told` that they are.
        """
        due: list[Progress] = []
        woken: list[Progress] = []
        for partition, known in sorted(self._followed.items()):
            quiet = now_s - known.active_s >= self._idle_after_s
            progress = Progress(partition, known.event_ms, quiet and is_read_to_end(partition))
            if self._is_due(progress, known, now_s):
                is_woken = known.told is None or (known.told.idle and not progress.idle)
                if is_woken:
                    progress = Progress(partition, known.told.event_ms if known.told else None, False)
                (woken if is_woken else due).append(progress)
                known.has_woken = is_woken
                known.is_waking &= not is_woken
                known.told, known.told_s = progress, now_s
        self._are_waking = bool(woken)
        return woken, due

    def woken_told(self) -> None:
        """Note that all partitions which `due` named first were told."""
        self._are_waking = False

    def _is_due(self, progress: Progress, known: _Followed, now_s: float) -> bool:
        if known.told is None:
            return True
        since_s = now_s - known.told_s
        return since_s >= (self._every_s if progress != known.told else self._idle_after_s)
