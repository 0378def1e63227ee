"""Ever-growing counters → rates."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

from pg_streaming_machine_learning.records.update import Metric, Reading
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter, places_in

__all__ = ["LONGEST_GAP_MS", "Rates"]

LONGEST_GAP_MS = 3_600_000
"""Two readings of a counter further apart, milliseconds, give no rate: nobody knows when it grew."""

_Counter = tuple[str, Metric]


class _Host:
    """The counters of one host: which they are, and when each was read last with what value."""

    __slots__ = ("places", "times_ms", "values")

    def __init__(self) -> None:
        self.places: dict[_Counter, int] = {}
        self.times_ms = array("q")
        self.values = array("d")

    def add(self, counter: _Counter, timestamp_ms: int, value: float) -> None:
        """Begin with a counter."""
        self.places[counter] = len(self.times_ms)
        self.times_ms.append(timestamp_ms)
        self.values.append(value)

    def since(self, before_ms: int) -> _Host:
        """Return the counters read at or after a time."""
        kept = _Host()
        for counter, place in self.places.items():
            if self.times_ms[place] >= before_ms:
                kept.add(counter, self.times_ms[place], self.values[place])
        return kept


class Rates:
    """The last reading of every counter of every host.

    A counter is told by its host, its name and its metric.

    Examples
    --------
    >>> written = Metric("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND")
    >>> rates = Rates()
    >>> [rates.rate("web", Reading(written, at_ms, value, "diskio/sda")) for at_ms, value in (
    ...     (0, 5000.0), (10_000, 7000.0), (20_000, 300.0), (30_000, 1300.0))]
    [None, 200.0, None, 100.0]
    """

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._counters: dict[_Counter, _Counter] = {}  # one object for all hosts that have the counter
        self._forgotten_ms = 0

    def __len__(self) -> int:
        """Count the counters of all hosts."""
        return sum(len(host.places) for host in self._hosts.values())

    def rate(self, host: str, reading: Reading) -> float | None:
        """Return by how much a counter grew in a second since its last reading.

        Parameters
        ----------
        host : str
            Whose counter it is.
        reading : Reading
            Of the counter named by ``reading.counter``.

        Returns
        -------
        float or None
            Never negative and always finite. None for its first reading; for one that is not newer than the
            last, which changes nothing; for one that is less (the counter began anew) or comes more than
            `LONGEST_GAP_MS` after the last. The next rate counts from these.
        """
        counters = self._hosts.get(host)
        if counters is None:
            counters = self._hosts[host] = _Host()
        counter = (reading.counter, reading.metric)
        place = counters.places.get(counter)
        if place is None:
            counter = self._counters.setdefault(counter, counter)
            counters.add(counter, reading.timestamp_ms, reading.value)
            return None
        passed_ms = reading.timestamp_ms - counters.times_ms[place]
        if passed_ms <= 0:
            return None
        grown = reading.value - counters.values[place]
        counters.times_ms[place] = reading.timestamp_ms
        counters.values[place] = reading.value
        if grown < 0 or passed_ms > LONGEST_GAP_MS:
            return None
        rate = grown / passed_ms * 1000
        return rate if math.isfinite(rate) else None

    def forget(self, before_ms: int) -> None:
        """Forget the counters last read before a time.

        Every counter is looked at, so nothing is done until the time is a quarter of `LONGEST_GAP_MS` later
        than when something was done last.
        """
        if before_ms < self._forgotten_ms + LONGEST_GAP_MS // 4:
            return
        self._forgotten_ms = before_ms
        kept = {name: host.since(before_ms) for name, host in self._hosts.items()}
        self._hosts = {name: host for name, host in kept.items() if host.places}
        self._counters = {counter: counter for host in self._hosts.values() for counter in host.places}

    def snapshot(self) -> bytes:
        """Return the state as bytes, the same for the same content whatever its order of arrival.

        Notes
        -----
        `windows.columns`: a column with the time before which counters were forgotten; names of the hosts,
        names of the counters, the metrics; then a row for each counter, ascending, in columns: index of its
        host, of its name, of its metric, when it was read last, its value.
        """
        rows = sorted(
            (name, counter[0], counter[1], host.times_ms[place], host.values[place])
            for name, host in self._hosts.items()
            for counter, place in host.places.items()
        )
        hosts = sorted({host for host, *_ in rows})
        names = sorted({name for _, name, *_ in rows})
        metrics = sorted({metric for _, _, metric, *_ in rows})
        writer = ColumnWriter("rates", 1)
        writer.column("q", [[self._forgotten_ms]])
        writer.names(hosts)
        writer.names(names)
        writer.metrics(metrics)
        of_host, of_name = places_in(hosts), places_in(names)
        of_metric = places_in(metrics)
        writer.column("I", [[of_host[host] for host, *_ in rows]])
        writer.column("I", [[of_name[name] for _, name, *_ in rows]])
        writer.column("I", [[of_metric[metric] for _, _, metric, *_ in rows]])
        writer.column("q", [[timestamp_ms for *_, timestamp_ms, _ in rows]])
        writer.column("d", [[value for *_, value in rows]])
        return writer.to_bytes()

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of rates.
        """
        reader = ColumnReader("rates", 1, data)
        forgotten_ms = int(reader.column("q", 1)[0])
        hosts, names, metrics = reader.names(), reader.names(), reader.metrics()
        of_hosts = reader.indices(len(hosts))
        count = len(of_hosts)
        of_names, of_metrics = reader.indices(len(names), count), reader.indices(len(metrics), count)
        times_ms, values = reader.column("q", count).tolist(), reader.column("d", count).tolist()
        reader.end()
        keys = list(zip(of_hosts, of_names, of_metrics, strict=True))
        if any(before >= after for before, after in pairwise(keys)):
            raise reader.damaged("its counters do not ascend")
        self._hosts, self._counters, self._forgotten_ms = {}, {}, forgotten_ms
        for (host, name, metric), timestamp_ms, value in zip(keys, times_ms, values, strict=True):
            counter = (names[name], metrics[metric])
            counter = self._counters.setdefault(counter, counter)
            self._hosts.setdefault(hosts[host], _Host()).add(counter, timestamp_ms, value)
