"""All that is open: the one store of the engine, for updates of every kind.

::

    WindowUpdate ──────────────────────────→ WindowStore ──→┐
    ReadingsUpdate ──→ Rates (counters) ──→ ReadingStore ──→│ the watermark passes end + grace
    DurationsUpdate ─────────────────────→ DurationStore ──→│──→ ClosedWindow
    LabelUpdate ────────────────────────────→ LabelStore ──→┘
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.prediction import Measured
from pg_streaming_machine_learning.records.update import (
    DurationsUpdate,
    Metric,
    ReadingsUpdate,
    Update,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.records.window_updates import METRICS, WindowUpdates
from pg_streaming_machine_learning.windows.durations import DurationStore
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.labels import LabelStore
from pg_streaming_machine_learning.windows.rates import LONGEST_GAP_MS, Rates
from pg_streaming_machine_learning.windows.readings import ReadingStore
from pg_streaming_machine_learning.windows.store import ClosedWindow, Revisions, WindowStore
from pg_streaming_machine_learning.windows.summaries import summarize_all

__all__ = ["Late", "OpenWindows"]

_MOST_READINGS = 20_000
"""How many readings are summarised at once: two or three milliseconds of work."""

_Values = dict[tuple[Metric, str], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Late:
    """What of an update came after its last window had closed, and was not used.

    Parameters
    ----------
    host : str
        Whom it was about.
    metric : Metric or None
        What it was about; None for durations and labels.
    window_start_ms : int
        Start of the newest window it belongs to, milliseconds since the epoch.
    late_ms : int
        How far the watermark was past the closing of that window, milliseconds.
    count : int
        How many readings or durations; the other fields are of the one that was latest.
    """

    host: str
    metric: Metric | None
    window_start_ms: int
    late_ms: int
    count: int = 1


class OpenWindows:
    """The open windows of all hosts.

    A host's window is open as soon as something falls into it: a revision, a label, a duration, or a reading
    that has a value (the first reading of a counter has none). It closes once, as soon as the watermark has
    reached ``end + grace``.

    Parameters
    ----------
    windows : HoppingWindows
        Size and hop.
    grace_ms : int
        Window grace: how long after its end a window still takes updates, milliseconds of event time.
    is_telling : bool
        Whether to keep for `take_measured` what goes into windows. It does not change any window.

    Examples
    --------
    >>> from pg_streaming_machine_learning.records.feature import unpack
    >>> from pg_streaming_machine_learning.records.update import Reading, SourcePlace
    >>> cpu, place = Metric("CPU", "UTILIZATION", "PERCENT"), SourcePlace("pg-traces-telegraf", 0, 7)
    >>> store = OpenWindows(HoppingWindows(size_ms=10, hop_ms=5), grace_ms=0)
    >>> store.add(ReadingsUpdate(place, "web", (Reading(cpu, 7, 20.0), Reading(cpu, 9, 30.0))), None)
    []
    >>> first, second = [closed.revisions[cpu, "pg-traces-telegraf"][0] for closed in store.close(15)]
    >>> unpack(first)[:3], first == second
    ((20.0, 30.0, 25.0), True)
    """

    def __init__(self, windows: HoppingWindows, grace_ms: int, *, is_telling: bool = False) -> None:
        self._grid = windows
        self._grace_ms = grace_ms
        self._measured: list[Measured] | None = [] if is_telling else None
        self._windows = WindowStore(windows, grace_ms)
        self._readings = ReadingStore(self._measured)
        self._durations = DurationStore()
        self._labels = LabelStore()
        self._rates = Rates()
        # First and last start of a run of windows that are known to be open for a host, or were: so that not
        # every reading has to open its windows again. Empty after a restart, which costs a little time.
        self._runs: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        """Count the open windows of all hosts."""
        return len(self._windows)

    def late_ms(self, start_ms: int, watermark_ms: int | None) -> int | None:
        """Return how far the watermark is past a window's closing, milliseconds; None if it is open."""
        return self._windows.late_ms(start_ms, watermark_ms)

    def add(self, update: Update, watermark_ms: int | None) -> list[Late]:
        """Take in an update.

        Parameters
        ----------
        update : Update
            Of any kind.
        watermark_ms : int or None
            Event time surely reached, milliseconds since the epoch. It never falls, and `close` has
            been called with it.

        Returns
        -------
        list of Late
            What was too late, one entry for each metric; empty if all was used. A reading or duration that
            misses some of its windows and makes others is used for those, and not late.

        Raises
        ------
        WindowError
            If the update is of a window that is not on the grid: the log was written with another hop.
        """
        if isinstance(update, ReadingsUpdate):
            return self._add_readings(update, watermark_ms)
        if isinstance(update, DurationsUpdate):
            return self._add_durations(update, watermark_ms)
        late_ms = self._windows.late_ms(update.window_start_ms, watermark_ms)
        if late_ms is not None:
            metric = update.metric if isinstance(update, WindowUpdate) else None
            return [Late(update.host, metric, update.window_start_ms, late_ms)]
        if isinstance(update, WindowUpdate):
            self._windows.add(update)
        else:
            self._windows.open(update.host, update.window_start_ms)
            self._labels.add(update)
        return []

    def add_many(self, updates: WindowUpdates, first: int, watermark_ms: int | None) -> list[Late]:
        """Take in many updates, from one of them on, as `add` takes each.

        Parameters
        ----------
        updates : WindowUpdates
            Of which those before `first` are left out.
        first : int
            Place of the first one.
        watermark_ms : int or None
            See `add`.

        Returns
        -------
        list of Late
            One entry for each update that was too late.

        Raises
        ------
        WindowError
            See `add`.
        """
        rows = updates.rows[first:]
        late: list[Late] = []
        is_late = self._windows.are_late(rows["window_start_ms"], watermark_ms)
        if is_late.any():
            for row in rows[is_late]:
                start_ms, metric = int(row["window_start_ms"]), METRICS[int(row["metric"])]
                late_ms = self._windows.late_ms(start_ms, watermark_ms) or 0
                late.append(Late(updates.hosts[int(row["host"])], metric, start_ms, late_ms))
            rows = rows[~is_late]
        self._windows.add_many(WindowUpdates(updates.input, updates.hosts, rows))
        return late

    def take_measured(self) -> list[Measured]:
        """Return the readings that have become final since the last call, in the order of the windows.

        A gauge is final at once. The sum of counters read at the same time is as soon as a newer reading of
        its host and metric comes, or the first window that holds it is closed.
        """
        if not self._measured:
            return []
        taken = self._measured.copy()
        self._measured.clear()
        return taken

    def _add_readings(self, update: ReadingsUpdate, watermark_ms: int | None) -> list[Late]:
        """Keep the readings that are not late, counters as their rates."""
        host, topic = update.host, update.place.topic
        first_open_ms = self._windows.first_open_ms(watermark_ms)
        late: dict[Metric | None, list[int]] = {}
        opened_ms = -1
        for reading in update.readings:
            value = self._rates.rate(host, reading) if reading.counter else reading.value
            timestamp_ms = reading.timestamp_ms
            if timestamp_ms < first_open_ms:
                late.setdefault(reading.metric, []).append(timestamp_ms)
            elif value is not None:
                if timestamp_ms != opened_ms:  # what a host reads at a time comes together
                    self._open(host, timestamp_ms, first_open_ms)
                    opened_ms = timestamp_ms
                add_up = reading.counter != ""
                self._readings.add(host, reading.metric, timestamp_ms, value, topic, add_up=add_up)
        return self._too_late(host, late, watermark_ms) if late else []

    def _add_durations(self, update: DurationsUpdate, watermark_ms: int | None) -> list[Late]:
        """Keep the durations that are not late."""
        first_open_ms = self._windows.first_open_ms(watermark_ms)
        late: list[int] = []
        for duration in update.durations:
            if duration.start_ms < first_open_ms:
                late.append(duration.start_ms)
            else:
                self._open(update.host, duration.start_ms, first_open_ms)
                self._durations.add(update.host, duration)
        return self._too_late(update.host, {None: late}, watermark_ms) if late else []

    def _too_late(
        self, host: str, times_ms: Mapping[Metric | None, list[int]], watermark_ms: int | None
    ) -> list[Late]:
        """Return what is to say of late times."""
        found = []
        for metric, late in times_ms.items():
            start_ms = self._grid.last_start(min(late))
            late_ms = self.late_ms(start_ms, watermark_ms) or 0
            found.append(Late(host, metric, start_ms, late_ms, len(late)))
        return found

    def _open(self, host: str, timestamp_ms: int, first_open_ms: int) -> None:
        """See that all windows of a host that hold a timestamp are open, but for those closed already."""
        hop_ms = self._grid.hop_ms
        last_ms = self._grid.last_start(timestamp_ms)
        first_ms = max(first_open_ms, self._grid.first_start_after(timestamp_ms - self._grid.size_ms))
        run = self._runs.get(host)
        if run is not None and run[0] <= first_ms and last_ms <= run[1]:
            return
        for start_ms in range(first_ms, last_ms + 1, hop_ms):
            if run is None or not run[0] <= start_ms <= run[1]:
                self._windows.open(host, start_ms)
        if run is not None and first_ms <= run[1] + hop_ms and run[0] - hop_ms <= last_ms:
            first_ms, last_ms = min(first_ms, run[0]), max(last_ms, run[1])
        self._runs[host] = (first_ms, last_ms)

    def close(self, watermark_ms: int) -> Iterator[ClosedWindow]:
        """Yield the windows the watermark closes, by end, then by host, and forget each as it is yielded.

        Notes
        -----
        Readings of some hosts are summarised together, which is several times faster than one by one: what a
        caller adds before it has taken all may be missing. From one window to the next it takes milliseconds.
        """
        while (first := self._windows.first_to_close(watermark_ms)) is not None:
            window, hosts = first
            if self._is_of_revisions_only:
                yield from (self._windows.take(host, window) for host in hosts)
                continue
            for batch in self._batches(hosts, window):
                yield from (self._take(host, window, revisions) for host, revisions in _summarized(batch))
        self._rates.forget(watermark_ms - self._grid.size_ms - self._grace_ms - LONGEST_GAP_MS)

    @property
    def _is_of_revisions_only(self) -> bool:
        """Whether there is nothing but what others made of readings, with its labels."""
        return not self._runs and all(
            store.is_empty for store in (self._readings, self._durations, self._labels)
        )

    def _batches(self, hosts: Iterable[str], window: Window) -> Iterator[list[tuple[str, _Values]]]:
        """Yield some hosts at a time with their readings in a window."""
        batch: list[tuple[str, _Values]] = []
        length = 0
        for host in hosts:
            values = self._readings.values(host, window)
            batch.append((host, values))
            length += sum(map(len, values.values()))
            if length >= _MOST_READINGS:
                yield batch
                batch, length = [], 0
        yield batch

    def _take(self, host: str, window: Window, revisions: Revisions) -> ClosedWindow:
        """Forget a host's window, and what no later one holds, and return it with these revisions too."""
        closed = self._windows.take(host, window)
        durations = self._durations.values(host, window)
        labels = self._labels.take(host, window.start_ms)
        next_ms = window.start_ms + self._grid.hop_ms
        self._readings.settle(host, window.end_ms)
        self._readings.forget(host, next_ms)
        self._durations.forget(host, next_ms)
        run = self._runs.get(host)
        if run is not None and run[1] < next_ms:
            del self._runs[host]
        if not (revisions or labels or durations):
            return closed
        return ClosedWindow(host, window, {**revisions, **closed.revisions}, labels, durations)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as named parts, the same for the same content whatever the order of hosts.

        Returns
        -------
        dict of str to bytes
            ``store`` (windows and revisions), ``readings``, ``durations``, ``labels`` and ``rates``, for
            `records.snapshot.pack`.
        """
        return {
            "store": self._windows.snapshot(),
            "readings": self._readings.snapshot(),
            "durations": self._durations.snapshot(),
            "labels": self._labels.snapshot(),
            "rates": self._rates.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take on the state of a snapshot.

        Parameters
        ----------
        parts : mapping of str to bytes
            Those of `snapshot`, and others, which are ignored. Only ``store`` must be there: a release that
            knew nothing but revisions wrote no other.

        Raises
        ------
        SnapshotError
            If ``store`` is missing, or the bytes of a part are none of it.
        """
        if "store" not in parts:
            raise SnapshotError("snapshot has no part 'store', expected the open windows")
        self._windows.restore(parts["store"])
        self._readings, self._durations = ReadingStore(self._measured), DurationStore()
        self._labels, self._rates, self._runs = LabelStore(), Rates(), {}
        others: dict[str, ReadingStore | DurationStore | LabelStore | Rates] = {
            "readings": self._readings,
            "durations": self._durations,
            "labels": self._labels,
            "rates": self._rates,
        }
        for name, store in others.items():
            if name in parts:
                store.restore(parts[name])


def _summarized(batch: list[tuple[str, _Values]]) -> Iterator[tuple[str, Revisions]]:
    """Yield each host of a batch with the statistics of its readings."""
    statistics = iter(summarize_all([values for _, found in batch for values in found.values()]))
    for host, found in batch:
        yield host, {key: (pack(next(statistics)), None) for key in found}
