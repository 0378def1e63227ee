"""The records of ``pg-streaming-targets``: whether a host was slow in a window.

The key is the host in UTF-8 and the start of the window, as `wire.windowed_key` writes it; the value is the
label, 0 or 1, as Kafka's ``IntegerSerializer`` writes it: 4 bytes, big-endian, signed.
"""

from __future__ import annotations

import struct

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key, split_windowed_key

__all__ = ["decode_target", "decode_target_key", "encode_target", "encode_target_key"]

_LABEL = struct.Struct(">i")


def encode_target_key(host: str, start_ms: int) -> bytes:
    """Return the key of a host's window.

    Examples
    --------
    >>> encode_target_key("web", 1_600_000_000_000).hex(" ")
    '77 65 62 00 00 01 74 87 6e 80 00'
    """
    return encode_windowed_key(host.encode(), start_ms)


def decode_target_key(data: bytes) -> tuple[str, int]:
    """Return the host, and the start of its window, milliseconds since the epoch.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_KEY` if it is cut, or the host is not in UTF-8.
    """
    inner, start_ms = split_windowed_key(data)
    try:
        return inner.decode(), start_ms
    except UnicodeDecodeError as error:
        detail = f"key has a host that is no UTF-8, {error.reason} at byte {error.start}"
        raise RefusedRecord(Reason.BAD_KEY, detail) from error


def encode_target(label: int) -> bytes:
    """Return the value of a label.

    Examples
    --------
    >>> encode_target(1).hex(" ")
    '00 00 00 01'
    """
    return _LABEL.pack(label)


def decode_target(data: bytes) -> int:
    """Return the label, 0 or 1.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_VALUE` if it is not 4 bytes, `Reason.BAD_LABEL` if it is another number.
    """
    if len(data) != _LABEL.size:
        raise RefusedRecord(Reason.BAD_VALUE, f"target has {len(data)} bytes, expected {_LABEL.size}")
    (label,) = _LABEL.unpack(data)
    if label not in (0, 1):
        raise RefusedRecord(Reason.BAD_LABEL, f"label is {label}, expected 0 or 1")
    return int(label)
