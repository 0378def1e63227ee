"""The window updates of many records, as rows; those of some records may have to be filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.update import InputPartition, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import (
    METRIC_NUMBERS,
    NO_LABEL,
    ROW,
    WindowUpdates,
)

__all__ = ["HostNumbers", "UpdateRows"]

_MOST_ROWS = 2_000
"""Of one record of the log: milliseconds of work for its engine."""

_MOST_BYTES = 800_000
"""Of one record of the log, less than brokers take if nothing else is set (``max.message.bytes``)."""


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

    def number(self, host: str) -> int:
        """Return the number of a host, its place in `names`."""
        number = self._numbers.setdefault(host, len(self.names))
        if number == len(self.names):
            self.names.append(host)
        return number


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

    def updates(
        self, place: InputPartition, partition_of: Callable[[str], int]
    ) -> Iterator[tuple[int, WindowUpdates]]:
        """Yield the updates that are known by partition of the log, in pieces that fit into a record.

        Parameters
        ----------
        place : InputPartition
            Where they come from.
        partition_of : callable
            Host → partition of the log.
        """
        rows = self.rows[self.is_known]
        numbers, hosts = np.unique(rows["host"], return_inverse=True)
        of_host = [partition_of(self._hosts.names[number]) for number in numbers.tolist()]
        partitions = np.array(of_host, np.int64)[hosts]
        for partition in sorted(set(of_host)):
            own = rows[partitions == partition]
            most = self._most_rows(own)
            for begin in range(0, len(own), most):
                yield partition, self._numbered(place, own[begin : begin + most])

    def _most_rows(self, rows: NDArray[np.void]) -> int:
        """Return how many of some rows may go into one record."""
        names = self._hosts.names
        longest = max(len(names[number].encode()) for number in set(rows["host"].tolist()))
        return min(_MOST_ROWS, _MOST_BYTES // (ROW.itemsize + longest + 8))

    def _numbered(self, place: InputPartition, rows: NDArray[np.void]) -> WindowUpdates:
        """Return rows with the names of their own hosts only."""
        numbers, rows["host"] = np.unique(rows["host"], return_inverse=True)
        return WindowUpdates(place, tuple(self._hosts.names[number] for number in numbers.tolist()), rows)
