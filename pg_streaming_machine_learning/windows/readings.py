"""The readings of all hosts, each kept once for all the windows it lies in."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter, places_in

__all__ = ["ReadingStore"]

_FEW = 8


class _Series:
    """The readings of one metric of one host, in order of arrival.

    Parameters
    ----------
    topic : str
        Where the last one came from.
    times_ms, values : array
        Of type ``q`` and ``d``, of the same length.
    """

    __slots__ = ("is_ascending", "newest_ms", "times_ms", "topic", "values")

    def __init__(self, topic: str, times_ms: array[int], values: array[float]) -> None:
        self.topic = topic
        self.times_ms = times_ms
        self.values = values
        self._look()

    def _look(self) -> None:
        """Find out what follows from the times."""
        times_ms = np.asarray(self.times_ms)
        self.newest_ms = int(times_ms.max()) if len(times_ms) else -1
        self.is_ascending = bool((times_ms[1:] >= times_ms[:-1]).all())

    def append(self, timestamp_ms: int, value: float) -> None:
        """Add a reading at the end."""
        if timestamp_ms < self.newest_ms:
            self.is_ascending = False
        else:
            self.newest_ms = timestamp_ms
        self.times_ms.append(timestamp_ms)
        self.values.append(value)

    def place_of(self, timestamp_ms: int) -> int | None:
        """Return where the last reading of a time is, None if there is none."""
        if timestamp_ms > self.newest_ms:
            return None
        last = len(self.times_ms) - 1
        for place in range(last, max(last - _FEW, -1), -1):
            if self.times_ms[place] == timestamp_ms:
                return place
        found = np.flatnonzero(np.asarray(self.times_ms) == timestamp_ms)
        return int(found[-1]) if len(found) else None

    def between(self, start_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return the values of ``[start, end)``."""
        if self.is_ascending:
            begin, end = bisect_left(self.times_ms, start_ms), bisect_left(self.times_ms, end_ms)
            return np.asarray(self.values[begin:end])
        times_ms = np.asarray(self.times_ms)
        return np.asarray(self.values)[(start_ms <= times_ms) & (times_ms < end_ms)]

    def forget(self, before_ms: int) -> bool:
        """Drop the readings before a time; return whether any are left."""
        if before_ms > self.newest_ms:
            return False
        if self.is_ascending:
            dropped = bisect_left(self.times_ms, before_ms)
            del self.times_ms[:dropped], self.values[:dropped]
            return True
        kept = np.asarray(self.times_ms) >= before_ms
        if not kept.all():
            self.times_ms = array("q", np.asarray(self.times_ms)[kept].tobytes())
            self.values = array("d", np.asarray(self.values)[kept].tobytes())
            self._look()
        return True


