"""The durations of all hosts, each kept once for all the windows it lies in."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.update import Duration
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter, places_in

__all__ = ["NO_DURATIONS", "DurationStore", "Durations"]

_FEW_NAMES = 16


class Durations(Sequence[Duration]):
    """Durations in columns, in order of arrival: a hundred thousand of them are no objects before one asks.

    Parameters
    ----------
    services : sequence of str
        Names of services.
    of_service : ndarray of int
        Which of the names each has.
    starts_ms, durations_us : ndarray of int64
        When each began, milliseconds since the epoch, and how long it took, microseconds.
    errors : ndarray of bool
        Which failed.

    Examples
    --------
    >>> durations = Durations.of([Duration("shop", 0, 1500), Duration("pay", 5, 700, is_error=True)])
    >>> durations[1], durations.durations_us.tolist(), len(durations)
    (Duration(service='pay', start_ms=5, duration_us=700, is_error=True), [1500, 700], 2)
    """

    __slots__ = ("durations_us", "errors", "of_service", "services", "starts_ms")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        services: Sequence[str],
        of_service: NDArray[Any],
        starts_ms: NDArray[np.int64],
        durations_us: NDArray[np.int64],
        errors: NDArray[np.bool_],
    ) -> None:
        self.services = services
        self.of_service = of_service
        self.starts_ms = starts_ms
        self.durations_us = durations_us
        self.errors = errors

    @classmethod
    def of(cls, durations: Iterable[Duration]) -> Durations:
        """Return some durations in columns."""
        if isinstance(durations, Durations):
            return durations
        host = _Host()
        for duration in durations:
            host.add(duration)
        return host.where(np.ones(len(host.starts_ms), bool))

    def __len__(self) -> int:
        return len(self.starts_ms)

    def __iter__(self) -> Iterator[Duration]:
        columns = (self.of_service, self.starts_ms, self.durations_us, self.errors)
        for place, *rest in zip(*(column.tolist() for column in columns), strict=True):
            yield Duration(self.services[place], *rest)

    @overload
    def __getitem__(self, place: int) -> Duration: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Duration]: ...

    def __getitem__(self, place: int | slice) -> Duration | Sequence[Duration]:
        return list(self)[place]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    def __repr__(self) -> str:
        return repr(list(self))


class _Host:
    """The durations of one host, in order of arrival."""

    __slots__ = ("durations_us", "errors", "of_service", "places", "services", "starts_ms")

    def __init__(self) -> None:
        self.services: list[str] = []
        self.places: dict[str, int] = {}
        self.of_service = array("I")
        self.starts_ms = array("q")
        self.durations_us = array("q")
        self.errors = array("B")

    def add(self, duration: Duration) -> None:
        """Add one at the end."""
        place = self.places.get(duration.service)
        if place is None:
            place = self.places[duration.service] = len(self.services)
            self.services.append(duration.service)
        self.of_service.append(place)
        self.starts_ms.append(duration.start_ms)
        self.durations_us.append(duration.duration_us)
        self.errors.append(duration.is_error)

    def where(self, chosen: NDArray[np.bool_]) -> Durations:
        """Return copies of those that a mask chooses."""
        return Durations(
            tuple(self.services),
            np.asarray(self.of_service)[chosen],
            np.asarray(self.starts_ms)[chosen],
            np.asarray(self.durations_us)[chosen],
            np.asarray(self.errors)[chosen].astype(bool),
        )

    def between(self, start_ms: int, end_ms: int) -> Durations:
        """Return those that began in ``[start, end)``."""
        starts_ms = np.asarray(self.starts_ms)
        return self.where((start_ms <= starts_ms) & (starts_ms < end_ms))

    def forget(self, before_ms: int) -> bool:
        """Drop those that began before a time; return whether any are left."""
        kept = np.asarray(self.starts_ms) >= before_ms
        if not kept.all():
            self._keep(kept)
        return len(self.starts_ms) > 0

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop all but those a mask chooses, and the names that no duration has, once they are many."""
        self.of_service = _kept(self.of_service, kept)
        self.starts_ms = _kept(self.starts_ms, kept)
        self.durations_us = _kept(self.durations_us, kept)
        self.errors = _kept(self.errors, kept)
        if len(self.services) > max(_FEW_NAMES, len(self.starts_ms)):
            used, places = np.unique(np.asarray(self.of_service), return_inverse=True)
            self.services = [self.services[place] for place in used.tolist()]
            self.places = {service: place for place, service in enumerate(self.services)}
            self.of_service = array("I", places.astype(np.uint32).tobytes())


