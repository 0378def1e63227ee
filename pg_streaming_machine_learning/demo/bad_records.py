"""Records no source can read: the demo sends a few, so that dead letters can be seen."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from pg_streaming_machine_learning.wire.framing import HEADER_BYTES

__all__ = ["BAD_RECORDS", "BadRecord", "bad_records"]

BAD_RECORDS = 10
"""How many kinds there are."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that the worker has to refuse.

    Parameters
    ----------
    what : str
        What is wrong with it, for people.
    key, value : bytes or None
        What is sent.
    """

    what: str
    key: bytes | None
    value: bytes | None


def bad_records(key: bytes, value: bytes) -> tuple[BadRecord, ...]:
    """Spoil a good record of labeled data in each of `BAD_RECORDS` ways.

    Parameters
    ----------
    key : bytes
        A windowed key: framed `FeatureKey`, then the window start.
    value : bytes
        A framed `LabeledFeature`.

    Returns
    -------
    tuple of BadRecord
        Always the same ones for the same record; none takes the worker long to refuse, so no
        unknown schema id is among them (those are asked for again for a while).
    """
    inner, start = key[:-8], key[-8:]
    off_grid = inner + struct.pack(">q", struct.unpack(">q", start)[0] + 1)
    infinite = value[:HEADER_BYTES] + struct.pack("<d", math.inf) + value[HEADER_BYTES + 8 :]
    return (
        BadRecord("no key", None, value),
        BadRecord("no value", key, None),
        BadRecord("an empty value", key, b""),
        BadRecord("text instead of Avro", key, b'{"host": "gateway", "label": 1}'),
        BadRecord("a value cut short", key, value[:-9]),
        BadRecord("a value with bytes left over", key, value + b"\x00"),
        BadRecord("a window start off the grid", off_grid, value),
        BadRecord("the key of a session window", inner + start + start, value),
        BadRecord("a label of 7", key, value[:-1] + b"\x0e"),
        BadRecord("an infinite minimum", key, infinite),
    )
