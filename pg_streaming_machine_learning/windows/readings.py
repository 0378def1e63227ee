"""The readings of all hosts, each kept once for all the windows it lies in."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.prediction import Measured
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter, places_in

__all__ = ["ReadingStore"]


class _Series:
    """The readings of one metric of one host, in order of arrival.

    Parameters
    ----------
    topic : str
        Where the last one came from.
    times_ms, values : array
        Of type ``q`` and ``d``, of the same length.
    is_adding : bool
        Whether the last reading is a sum that is not final: rates of counters of its time are added to it. No
        other reading is newer then.
    """

    __slots__ = ("is_adding", "is_ascending", "newest_ms", "times_ms", "topic", "values")

    def __init__(
        self, topic: str, times_ms: array[int], values: array[float], *, is_adding: bool = False
    ) -> None:
        self.topic = topic
        self.times_ms = times_ms
        self.values = values
        self.is_adding = is_adding
        self._look()

    def _look(self) -> None:
        """Find out what follows from the times."""
        times_ms = np.asarray(self.times_ms)
        self.newest_ms = int(times_ms.max()) if len(times_ms) else -1
        self.is_ascending = bool((times_ms[1:] >= times_ms[:-1]).all())

    def append(self, timestamp_ms: int, value: float) -> None:
        """Add a reading: at the end, but before a sum that is not final."""
        if self.is_adding:
            last = len(self.times_ms) - 1
            if last and timestamp_ms < self.times_ms[last - 1]:
                self.is_ascending = False
            self.times_ms.insert(last, timestamp_ms)
            self.values.insert(last, value)
            return
        if timestamp_ms < self.newest_ms:
            self.is_ascending = False
        else:
            self.newest_ms = timestamp_ms
        self.times_ms.append(timestamp_ms)
        self.values.append(value)

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

    Nothing is known here of which windows are open: who adds a reading has seen that one is, who closes a
    window settles the sums in it, and who has closed the last window that holds a reading has it forgotten.

    Rates of counters are added up as long as their time is the newest of their host and metric. The sum is
    final, and stays as it is, as soon as a newer reading comes or it is settled. Until then it is the last of
    its series, whatever else comes: so readings are in the order in which they became final.

    Parameters
    ----------
    final : list of Measured or None
        Where each reading is put as soon as it is final, if anybody wants to know.

    Examples
    --------
    >>> cpu = Metric("CPU", "UTILIZATION", "PERCENT")
    >>> store = ReadingStore()
    >>> for at_ms, value in ((0, 20.0), (9, 40.0), (5, 30.0), (10, 50.0)):
    ...     store.add("web", cpu, at_ms, value, "pg-traces-telegraf")
    >>> store.values("web", Window(5, 10))[cpu, "pg-traces-telegraf"].tolist()
    [40.0, 30.0]
    """

    def __init__(self, final: list[Measured] | None = None) -> None:
        self._final = final
        self._hosts: dict[str, dict[Metric, _Series]] = {}
        self._metrics: dict[Metric, Metric] = {}  # one object for all hosts that have the metric

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._hosts

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
            Whether it is the rate of a counter, the part of one device in what all have. It is added to the
            sum of its host, metric and time that is not final, if there is one; if it is older than the
            newest reading, it is a reading of its own.
        """
        series = self._series(host, metric, topic)
        if series.is_adding:
            newest_ms = series.newest_ms
            if add_up and timestamp_ms == newest_ms:
                series.values[-1] += value
                return
            if timestamp_ms > newest_ms:
                self._settle(host, metric, series)
        if add_up and timestamp_ms > series.newest_ms:
            series.append(timestamp_ms, value)
            series.is_adding = True
            return
        series.append(timestamp_ms, value)
        if self._final is not None:
            self._final.append(Measured(host, metric, timestamp_ms, value))

    def settle(self, host: str, before_ms: int) -> None:
        """Let a host's sums of before a time be final, in the order of the metrics."""
        metrics = self._hosts.get(host)
        if metrics is None:
            return
        ready = [
            metric for metric, series in metrics.items() if series.is_adding and series.newest_ms < before_ms
        ]
        for metric in sorted(ready):  # metrics lie in another order after a restart
            self._settle(host, metric, metrics[metric])

    def _settle(self, host: str, metric: Metric, series: _Series) -> None:
        """Let the sum at the end of a series be final."""
        series.is_adding = False
        if self._final is not None:
            self._final.append(Measured(host, metric, series.newest_ms, series.values[-1]))

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
        found: dict[tuple[Metric, str], NDArray[np.float64]] = {}
        metrics = self._hosts.get(host)
        if metrics is None:
            return found
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
        readings, 1 if its last one is a sum that is not final; then the times of all series, and the values
        of all series. Version 1 did not have the sums.
        """
        series = [
            (host, metric, metrics[metric])
            for host, metrics in sorted(self._hosts.items())
            for metric in sorted(metrics)
        ]
        hosts = sorted(self._hosts)
        metrics_used = sorted({metric for _, metric, _ in series})
        topics = sorted({each.topic for *_, each in series})
        writer = ColumnWriter("readings", 2)
        writer.names(hosts)
        writer.metrics(metrics_used)
        writer.names(topics)
        of_host, of_metric, of_topic = places_in(hosts), places_in(metrics_used), places_in(topics)
        writer.column("I", [[of_host[host] for host, *_ in series]])
        writer.column("I", [[of_metric[metric] for _, metric, _ in series]])
        writer.column("I", [[of_topic[each.topic] for *_, each in series]])
        writer.column("I", [[len(each.times_ms) for *_, each in series]])
        writer.column("B", [[each.is_adding for *_, each in series]])
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
        reader, version = _reader(data)
        hosts, metrics, topics = reader.names(), reader.metrics(), reader.names()
        of_host = reader.indices(len(hosts))
        of_metric, of_topic = (reader.indices(len(each), len(of_host)) for each in (metrics, topics))
        counts = reader.column("I", len(of_host))
        adding = reader.column("B", len(of_host)) if version > 1 else np.zeros(len(of_host), np.uint8)
        ends = np.cumsum(counts, dtype=np.int64).tolist()
        length = ends[-1] if ends else 0
        times_ms, values = reader.column("q", length), reader.column("d", length)
        reader.end()
        keys = list(zip(of_host, of_metric, strict=True))
        if any(before >= after for before, after in pairwise(keys)):
            raise reader.damaged("its series do not ascend")
        if (counts == 0).any() or (times_ms < 0).any():
            raise reader.damaged("a series is empty, or a time before the epoch")
        if (adding > 1).any():
            raise reader.damaged("a sum is neither final nor not")
        self._hosts, self._metrics = {}, {metric: metric for metric in metrics}
        rows = zip(keys, of_topic, adding.tolist(), [0, *ends], ends, strict=False)
        for (host, metric), topic, is_adding, begin, end in rows:
            part = slice(begin, end)
            series = _Series(
                topics[topic],
                array("q", times_ms[part].tobytes()),
                array("d", values[part].tobytes()),
                is_adding=bool(is_adding),
            )
            if is_adding and series.times_ms[-1] < series.newest_ms:
                raise reader.damaged("a sum that is not final is not the newest of its series")
            self._hosts.setdefault(hosts[host], {})[metrics[metric]] = series


def _reader(data: bytes) -> tuple[ColumnReader, int]:
    """Return what reads a snapshot, and which version it is of."""
    try:
        return ColumnReader("readings", 2, data), 2
    except SnapshotError:
        return ColumnReader("readings", 1, data), 1
