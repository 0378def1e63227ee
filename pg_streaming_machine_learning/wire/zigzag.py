"""Avro's integers and texts, by hand: as fastavro writes them, and read only if they are written so.

An integer is doubled, a negative one complemented as well, so that the last bit is its sign; then come groups
of seven bits, the lowest first, with the eighth bit set where another follows (Avro 1.11, "Binary Encoding").
A text is its length in bytes, an integer, and its UTF-8.

What is rare is none of this module's business: it raises one of `IRREGULAR`, and its caller lets fastavro
decide, slowly, what the value is, or what is wrong with it.
"""

from __future__ import annotations

import struct

__all__ = ["IRREGULAR", "Irregular", "long_of", "raw_integer", "read_long", "text_bytes", "zigzag"]


class Irregular(ValueError):
    """Not what is read or written by hand; never leaves this package."""


IRREGULAR = (ValueError, LookupError, struct.error)
"""What irregular bytes and values raise: `Irregular`, an index past the end, a text that is no UTF-8."""

_SINGLE = tuple(bytes((number,)) for number in range(128))
_BITS = 64


def zigzag(value: int) -> bytes:
    """Return an integer as Avro writes it.

    Raises
    ------
    Irregular
        If it has more than 64 bits.

    Examples
    --------
    >>> [zigzag(value).hex() for value in (0, -1, 1, 64, 1_600_000_000_000)]
    ['00', '01', '02', '8001', '8080f4f6905d']
    """
    rest = value << 1 if value >= 0 else ~(value << 1)
    if rest < 0x80:
        return _SINGLE[rest]
    if rest < 0x4000:
        return bytes((rest & 0x7F | 0x80, rest >> 7))
    if rest < 0x20_0000:
        return bytes((rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14))
    if rest >> _BITS:
        raise Irregular(f"{value} has more than {_BITS} bits")
    groups = bytearray()
    while rest > 0x7F:
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    groups.append(rest)
    return bytes(groups)


def text_bytes(text: str) -> bytes:
    """Return a text as Avro writes it.

    Raises
    ------
    UnicodeEncodeError
        If it has no form in UTF-8.

    Examples
    --------
    >>> text_bytes("web").hex(" ")
    '06 77 65 62'
    """
    data = text.encode()
    return zigzag(len(data)) + data


def raw_integer(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Return an integer of several bytes, still with its sign in the last bit, and where it ends.

    Parameters
    ----------
    data : bytes
        What is read.
    at : int
        Where its second byte is.
    first : int
        Its first byte, 128 or more.

    Raises
    ------
    Irregular
        If it is longer than it has to be, or than nine bytes.
    IndexError
        If it is cut.
    """
    raw = first & 0x7F
    shift = 7
    while True:
        byte = data[at]
        at += 1
        if byte < 0x80:
            break
        raw |= (byte & 0x7F) << shift
        shift += 7
    if byte == 0 or shift > 56:
        raise Irregular("an integer is longer than it has to be")
    return raw | byte << shift, at


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place, and where it ends.

    Raises
    ------
    Irregular, IndexError
        See `raw_integer`.
    """
    raw = data[at]
    at += 1
    if raw > 0x7F:
        raw, at = raw_integer(data, at, raw)
    return raw >> 1 ^ -(raw & 1), at


def long_of(data: bytes) -> int:
    """Return the integer that bytes are.

    Raises
    ------
    Irregular, IndexError
        See `raw_integer`; also if something follows.

    Examples
    --------
    >>> long_of(bytes.fromhex("8080f4f6905d"))
    1600000000000
    """
    value, end = read_long(data, 0)
    if end != len(data):
        raise Irregular("something follows the integer")
    return value
