"""Which source places have been seen, so that updates sent twice are recognised."""

from __future__ import annotations

import numpy as np

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.records.update import SourcePlace
from pg_streaming_machine_learning.records.window_updates import WindowUpdates

__all__ = ["SeenPlaces"]


class SeenPlaces:
    """The greatest source place seen of each input partition.

    A router sends the updates of an input partition in order. One that restarts, or that two workers ran for
    a moment, sends some again: their places are not greater than the greatest seen.

    Examples
    --------
    >>> seen = SeenPlaces()
    >>> [seen.is_new(SourcePlace("metrics", 0, offset)) for offset in (7, 8, 7, 8, 9)]
    [True, True, False, False, True]
    """

    def __init__(self) -> None:
        # Offset and index by topic and partition: plain tuples, as they are looked up for every update.
        self._greatest: dict[tuple[str, int], tuple[int, int]] = {}

    def is_new(self, place: SourcePlace) -> bool:
        """Say whether an update comes from a place not seen yet, and remember the place."""
        partition = (place.topic, place.partition)
        here = (place.offset, place.index)
        greatest = self._greatest.get(partition)
        if greatest is not None and here <= greatest:
            return False
        self._greatest[partition] = here
        return True

    def repeated(self, updates: WindowUpdates) -> int:
        """Return how many of some updates come from places seen before, the first ones; remember the last.

        Examples
        --------
        >>> import numpy as np
        >>> from pg_streaming_machine_learning.records.update import InputPartition
        >>> from pg_streaming_machine_learning.records.window_updates import ROW
        >>> rows = np.zeros(3, ROW)
        >>> rows["offset"] = [7, 8, 12]
        >>> updates = WindowUpdates(InputPartition("metrics", 0), ("web",), rows)
        >>> seen = SeenPlaces()
        >>> seen.is_new(SourcePlace("metrics", 0, 8)), seen.repeated(updates), seen.repeated(updates)
        (True, 2, 3)
        """
        partition = (updates.input.topic, updates.input.partition)
        offsets = updates.rows["offset"]
        greatest = self._greatest.get(partition)
        repeated = 0 if greatest is None else int(np.searchsorted(offsets, greatest[0], side="right"))
        if repeated < len(offsets):
            self._greatest[partition] = (int(offsets[-1]), 0)
        return repeated

    def snapshot(self) -> bytes:
        """Return the places as bytes."""
        state = [
            [topic, partition, offset, index]
            for (topic, partition), (offset, index) in sorted(self._greatest.items())
        ]
        return write_state("places", 1, state)

    def restore(self, data: bytes) -> None:
        """Take on the places of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of seen places.
        """
        state = read_state("places", 1, data)
        try:
            self._greatest = {
                (topic, partition): (offset, index) for topic, partition, offset, index in state
            }
        except (TypeError, ValueError) as error:
            raise SnapshotError("state of the seen places is incomplete") from error
