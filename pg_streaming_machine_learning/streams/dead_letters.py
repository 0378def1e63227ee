"""Refused input: its untouched bytes, with reason and origin in headers."""

from __future__ import annotations

import dataclasses

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.sources.source import RefusedPart
from pg_streaming_machine_learning.streams.transactions import Header, Outgoing

__all__ = ["DeadLetters", "dead_letter_headers"]

LONGEST_DETAIL = 500
"""Characters; the detail may quote the record, and the record may be long."""

KAFKAS_LIMIT_BYTES = 1_048_588
"""What a topic takes that was made without saying otherwise (`max.message.bytes`)."""

_AROUND_BYTES = 512
"""Kafka's own bytes around key, value and headers of a record alone in its batch, rounded up."""


def dead_letter_headers(record: InputRecord, refused: RefusedRecord) -> list[Header]:
    """Return the headers of a dead letter: the record's own, then reason and origin.

    The record's own come along: one refused again after a replay still tells how often it was replayed.
    """
    ours = {
        "reason": refused.reason.value,
        "detail": refused.detail[:LONGEST_DETAIL],
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
    }
    kept = [(name, value) for name, value in record.headers if name not in ours]
    return [*kept, *((name, value.encode(errors="replace")) for name, value in ours.items())]


class DeadLetters:
    """Makes the records of refused input.

    Parameters
    ----------
    topic : str
        The topic of the dead letters.

    Attributes
    ----------
    limit_bytes : int
        The largest record that the topic takes. A larger one leaves its bytes behind: its place, in the
        headers, tells where they are. Sending it in spite of that would break the producer's sequence.
    """

    def __init__(self, topic: str) -> None:
        self.limit_bytes = KAFKAS_LIMIT_BYTES
        self._topic = topic

    def of_part(self, record: InputRecord, part: RefusedPart) -> Outgoing:
        """Return the dead letter of a refused part of a record: the part's bytes under the record's key."""
        return self.outgoing(dataclasses.replace(record, value=part.value), part.refused)

    def outgoing(self, record: InputRecord, refused: RefusedRecord) -> Outgoing:
        """Return the dead letter of a refused record."""
        headers = dead_letter_headers(record, refused)
        size = len(record.key or b"") + len(record.value or b"")
        if size + sum(len(name) + len(value) for name, value in headers) + _AROUND_BYTES <= self.limit_bytes:
            return Outgoing(self._topic, 0, record.key, record.value, tuple(headers))
        note = f"its {size} bytes are too many for this topic and stay where they are; {refused.detail}"
        bare = InputRecord(record.topic, record.partition, record.offset, record.timestamp_ms, None, None)
        headers = dead_letter_headers(bare, RefusedRecord(refused.reason, note))
        return Outgoing(self._topic, 0, None, None, tuple(headers))
