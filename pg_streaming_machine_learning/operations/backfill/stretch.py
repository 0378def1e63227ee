"""Which records of which partitions: from one time to another, or all there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from pg_streaming_machine_learning.errors import BackfillError
from pg_streaming_machine_learning.operations.topic_reader import TopicReader

__all__ = ["Found", "Stretch", "find_stretches", "moment"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets of a partition, ``[first, end)``.

    Parameters
    ----------
    topic, partition
        Where.
    first, end : int
        Offsets; the same if there is nothing to read.
    """

    topic: str
    partition: int
    first: int
    end: int

    @property
    def offsets(self) -> int:
        """How many offsets there are; records are not more."""
        return self.end - self.first


@dataclass(frozen=True)
class Found:
    """What is to be read.

    Parameters
    ----------
    stretches : tuple of Stretch
        One for each partition of each topic, in the order of the topics; some may be empty.
    notes : tuple of str
        What somebody who asked for this may not expect.
    """

    stretches: tuple[Stretch, ...]
    notes: tuple[str, ...] = ()

    @property
    def offsets(self) -> int:
        """How many offsets there are in all."""
        return sum(stretch.offsets for stretch in self.stretches)


def moment(time_ms: int) -> str:
    """Return a time for people.

    Examples
    --------
    >>> moment(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    at = datetime.fromtimestamp(time_ms / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_stretches(
    reader: TopicReader, topics: Iterable[str], from_ms: int | None = None, to_ms: int | None = None
) -> Found:
    """Return what topics hold between two times of Kafka's, up to their present ends.

    Parameters
    ----------
    reader : TopicReader
        Asks the broker.
    topics : iterable of str
        Which topics, all partitions of each.
    from_ms, to_ms : int or None
        From the first record at or after the one to before the first at or after the other, milliseconds
        since the epoch; None for all there are.

    Raises
    ------
    BackfillError
        If there is nothing to read.
    TopicError
        If there is no such topic.
    BrokerUnreachable
        If no broker answers.
    """
    names = tuple(topics)
    stretches: list[Stretch] = []
    notes: list[str] = []
    ends = 0
    for topic in names:
        for partition in reader.partitions(topic):
            begin, end = reader.bounds(topic, partition)
            ends += end - begin
            first = begin if from_ms is None else reader.offset_at(topic, partition, from_ms, end)
            last = end if to_ms is None else reader.offset_at(topic, partition, to_ms, end)
            first, last = max(begin, min(first, end)), min(last, end)
            stretches.append(Stretch(topic, partition, first, max(first, last)))
            if from_ms is not None and first == begin > 0:
                notes += _begins_late(reader, stretches[-1], end, from_ms)
    if not any(stretch.offsets for stretch in stretches):
        raise BackfillError(_nothing(reader, names, stretches, from_ms, to_ms, is_empty=ends == 0))
    return Found(tuple(stretches), tuple(notes))


def _begins_late(reader: TopicReader, stretch: Stretch, end: int, from_ms: int) -> list[str]:
    """Return a note if what was asked for was deleted."""
    records = reader.read(stretch.topic, stretch.partition, stretch.first, end)
    oldest = next(iter(records), None)
    if oldest is None or oldest.timestamp_ms <= from_ms:
        return []
    return [
        f"{stretch.topic}[{stretch.partition}] holds nothing before {moment(oldest.timestamp_ms)} any more "
        f"(offset {oldest.offset}): what came between {moment(from_ms)} and then is not learned"
    ]


def _nothing(
    reader: TopicReader,
    topics: Sequence[str],
    stretches: Sequence[Stretch],
    from_ms: int | None,
    to_ms: int | None,
    *,
    is_empty: bool,
) -> str:
    """Return why there is nothing to read."""
    names = ", ".join(map(repr, topics))
    if is_empty:
        return f"{names} at present hold no records"
    newest_ms = max(
        (
            record.timestamp_ms
            for stretch in stretches
            for record in reader.some(stretch.topic, stretch.partition, -1, 1)
        ),
        default=None,
    )
    asked = [f"from {moment(from_ms)}"] if from_ms is not None else []
    asked += [f"before {moment(to_ms)}"] if to_ms is not None else []
    last = "" if newest_ms is None else f"; the last one is of {moment(newest_ms)}"
    return f"{names}: no record {' and '.join(asked) or 'can be read'}{last}"
