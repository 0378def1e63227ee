"""The messages that agents and reporters of the shop send to Kafka, and a checksum over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["LINES_TOPIC", "SPANS_TOPIC", "Message", "checksum", "digest"]

LINES_TOPIC = "pg-traces-telegraf"
SPANS_TOPIC = "pg-traces-software"

_DIGEST_BYTES = 16


class Message(NamedTuple):
    """One message.

    Parameters
    ----------
    topic : str
        `LINES_TOPIC` or `SPANS_TOPIC`.
    key : bytes or None
        The host of a line; spans have no key.
    value : bytes
        A line, or an array of spans.
    timestamp_ms : int
        Kafka's timestamp, milliseconds since the epoch.
    service : int
        Whose agent or reporter sent it, an index into the recording's services; not sent.
    """

    topic: str
    key: bytes | None
    value: bytes
    timestamp_ms: int
    service: int


def digest(value: bytes) -> bytes:
    """Return a digest of a value, 16 bytes."""
    return hashlib.blake2b(value, digest_size=_DIGEST_BYTES).digest()


def checksum(messages: Iterable[tuple[str, bytes | None, int, bytes]]) -> str:
    """Return a checksum over messages in their order.

    Parameters
    ----------
    messages : iterable of tuple
        Topic, key, timestamp (milliseconds) and `digest` of the value of each.

    Examples
    --------
    >>> checksum([("topic", b"key", 1, digest(b"value"))])[:16]
    'bfd985a44ef804fb'
    """
    whole = hashlib.sha256()
    for topic, key, timestamp_ms, of_value in messages:
        whole.update(f"{topic} {'-' if key is None else key.hex()} {timestamp_ms} ".encode())
        whole.update(of_value)
    return whole.hexdigest()
