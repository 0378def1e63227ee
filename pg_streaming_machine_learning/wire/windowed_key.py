"""Windowed keys as Kafka Streams' ``TimeWindowedSerializer`` writes them.

The inner key's bytes, then the start of the window: 8 bytes, big-endian, signed, milliseconds since the
epoch. The end is not on the wire. Keys of changelog topics have 4 bytes more (a sequence number) and session
keys 8 (two times): split here, they leave bytes over behind the inner key, which decoding that refuses.
"""

from __future__ import annotations

import struct

from pg_streaming_machine_learning.errors import Reason, RefusedRecord

__all__ = ["WINDOW_BYTES", "encode_windowed_key", "split_windowed_key"]

_START = struct.Struct(">q")

WINDOW_BYTES = _START.size
"""Of the start of the window, behind the inner key."""


def encode_windowed_key(inner: bytes, start_ms: int) -> bytes:
    """Append the start of the window to the inner key.

    Examples
    --------
    >>> encode_windowed_key(b"web", 1_600_000_000_000).hex(" ")
    '77 65 62 00 00 01 74 87 6e 80 00'
    """
    return inner + _START.pack(start_ms)


def split_windowed_key(data: bytes) -> tuple[bytes, int]:
    """Return the inner key's bytes and the start of the window, milliseconds since the epoch.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_KEY` if there is nothing before the window start.

    Examples
    --------
    >>> split_windowed_key(bytes.fromhex("77 65 62 00 00 01 74 87 6e 80 00"))
    (b'web', 1600000000000)
    """
    if len(data) <= _START.size:
        raise RefusedRecord(
            Reason.BAD_KEY,
            f"windowed key has {len(data)} bytes, expected more than the {_START.size} of its window start",
        )
    inner = data[: -_START.size]
    (start_ms,) = _START.unpack_from(data, len(inner))
    return inner, start_ms
