"""Which windows of which hosts are open, with the last revision of each metric, until the window closes."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError, WindowError
from pg_streaming_machine_learning.records.feature import Packed, pack
from pg_streaming_machine_learning.records.snapshot import read_state
from pg_streaming_machine_learning.records.update import Metric, WindowUpdate
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.records.window_updates import METRICS, NO_LABEL, WindowUpdates
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter, places_in
from pg_streaming_machine_learning.windows.durations import NO_DURATIONS, Durations
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["ClosedWindow", "Revisions", "WindowStore"]

Revisions = Mapping[tuple[Metric, str], tuple[Packed, int | None]]
"""The last revision by metric and input topic: statistics, packed, and the label if it had one."""


class ClosedWindow(NamedTuple):
    """A window of a host that no longer changes.

    Parameters
    ----------
    host, window
        Which it is.
    revisions : mapping
        By metric and input topic: the statistics, packed, and the label that came with them or None. A metric
        that was read has the statistics of its readings and no label; its topic is that of its last reading.
    label_updates : mapping of str to int
        The last label that came by itself, by input topic.
    durations : Durations
        Those that began in the window, in order of arrival.
    """

    host: str
    window: Window
    revisions: Revisions
    label_updates: Mapping[str, int] = MappingProxyType({})
    durations: Durations = NO_DURATIONS


class WindowStore:
    """Open windows, each with the last revision of every metric and topic, if it has any.

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
        self._hosts: dict[int, dict[str, dict[tuple[Metric, str], tuple[Packed, int | None]]]] = {}
        self._starts: list[int] = []

    def __len__(self) -> int:
        """Count the open windows of all hosts."""
        return sum(len(hosts) for hosts in self._hosts.values())

    def late_ms(self, start_ms: int, watermark_ms: int | None) -> int | None:
        """Return how far the watermark is past a window's closing, milliseconds; None if it is open."""
        if watermark_ms is None or start_ms + self._closing_delay_ms > watermark_ms:
            return None
        return watermark_ms - start_ms - self._closing_delay_ms

    def are_late(self, starts_ms: NDArray[np.int64], watermark_ms: int | None) -> NDArray[np.bool_]:
        """Say of many windows whether `late_ms` says that the watermark is past their closing."""
        if watermark_ms is None:
            return np.zeros(len(starts_ms), np.bool_)
        return starts_ms <= watermark_ms - self._closing_delay_ms

    def first_open_ms(self, watermark_ms: int | None) -> int:
        """Return the start of the earliest window on the grid that is not closed yet, open or not."""
        if watermark_ms is None:
            return 0
        return self._windows.first_start_after(watermark_ms - self._closing_delay_ms)

    def add(self, update: WindowUpdate) -> None:
        """Take in a revision; it replaces the one of the same host, window, metric and topic.

        Raises
        ------
        WindowError
            If no window starts where the update says. The router refuses such records, so the log was
            written with another window hop.
        """
        host, start_ms = update.host, update.window_start_ms
        hosts = self._hosts.get(start_ms)
        if hosts is None or host not in hosts:
            self.open(host, start_ms)
            hosts = self._hosts[start_ms]
        hosts[host][update.metric, update.place.topic] = (pack(update.statistics), update.label)

    def add_many(self, updates: WindowUpdates) -> None:
        """Take in many revisions, as `add` takes each.

        Raises
        ------
        WindowError
            See `add`.
        """
        rows, hosts, topic = updates.rows, updates.hosts, updates.input.topic
        kinds = {number: (METRICS[number], topic) for number in np.unique(rows["metric"]).tolist()}
        windows = self._hosts
        for start_ms, number, kind, statistics, label in zip(
            rows["window_start_ms"].tolist(),
            rows["host"].tolist(),
            rows["metric"].tolist(),
            updates.statistics(),
            updates.labels(),
            strict=True,
        ):
            host = hosts[number]
            try:
                revisions = windows[start_ms][host]
            except KeyError:
                self.open(host, start_ms)
                revisions = windows[start_ms][host]
            revisions[kinds[kind]] = (statistics, label)

    def open(self, host: str, start_ms: int) -> None:
        """See that a host's window is open, and will be closed, whether it gets a revision or not.

        Raises
        ------
        WindowError
            If no window starts there.
        """
        if not self._windows.is_start(start_ms):
            raise WindowError(
                f"window start {start_ms} of host {host!r} is not a multiple of the hop, "
                f"{self._windows.hop_ms} ms: the log was written with another hop"
            )
        hosts = self._hosts.get(start_ms)
        if hosts is None:
            hosts = self._hosts[start_ms] = {}
            heapq.heappush(self._starts, start_ms)
        if host not in hosts:
            hosts[host] = {}

    def close(self, watermark_ms: int) -> Iterator[ClosedWindow]:
        """Yield the windows the watermark closes, by end, then by host, and forget each as it is yielded."""
        while (first := self.first_to_close(watermark_ms)) is not None:
            window, hosts = first
            for host in hosts:
                yield self.take(host, window)

    def first_to_close(self, watermark_ms: int) -> tuple[Window, list[str]] | None:
        """Return the earliest open window that the watermark closes, and the hosts it is open for, sorted.

        None if the watermark closes no window.
        """
        if not self._starts or self.late_ms(self._starts[0], watermark_ms) is None:
            return None
        start_ms = self._starts[0]
        return self._windows.window(start_ms), sorted(self._hosts[start_ms])

    def take(self, host: str, window: Window) -> ClosedWindow:
        """Forget a host's window that `first_to_close` named, and return it."""
        hosts = self._hosts[window.start_ms]
        revisions = hosts.pop(host)
        if not hosts:
            heapq.heappop(self._starts)
            del self._hosts[window.start_ms]
        return ClosedWindow(host, window, revisions)

    def snapshot(self) -> bytes:
        """Return the open windows as bytes, the same for the same content whatever its order of arrival.

        Notes
        -----
        `windows.columns`: names of the hosts, the metrics, names of the topics, all ascending; the kinds of
        revisions, by metric and topic: index of the metric, of the topic; the windows, by start and host:
        start, index of the host, number of revisions; the revisions of all windows, by kind: index of the
        kind, label (2 if there is none), number of statistics; the statistics of all revisions. Version 1 was
        JSON, and took ten times as long.
        """
        windows = [(start_ms, host) for start_ms, hosts in self._hosts.items() for host in hosts]
        windows.sort()
        opened = [self._hosts[start_ms][host] for start_ms, host in windows]
        hosts = sorted({host for _, host in windows})
        kinds = sorted(set().union(*opened))
        metrics = sorted({metric for metric, _ in kinds})
        topics = sorted({topic for _, topic in kinds})
        of_host, of_kind = places_in(hosts), places_in(kinds)
        of_metric, of_topic = places_in(metrics), places_in(topics)
        ordered = [sorted(revisions, key=of_kind.__getitem__) for revisions in opened]
        found = [revisions[kind] for revisions, kinds in zip(opened, ordered, strict=True) for kind in kinds]
        writer = ColumnWriter("store", 2)
        writer.names(hosts)
        writer.metrics(metrics)
        writer.names(topics)
        writer.column("I", [[of_metric[metric] for metric, _ in kinds]])
        writer.column("I", [[of_topic[topic] for _, topic in kinds]])
        writer.column("q", [[start_ms for start_ms, _ in windows]])
        writer.column("I", [[of_host[host] for _, host in windows]])
        writer.column("I", [[len(revisions) for revisions in opened]])
        writer.column("I", [[of_kind[kind] for each in ordered for kind in each]])
        writer.column("B", [[NO_LABEL if label is None else label for _, label in found]])
        writer.column("B", [[len(packed) // 8 for packed, _ in found]])
        writer.column("d", [np.frombuffer(b"".join([packed for packed, _ in found]), "<f8")])
        return writer.to_bytes()

    def restore(self, data: bytes) -> None:
        """Take on the open windows of a snapshot, of this version or the one before.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a store.
        """
        self._hosts = {}
        if data.startswith(b"{"):
            self._restore_rows(read_state("store", 1, data))
        else:
            self._restore_columns(ColumnReader("store", 2, data))
        self._starts = sorted(self._hosts)  # a sorted list is a heap

    def _restore_columns(self, reader: ColumnReader) -> None:
        hosts, metrics, topics = reader.names(), reader.metrics(), reader.names()
        of_metric = reader.indices(len(metrics))
        of_topic = reader.indices(len(topics), len(of_metric))
        kinds = [(metrics[m], topics[t]) for m, t in zip(of_metric, of_topic, strict=True)]
        starts_ms = reader.column("q").tolist()
        of_host = reader.indices(len(hosts), len(starts_ms))
        counts = reader.column("I", len(starts_ms))
        of_kind = reader.indices(len(kinds), int(counts.sum(dtype=np.int64)))
        labels = reader.column("B", len(of_kind))
        lengths = reader.column("B", len(of_kind))
        values = reader.column("d", int(lengths.sum(dtype=np.int64))).astype("<f8").tobytes()
        reader.end()
        windows = list(zip(starts_ms, of_host, strict=True))
        if any(before >= after for before, after in pairwise(windows)) or (labels > NO_LABEL).any():
            raise reader.damaged("its windows do not ascend, or a label is none")
        if not all(map(self._windows.is_start, set(starts_ms))):
            raise reader.damaged("a window does not start on the grid")
        ends = (8 * np.cumsum(lengths, dtype=np.int64)).tolist()
        statistics = [values[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        told = [None if label == NO_LABEL else label for label in labels.tolist()]
        revisions = zip([kinds[place] for place in of_kind], zip(statistics, told, strict=True), strict=True)
        for (start_ms, host), count in zip(windows, counts.tolist(), strict=True):
            self._hosts.setdefault(start_ms, {})[hosts[host]] = dict(islice(revisions, count))

    def _restore_rows(self, state: Any) -> None:
        """Take on the state of version 1."""
        try:
            for start_ms, host, rows in state:
                revisions = self._hosts.setdefault(start_ms, {}).setdefault(host, {})
                for metric, measure, unit, topic, statistics, label in rows:
                    revisions[Metric(metric, measure, unit), topic] = (pack(statistics), label)
        except (TypeError, ValueError, struct.error) as error:
            raise SnapshotError("state of the open windows is incomplete") from error
