"""A snapshot: named parts of a state ↔ bytes, versioned and checked.

::

    b"PGSM" | version, 1 byte | CRC-32 of the rest, 4 bytes | number of parts, 2 bytes
    for each part: length of its name, 2 bytes | name, UTF-8 | length, 8 bytes | bytes

Numbers are big-endian. A part writes its own bytes; those whose state is plain data write JSON, in which
floats (NaN among them) come back bit by bit.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["pack", "read_state", "unpack", "write_state"]

_MAGIC = b"PGSM"
_VERSION = 1
_HEADER = struct.Struct(">4sBI")
_COUNT, _NAME_LENGTH, _LENGTH = struct.Struct(">H"), struct.Struct(">H"), struct.Struct(">Q")


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a snapshot, parts in the order given.

    Examples
    --------
    >>> unpack(pack({"store": b"abc", "model": b""}))
    {'store': b'abc', 'model': b''}
    """
    pieces = [_COUNT.pack(len(parts))]
    for name, data in parts.items():
        encoded = name.encode()
        pieces += [_NAME_LENGTH.pack(len(encoded)), encoded, _LENGTH.pack(len(data)), data]
    body = b"".join(pieces)
    return _HEADER.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the parts of a snapshot.

    Raises
    ------
    SnapshotError
        If the bytes are not a snapshot, of another version, or damaged.
    """
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise SnapshotError(f"no snapshot: {len(data)} bytes, beginning with {data[:4]!r}")
    _, version, checksum = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise SnapshotError(f"snapshot has version {version}, this release reads version {_VERSION}")
    if zlib.crc32(data[_HEADER.size :]) != checksum:
        raise SnapshotError(f"snapshot of {len(data)} bytes is damaged: its checksum does not fit")
    try:
        return _parts(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise SnapshotError(f"snapshot of {len(data)} bytes is damaged: {error}") from error


def _parts(data: bytes) -> dict[str, bytes]:
    """Parts of a snapshot whose checksum fits; whoever made it up can have that."""
    place = _HEADER.size

    def take(length: int) -> bytes:
        nonlocal place
        place += length
        if place > len(data):
            raise SnapshotError(f"snapshot of {len(data)} bytes is damaged: a part ends behind it")
        return data[place - length : place]

    (count,) = _COUNT.unpack(take(_COUNT.size))
    parts = {}
    for _ in range(count):
        name = take(*_NAME_LENGTH.unpack(take(_NAME_LENGTH.size))).decode()
        parts[name] = take(*_LENGTH.unpack(take(_LENGTH.size)))
    if len(parts) != count or place != len(data):
        raise SnapshotError(f"snapshot of {len(data)} bytes is damaged: a part comes twice, or more follows")
    return parts


def write_state(part: str, version: int, state: object) -> bytes:
    """Return plain data (lists, dicts with str keys, str, numbers, None) as the bytes of a part."""
    envelope = {"part": part, "version": version, "state": state}
    return json.dumps(envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_state(part: str, version: int, data: bytes) -> Any:
    """Return what `write_state` wrote.

    Raises
    ------
    SnapshotError
        If the bytes are of another part, another version, or not JSON.
    """
    try:
        envelope = json.loads(data)
        found = envelope["part"], envelope["version"]
        state = envelope["state"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"{len(data)} bytes are no state of {part!r}") from error
    if found != (part, version):
        raise SnapshotError(
            f"state is of {found[0]!r} version {found[1]!r}, expected {part!r} version {version}"
        )
    return state
