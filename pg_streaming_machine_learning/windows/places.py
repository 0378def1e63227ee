"""Which source places have been seen, so that updates sent twice are recognised."""

from __future__ import annotations

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.records.update import SourcePlace

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
