"""A record of an input topic, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["InputRecord"]


@dataclass(slots=True, unsafe_hash=True)
class InputRecord:
    """A record as the broker handed it over; nothing in it has been looked at.

    Nobody changes it. It is not frozen, since that would take three times as long to make, for each record.

    Parameters
    ----------
    topic, partition, offset
        Its place.
    timestamp_ms : int
        Kafka's timestamp of the record, milliseconds since the epoch; negative or 0 if it has none.
    key, value : bytes or None
        Untouched.
    headers : tuple of (str, bytes)
        Untouched, in their order.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
