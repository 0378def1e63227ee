"""How far event time has surely come: the progress of every input partition, reduced to one watermark."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark

__all__ = ["WatermarkTracker"]


@dataclass(slots=True)
class _Progress:
    """What is known of an input partition that was heard of."""

    event_ms: int | None
    idle: bool


class WatermarkTracker:
    """The watermark of one partition of the log, from the progress marks in it.

    An input partition is *unheard* until its first mark, then *active* or *idle*. The watermark is

    - undefined as long as a partition is unheard (but for `idle_after_ms` at most, after which it no longer
      counts), or active without having read a record yet;
    - otherwise the least event time of the active partitions;
    - if none is active, the greatest event time of all plus `closing_delay_ms`: a stream that stops closes
      its last windows.

    It never falls. Passing time is the time the marks were sent at: the same marks give the same watermark.

    Parameters
    ----------
    inputs : tuple of str
        The input topics; marks of other topics are ignored.
    idle_after_ms : int
        How long an unheard partition holds the watermark back, milliseconds after the first mark.
    closing_delay_ms : int
        From the start of a window to its closing: window size and window grace, milliseconds.
    """

    def __init__(self, inputs: tuple[str, ...], idle_after_ms: int, closing_delay_ms: int) -> None:
        self._inputs = inputs
        self._idle_after_ms = idle_after_ms
        self._closing_delay_ms = closing_delay_ms
        self._progress: dict[InputPartition, _Progress] = {}
        self._partitions: dict[str, int] = {}
        self._first_sent_ms: int | None = None
        self._now_ms = 0
        self._watermark_ms: int | None = None

    @property
    def watermark_ms(self) -> int | None:
        """Event time surely reached, milliseconds since the epoch; None before it is defined."""
        return self._watermark_ms

    def update(self, mark: ProgressMark) -> bool:
        """Take in a progress mark; return whether the watermark rose."""
        if mark.input.topic not in self._inputs:
            return False
        self._note(mark)
        reached_ms = self._reached_ms()
        if reached_ms is None or (self._watermark_ms is not None and reached_ms <= self._watermark_ms):
            return False
        self._watermark_ms = reached_ms
        return True

    def _note(self, mark: ProgressMark) -> None:
        """Remember what a mark says."""
        if self._first_sent_ms is None:
            self._first_sent_ms = mark.sent_ms
        self._now_ms = max(self._now_ms, mark.sent_ms)
        topic = mark.input.topic
        known = self._partitions.get(topic, 0)
        if mark.partitions > known > 0:
            self._first_sent_ms = mark.sent_ms  # the topic has grown: its new partitions are waited for
        self._partitions[topic] = max(known, mark.partitions)
        progress = self._progress.setdefault(mark.input, _Progress(None, False))
        progress.idle = mark.idle
        if mark.event_ms is not None:
            # A router that took the partition over starts to count anew: what was reached stays reached.
            before_ms = mark.event_ms if progress.event_ms is None else progress.event_ms
            progress.event_ms = max(before_ms, mark.event_ms)

    def _reached_ms(self) -> int | None:
        """Event time the marks so far allow; None if something still holds it back."""
        if self._is_unheard() and not self._is_expired():
            return None
        active = [progress.event_ms for progress in self._progress.values() if not progress.idle]
        if active:
            known = [event_ms for event_ms in active if event_ms is not None]
            return min(known) if len(known) == len(active) else None
        seen = [each.event_ms for each in self._progress.values() if each.event_ms is not None]
        return max(seen) + self._closing_delay_ms if seen else None

    def _is_unheard(self) -> bool:
        """Whether there may be a partition that was not heard of."""
        heard: dict[str, int] = {}
        for partition in self._progress:
            heard[partition.topic] = heard.get(partition.topic, 0) + 1
        return any(heard.get(topic, 0) < self._partitions.get(topic, 1) for topic in self._inputs)

    def _is_expired(self) -> bool:
        """Whether unheard partitions have been waited for long enough."""
        return self._first_sent_ms is not None and self._now_ms - self._first_sent_ms >= self._idle_after_ms

    def snapshot(self) -> bytes:
        """Return the state as bytes."""
        progress = [
            [partition.topic, partition.partition, each.event_ms, each.idle]
            for partition, each in sorted(self._progress.items())
        ]
        state = {
            "progress": progress,
            "partitions": self._partitions,
            "first_sent_ms": self._first_sent_ms,
            "now_ms": self._now_ms,
            "watermark_ms": self._watermark_ms,
        }
        return write_state("watermark", 1, state)

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a watermark.
        """
        state = read_state("watermark", 1, data)
        try:
            self._progress = {
                InputPartition(topic, partition): _Progress(event_ms, idle)
                for topic, partition, event_ms, idle in state["progress"]
            }
            self._partitions = dict(state["partitions"])
            self._first_sent_ms = state["first_sent_ms"]
            self._now_ms = state["now_ms"]
            self._watermark_ms = state["watermark_ms"]
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("state of the watermark is incomplete") from error
