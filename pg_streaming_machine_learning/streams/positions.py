"""How far each partition has been answered for: the only truth about where to read on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pg_streaming_machine_learning.errors import HoleError
from pg_streaming_machine_learning.streams.batch import Batch, FetchedRecord, TopicPlace

__all__ = ["Positions"]


class Positions:
    """The next offset of each partition of ours for which not everything has been done and stored.

    Faust keeps books of its own about acknowledged messages, and loses them in rebalances. These here are
    kept by those who do the work: a position moves when all that came of the records before it is stored.

    Examples
    --------
    >>> positions = Positions()
    >>> positions.take({("samples", 0): 10})
    >>> positions.seek({("samples", 0)})
    {('samples', 0): 10}
    >>> positions.done(("samples", 0), 12)
    >>> positions.next(("samples", 0))
    12
    """

    def __init__(self) -> None:
        self._next: dict[TopicPlace, int] = {}
        self._told: dict[TopicPlace, int] = {}
        self.seeks = 0

    def __contains__(self, place: object) -> bool:
        return place in self._next

    def take(self, offsets: Mapping[TopicPlace, int]) -> None:
        """Begin with partitions, each at an offset."""
        self._next.update(offsets)

    def keep_only(self, places: Iterable[TopicPlace]) -> None:
        """Forget the partitions that are no longer ours."""
        kept = set(places)
        self._next = {place: offset for place, offset in self._next.items() if place in kept}
        self._told = {place: offset for place, offset in self._told.items() if place in kept}

    def next(self, place: TopicPlace) -> int | None:
        """Return the next offset of a partition, None if it is not ours."""
        return self._next.get(place)

    def done(self, place: TopicPlace, end: int) -> None:
        """Everything before an offset is done. Says nothing about a partition that was lost meanwhile."""
        if place in self._next:
            self._next[place] = max(self._next[place], end)

    def seek(self, places: Iterable[TopicPlace]) -> dict[TopicPlace, int]:
        """Return where to read on, and let every batch fetched before be one to throw away."""
        self.seeks += 1
        return {place: self._next[place] for place in places if place in self._next}

    def new_records(self, batch: Batch) -> Sequence[FetchedRecord] | None:
        """Return the records of a batch that have not been done yet; None if it is one to throw away.

        Raises
        ------
        HoleError
            If records before the batch are missing.
        """
        place = batch.place
        position = self._next.get(place)
        if position is None or batch.seek != self.seeks or batch.end <= position:
            return None
        if batch.base > position:
            raise HoleError(
                f"records of {place[0]}[{place[1]}] from offset {position} to {batch.base} never arrived; "
                "a new start reads them, or says that they were deleted (ALLOW_HOLES)"
            )
        if batch.base == position:
            return batch.records
        return [record for record in batch.records if record.offset >= position]

    def untold(self) -> dict[TopicPlace, int]:
        """Return the positions that moved since they were last told to Kafka."""
        return {place: offset for place, offset in self._next.items() if self._told.get(place) != offset}

    def told(self, offsets: Mapping[TopicPlace, int]) -> None:
        """Note that Kafka knows these positions."""
        self._told.update(offsets)
