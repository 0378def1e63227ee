"""The open windows of all hosts: the last revision of each metric, until the window closes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pg_streaming_machine_learning.errors import SnapshotError, WindowError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.records.update import Metric, WindowUpdate
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["ClosedWindow", "Revisions", "WindowStore"]

Revisions = Mapping[tuple[Metric, str], tuple[tuple[float, ...], int | None]]
"""The last revision by metric and input topic: statistics, and the label if it had one."""


class ClosedWindow(NamedTuple):
    """A window of a host that no longer changes."""

    host: str
    window: Window
    revisions: Revisions


class WindowStore:
    """Open windows, each with the last revision of every metric and topic.

    A window ``[start, end)`` is closed as soon as the watermark has reached ``end + grace``.

    Parameters
    ----------
    windows : HoppingWindows
        Size and hop.
    grace_ms : int
        Window grace: how long after its end a window still takes revisions, milliseconds of event time.
    """

    def __init__(self, windows: HoppingWindows, grace_ms: int) -> None:
        self._windows = windows
        self._closing_delay_ms = windows.size_ms + grace_ms
        self._hosts: dict[int, dict[str, dict[tuple[Metric, str], tuple[tuple[float, ...], int | None]]]] = {}
        self._starts: list[int] = []

    def __len__(self) -> int:
        """Count the open windows of all hosts."""
        return sum(len(hosts) for hosts in self._hosts.values())

    def late_ms(self, start_ms: int, watermark_ms: int | None) -> int | None:
        """Return how far the watermark is past a window's closing, milliseconds; None if it is open."""
        if watermark_ms is None or start_ms + self._closing_delay_ms > watermark_ms:
            return None
        return watermark_ms - start_ms - self._closing_delay_ms

    def add(self, update: WindowUpdate) -> None:
        """Take in a revision; it replaces the one of the same host, window, metric and topic.

        Raises
        ------
        WindowError
            If no window starts where the update says. The router refuses such records, so the log was
            written with another window hop.
        """
        start_ms = update.window_start_ms
        if not self._windows.is_start(start_ms):
            raise WindowError(
                f"window start {start_ms} of host {update.host!r} is not a multiple of the hop, "
                f"{self._windows.hop_ms} ms: the log was written with another hop"
            )
        hosts = self._hosts.get(start_ms)
        if hosts is None:
            hosts = self._hosts[start_ms] = {}
            heapq.heappush(self._starts, start_ms)
        revision = (update.statistics, update.label)
        hosts.setdefault(update.host, {})[update.metric, update.place.topic] = revision

    def close(self, watermark_ms: int) -> Iterator[ClosedWindow]:
        """Yield the windows the watermark closes, by end, then by host, and forget each as it is yielded."""
        while self._starts and self.late_ms(self._starts[0], watermark_ms) is not None:
            start_ms = self._starts[0]
            hosts = self._hosts[start_ms]
            for host in sorted(hosts):
                yield ClosedWindow(host, self._windows.window(start_ms), hosts.pop(host))
            heapq.heappop(self._starts)
            del self._hosts[start_ms]

    def snapshot(self) -> bytes:
        """Return the open windows as bytes, the same for the same content whatever its order of arrival."""
        state = [
            [start_ms, host, [_row(key, hosts[host][key]) for key in sorted(hosts[host])]]
            for start_ms, hosts in sorted(self._hosts.items())
            for host in sorted(hosts)
        ]
        return write_state("store", 1, state)

    def restore(self, data: bytes) -> None:
        """Take on the open windows of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a store.
        """
        state = read_state("store", 1, data)
        self._hosts = {}
        try:
            for start_ms, host, rows in state:
                revisions = self._hosts.setdefault(start_ms, {}).setdefault(host, {})
                for metric, measure, unit, topic, statistics, label in rows:
                    revisions[Metric(metric, measure, unit), topic] = (tuple(statistics), label)
        except (TypeError, ValueError) as error:
            raise SnapshotError("state of the open windows is incomplete") from error
        self._starts = sorted(self._hosts)  # a sorted list is a heap


def _row(key: tuple[Metric, str], revision: tuple[tuple[float, ...], int | None]) -> list[object]:
    """Return a revision as a row of plain values."""
    metric, topic = key
    statistics, label = revision
    return [metric.metric, metric.measure, metric.unit, topic, list(statistics), label]