class ReadingStore:
    """Readings of hosts, one series of times and values for each metric.

    Nothing is known here of which windows are open: who adds a reading has seen that one is, and who has
    closed the last window that holds a reading has it forgotten.

    Examples
    --------
    >>> cpu = Metric("CPU", "UTILIZATION", "PERCENT")
    >>> store = ReadingStore()
    >>> for at_ms, value in ((0, 20.0), (9, 40.0), (5, 30.0), (10, 50.0)):
    ...     store.add("web", cpu, at_ms, value, "pg-traces-telegraf")
    >>> store.values("web", Window(5, 10))[cpu, "pg-traces-telegraf"].tolist()
    [40.0, 30.0]
    """

    def __init__(self) -> None:
        self._hosts: dict[str, dict[Metric, _Series]] = {}
        self._metrics: dict[Metric, Metric] = {}  # one object for all hosts that have the metric

    def __len__(self) -> int:
        """Count the readings of all hosts."""
        return sum(len(each.times_ms) for host in self._hosts.values() for each in host.values())

    def add(
        self, host: str, metric: Metric, timestamp_ms: int, value: float, topic: str, *, add_up: bool = False
    ) -> None:
        """Keep a reading.

        Parameters
        ----------
        host, metric : str, Metric
            What it is of.
        timestamp_ms : int
            When, milliseconds since the epoch, not negative.
        value : float
            Finite.
        topic : str
            Where it comes from.
        add_up : bool
            Whether its value is added to that of the last reading of the same host, metric and time, if there
            is one: it is the part of one device in what all have.
        """
        series = self._series(host, metric, topic)
        place = series.place_of(timestamp_ms) if add_up else None
        if place is None:
            series.append(timestamp_ms, value)
        else:
            series.values[place] += value

    def _series(self, host: str, metric: Metric, topic: str) -> _Series:
        """Return the series of a metric, a new one if need be, as one whose last reading is of a topic."""
        metrics = self._hosts.get(host)
        if metrics is None:
            metrics = self._hosts[host] = {}
        series = metrics.get(metric)
        if series is None:
            metric = self._metrics.setdefault(metric, metric)
            series = metrics[metric] = _Series(topic, array("q"), array("d"))
        series.topic = topic
        return series

    def values(self, host: str, window: Window) -> dict[tuple[Metric, str], NDArray[np.float64]]:
        """Return what of a host lies in a window.

        Returns
        -------
        dict
            Values in order of arrival, at least one each, shape (n_readings,), by metric and the topic
            that the last reading of the metric came from; ascending.
        """
        found = {}
        metrics = self._hosts.get(host, {})
        for metric in sorted(metrics):
            values = metrics[metric].between(window.start_ms, window.end_ms)
            if len(values):
                found[metric, metrics[metric].topic] = values
        return found

    def forget(self, host: str, before_ms: int) -> None:
        """Drop a host's readings before a time."""
        metrics = self._hosts.get(host)
        if metrics is None:
            return
        for metric in [metric for metric, series in metrics.items() if not series.forget(before_ms)]:
            del metrics[metric]
        if not metrics:
            del self._hosts[host]

    def snapshot(self) -> bytes:
        """Return the readings as bytes, the same for the same content whatever the order of hosts.

        Notes
        -----
        `windows.columns`: names of the hosts, the metrics, names of the topics, all ascending; then for each
        series, by host and metric, in columns: index of its host, of its metric, of its topic, number of its
        readings; then the times of all series, and the values of all series.
        """
        series = [
            (host, metric, metrics[metric])
            for host, metrics in sorted(self._hosts.items())
            for metric in sorted(metrics)
        ]
        hosts = sorted(self._hosts)
        metrics_used = sorted({metric for _, metric, _ in series})
        topics = sorted({each.topic for *_, each in series})
        writer = ColumnWriter("readings", 1)
        writer.names(hosts)
        writer.metrics(metrics_used)
        writer.names(topics)
        of_host, of_metric, of_topic = places_in(hosts), places_in(metrics_used), places_in(topics)
        writer.column("I", [[of_host[host] for host, *_ in series]])
        writer.column("I", [[of_metric[metric] for _, metric, _ in series]])
        writer.column("I", [[of_topic[each.topic] for *_, each in series]])
        writer.column("I", [[len(each.times_ms) for *_, each in series]])
        writer.column("q", (each.times_ms for *_, each in series))
        writer.column("d", (each.values for *_, each in series))
        return writer.to_bytes()

    def restore(self, data: bytes) -> None:
        """Take on the readings of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of readings.
        """
        reader = ColumnReader("readings", 1, data)
        hosts, metrics, topics = reader.names(), reader.metrics(), reader.names()
        of_host = reader.indices(len(hosts))
        of_metric, of_topic = (reader.indices(len(each), len(of_host)) for each in (metrics, topics))
        counts = reader.column("I", len(of_host))
        ends = np.cumsum(counts, dtype=np.int64).tolist()
        length = ends[-1] if ends else 0
        times_ms, values = reader.column("q", length), reader.column("d", length)
        reader.end()
        keys = list(zip(of_host, of_metric, strict=True))
        if any(before >= after for before, after in pairwise(keys)):
            raise reader.damaged("its series do not ascend")
        if (counts == 0).any() or (times_ms < 0).any():
            raise reader.damaged("a series is empty, or a time before the epoch")
        self._hosts, self._metrics = {}, {metric: metric for metric in metrics}
        for (host, metric), topic, begin, end in zip(keys, of_topic, [0, *ends], ends, strict=False):
            part = slice(begin, end)
            series = _Series(
                topics[topic], array("q", times_ms[part].tobytes()), array("d", values[part].tobytes())
            )
            self._hosts.setdefault(hosts[host], {})[metrics[metric]] = series