NO_DURATIONS = Durations.of(())


class DurationStore:
    """Durations of hosts, in columns.

    Nothing is known here of which windows are open: who adds a duration has seen that one is, and who has
    closed the last window that holds a duration has it forgotten.

    Examples
    --------
    >>> store = DurationStore()
    >>> for start_ms in (3, 10, 7):
    ...     store.add("web", Duration("orders", start_ms, 1500))
    >>> [duration.start_ms for duration in store.values("web", Window(5, 15))]
    [10, 7]
    """

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._hosts

    def __len__(self) -> int:
        """Count the durations of all hosts."""
        return sum(len(host.starts_ms) for host in self._hosts.values())

    def add(self, host: str, duration: Duration) -> None:
        """Keep a duration; it lies in the windows that hold its start."""
        durations = self._hosts.get(host)
        if durations is None:
            durations = self._hosts[host] = _Host()
        durations.add(duration)

    def values(self, host: str, window: Window) -> Durations:
        """Return the durations of a host that began in a window, in order of arrival."""
        durations = self._hosts.get(host)
        return NO_DURATIONS if durations is None else durations.between(window.start_ms, window.end_ms)

    def forget(self, host: str, before_ms: int) -> None:
        """Drop a host's durations that began before a time."""
        durations = self._hosts.get(host)
        if durations is not None and not durations.forget(before_ms):
            del self._hosts[host]

    def snapshot(self) -> bytes:
        """Return the durations as bytes, the same for the same content whatever the order of hosts.

        Notes
        -----
        `windows.columns`: names of the hosts, ascending; how many durations each has; names of the services,
        ascending; then all durations, by host, in columns: index of the service, start, duration, error (0
        or 1).
        """
        hosts = sorted(self._hosts.items())
        services = sorted({host.services[place] for _, host in hosts for place in set(host.of_service)})
        places = places_in(services)
        writer = ColumnWriter("durations", 1)
        writer.names([name for name, _ in hosts])
        writer.column("I", [[len(host.starts_ms) for _, host in hosts]])
        writer.names(services)
        writer.column("I", ([places[host.services[place]] for place in host.of_service] for _, host in hosts))
        writer.column("q", (host.starts_ms for _, host in hosts))
        writer.column("q", (host.durations_us for _, host in hosts))
        writer.column("B", (host.errors for _, host in hosts))
        return writer.to_bytes()

    def restore(self, data: bytes) -> None:
        """Take on the durations of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of durations.
        """
        reader = ColumnReader("durations", 1, data)
        hosts = reader.names()
        counts = reader.column("I", len(hosts))
        length = int(counts.sum(dtype=np.int64))
        services = reader.names()
        of_service = reader.indices(len(services), length)
        starts_ms, durations_us = reader.column("q", length), reader.column("q", length)
        errors = reader.column("B", length)
        reader.end()
        if (counts == 0).any() or (starts_ms < 0).any() or (errors > 1).any():
            raise reader.damaged("a host has no duration, or one has a number it cannot have")
        self._hosts = {}
        rows = zip(of_service, starts_ms.tolist(), durations_us.tolist(), errors.tolist(), strict=True)
        for name, count in zip(hosts, counts.tolist(), strict=True):
            host = self._hosts[name] = _Host()
            for place, start_ms, duration_us, is_error in islice(rows, count):
                host.add(Duration(services[place], start_ms, duration_us, bool(is_error)))


def _kept(column: array[Any], kept: NDArray[np.bool_]) -> array[Any]:
    """Return what a mask chooses of a column."""
    return array(column.typecode, np.asarray(column)[kept].tobytes())
