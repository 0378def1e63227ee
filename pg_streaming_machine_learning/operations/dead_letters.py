"""Refused records: what is known of them, and which are meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import DeadLetterError, Reason
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.input import InputRecord

__all__ = [
    "REPLAYS_HEADER",
    "DeadLetter",
    "OffsetRange",
    "Selection",
    "dead_letters",
]

REPLAYS_HEADER = "dead-letter-replays"
"""Header of a replayed record: how often it has been replayed, digits."""

_RANGE = re.compile(r"(?:(?P<partition>\d+):)?(?P<first>\d+)(?:-(?P<last>\d+))?")


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets of the dead-letter topic, both ends included.

    Parameters
    ----------
    partition : int or None
        Partition of the dead-letter topic; None means any.
    first, last : int
        The offsets.
    """

    partition: int | None
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> OffsetRange:
        """Read ``17``, ``17-25`` or ``0:17-25`` (partition 0).

        Raises
        ------
        DeadLetterError
            If it has another form, or ends before it begins.

        Examples
        --------
        >>> OffsetRange.parse("0:17-25")
        OffsetRange(partition=0, first=17, last=25)
        """
        found = _RANGE.fullmatch(text.strip())
        if found is None:
            raise DeadLetterError(f"offsets {text!r} are not of the form [PARTITION:]FIRST[-LAST]")
        first = int(found["first"])
        last = first if found["last"] is None else int(found["last"])
        if last < first:
            raise DeadLetterError(f"offsets {text!r} end before they begin")
        return cls(None if found["partition"] is None else int(found["partition"]), first, last)

    def holds(self, partition: int, offset: int) -> bool:
        """Say whether a place of the dead-letter topic is in the range."""
        return self.partition in (None, partition) and self.first <= offset <= self.last


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record, as the dead-letter topic keeps it.

    Parameters
    ----------
    record : InputRecord
        The record of the dead-letter topic; key and value are those of the refused one.
    reason, detail : str
        The documented code, and a sentence; empty where the header is missing.
    topic : str
        Where the refused record came from; empty if unknown.
    partition, offset, timestamp_ms : int or None
        Its place and time there; None if unknown.
    replays : int
        How often it had been sent back before it was refused again.
    """

    record: InputRecord
    reason: str
    detail: str
    topic: str
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    replays: int

    @classmethod
    def from_record(cls, record: InputRecord) -> DeadLetter:
        """Read the headers of a record of the dead-letter topic; what cannot be read is missing."""
        texts = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        replays = _number(texts.get(REPLAYS_HEADER))
        return cls(
            record=record,
            reason=texts.get("reason", ""),
            detail=texts.get("detail", ""),
            topic=texts.get("topic", ""),
            partition=_number(texts.get("partition")),
            offset=_number(texts.get("offset")),
            timestamp_ms=_number(texts.get("timestamp")),
            replays=0 if replays is None else replays,
        )

    @property
    def origin(self) -> str:
        """Return where it came from, ``topic[partition]@offset``."""
        if not self.topic or self.partition is None:
            return "unknown"
        return f"{self.topic}[{self.partition}]@{'?' if self.offset is None else self.offset}"

    @property
    def is_bare(self) -> bool:
        """Say whether the record was too large for the dead-letter topic, which has only its place then."""
        record = self.record
        return record.key is None and record.value is None and self.reason != Reason.NULL_KEY.value


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant: each kind of condition given must hold.

    Parameters
    ----------
    reasons, topics : frozenset of str
        Reason codes, and topics the records came from; any of them; empty means all.
    offsets : tuple of OffsetRange
        Places in the dead-letter topic, any of them; empty means all.
    """

    reasons: frozenset[str] = field(default_factory=frozenset)
    topics: frozenset[str] = field(default_factory=frozenset)
    offsets: tuple[OffsetRange, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Say whether no condition is given."""
        return not (self.reasons or self.topics or self.offsets)

    def holds(self, letter: DeadLetter) -> bool:
        """Say whether a dead letter is meant."""
        record = letter.record
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.topic in self.topics)
            and (
                not self.offsets or any(span.holds(record.partition, record.offset) for span in self.offsets)
            )
        )


def dead_letters(reader: TopicReader, topic: str, selection: Selection) -> Iterator[DeadLetter]:
    """Yield the selected dead letters, partition by partition, oldest first.

    Parameters
    ----------
    reader : TopicReader
        The Kafka to read from.
    topic : str
        The dead-letter topic.
    selection : Selection
        Which ones.

    Notes
    -----
    Reads up to the end the topic has at the first record asked for: what comes in meanwhile, such as a
    replayed record that is refused again, is not part of it. So a replay ends.
    """
    bounds = [(partition, *reader.bounds(topic, partition)) for partition in reader.partitions(topic)]
    for partition, first, end in bounds:
        for record in reader.read(topic, partition, first, end):
            letter = DeadLetter.from_record(record)
            if selection.holds(letter):
                yield letter


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
