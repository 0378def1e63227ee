"""The window updates of many records, as rows; those of some records may have to be filled in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.update import InputPartition, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import (
    METRIC_NUMBERS,
    NO_LABEL,
    ROW,
    WindowUpdates,
)
from pg_streaming_machine_learning.wire.partition import partition_of

__all__ = ["HostNumbers", "UpdateRows"]

_MOST_ROWS = 2_000
"""Of one record of the log: milliseconds of work for its engine."""

_MOST_BYTES = 800_000
"""Of one record of the log, less than brokers take if nothing else is set (``max.message.bytes``)."""

_MOST_BYTES_OF_A_CHARACTER = 4


class HostNumbers:
    """A number for each host.

    Examples
    --------
    >>> hosts = HostNumbers()
    >>> hosts.number("web"), hosts.number("db"), hosts.number("web"), hosts.names
    (0, 1, 0, ['web', 'db'])
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._partitions: dict[int, NDArray[np.int64]] = {}

    def number(self, host: str) -> int:
        """Return the number of a host, its place in `names`."""
        number = self._numbers.setdefault(host, len(self.names))
        if number == len(self.names):
            self.names.append(host)
        return number

    def partitions(self, count: int) -> NDArray[np.int64]:
        """Return the partition of each host, of so many, as Kafka's own clients choose it."""
        found = self._partitions.get(count, np.zeros(0, np.int64))
        if len(found) < len(self.names):
            more = [partition_of(name.encode(), count) for name in self.names[len(found) :]]
            found = self._partitions[count] = np.append(found, more)
        return found


class UpdateRows:
    """The window updates of some records, one each.

    Parameters
    ----------
    offsets : sequence of int
        Of the records, ascending.
    hosts : HostNumbers
        By which the rows name hosts.

    Attributes
    ----------
    rows : array of records.window_updates.ROW, shape (n_records,)
        The update of each record.
    is_known : array of bool, shape (n_records,)
        Whether a record's update is among the rows.
    """

    def __init__(self, offsets: list[int], hosts: HostNumbers) -> None:
        self.rows = np.zeros(len(offsets), ROW)
        self.rows["offset"] = offsets
        self.is_known: NDArray[np.bool_] = np.zeros(len(offsets), np.bool_)
        self._hosts = hosts

    @property
    def newest_start_ms(self) -> int | None:
        """Start of the newest window that an update is of, milliseconds since the epoch."""
        known = self.rows["window_start_ms"][self.is_known]
        return int(known.max()) if len(known) else None

    def unknown(self) -> list[int]:
        """Return which records have no update among the rows."""
        return [int(place) for place in np.flatnonzero(~self.is_known)]

    def put(self, place: int, update: WindowUpdate) -> None:
        """Fill in the update of a record."""
        label = NO_LABEL if update.label is None else update.label
        host, metric = self._hosts.number(update.host), METRIC_NUMBERS[update.metric]
        row = (update.place.offset, update.window_start_ms, host, metric, label, update.statistics)
        self.rows[place] = row
        self.is_known[place] = True

    def updates(self, place: InputPartition, partitions: int) -> Iterator[tuple[int, WindowUpdates]]:
        """Yield the updates that are known by partition of the log, in pieces that fit into a record.

        Parameters
        ----------
        place : InputPartition
            Where they come from.
        partitions : int
            How many the log has.
        """
        rows = self.rows if self.is_known.all() else self.rows[self.is_known]
        of_row = self._hosts.partitions(partitions)[rows["host"]]
        for partition in range(partitions):
            own = rows[of_row == partition]
            for begin in range(0, len(own), _MOST_ROWS):
                for updates in self._numbered(place, own[begin : begin + _MOST_ROWS]):
                    yield partition, updates

    def _numbered(self, place: InputPartition, rows: NDArray[np.void]) -> Iterator[WindowUpdates]:
        """Yield rows with the names of their own hosts only, halved until they fit into a record."""
        is_there = np.zeros(len(self._hosts.names), np.bool_)
        is_there[rows["host"]] = True
        numbers = np.flatnonzero(is_there)
        hosts = tuple([self._hosts.names[number] for number in numbers.tolist()])
        if len(rows) > 1 and rows.nbytes + _MOST_BYTES_OF_A_CHARACTER * sum(map(len, hosts)) > _MOST_BYTES:
            middle = len(rows) // 2
            yield from self._numbered(place, rows[:middle])
            yield from self._numbered(place, rows[middle:])
            return
        places = np.zeros(len(is_there), np.uint32)
        places[numbers] = np.arange(len(numbers))
        rows["host"] = places[rows["host"]]
        yield WindowUpdates(place, hosts, rows)
