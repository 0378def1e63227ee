"""The Confluent wire format: a magic byte, the schema's id, the Avro body."""

from __future__ import annotations

import struct

from pg_streaming_machine_learning.errors import Reason, RefusedRecord

__all__ = ["HEADER_BYTES", "frame", "unframe"]

HEADER_BYTES = 5
"""Bytes before the body: the magic byte 0, and the schema id, 4 bytes, big-endian."""

_HEADER = struct.Struct(">BI")


def frame(schema_id: int, body: bytes) -> bytes:
    r"""Put the header before an Avro body.

    Examples
    --------
    >>> frame(258, b"body")
    b'\x00\x00\x00\x01\x02body'
    """
    return _HEADER.pack(0, schema_id) + body


def unframe(data: bytes) -> tuple[int, bytes]:
    r"""Return the schema id and the Avro body of framed bytes.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_FRAMING` if there is no header.

    Examples
    --------
    >>> unframe(b"\x00\x00\x00\x01\x02body")
    (258, b'body')
    """
    if len(data) < HEADER_BYTES:
        raise RefusedRecord(
            Reason.BAD_FRAMING, f"{len(data)} bytes, expected at least {HEADER_BYTES} (magic byte, schema id)"
        )
    magic, schema_id = _HEADER.unpack_from(data)
    if magic != 0:
        raise RefusedRecord(
            Reason.BAD_FRAMING,
            f"begins with byte {magic:#04x}, expected 0x00, the magic byte of the Confluent wire format",
        )
    return schema_id, data[HEADER_BYTES:]
