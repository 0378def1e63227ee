"""A JSON array of many elements, read piece by piece: whoever reads it can pause between two elements.

Strict where Python's parser is not: ``NaN`` and ``Infinity`` are no JSON (RFC 8259). Of a key that comes
twice the last one counts. A byte order mark at the beginning is passed over.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, NoReturn

from pg_streaming_machine_learning.errors import Reason, RefusedRecord

__all__ = ["PIECE_BYTES", "JsonElement", "has_utf8", "json_elements", "shown"]

PIECE_BYTES = 65_536
"""Decoded at a time; parsing as much takes about a millisecond."""

_LONGEST_ELEMENT = 524_288
"""Characters of one element, since it is parsed in one go."""

_LONGEST_INTEGER = 20
"""Characters; longer ones are read as floats, since reading them exactly takes time without bound."""

_LONGEST_SHOWN = 60
_NOT_BLANK = re.compile(r"[^ \t\n\r]")


class JsonElement(NamedTuple):
    """An element of an array: its value as `json` reads it, and its text as it was written."""

    value: Any
    text: str


def json_elements(data: bytes, piece_bytes: int = PIECE_BYTES) -> Iterator[JsonElement | None]:
    """Yield the elements of a JSON array; a single object is taken as an array of one.

    Parameters
    ----------
    data : bytes
        JSON text in UTF-8.
    piece_bytes : int
        How many are decoded at a time, at least 1.

    Yields
    ------
    JsonElement or None
        None after a piece of work that ended no element. Each step takes about a millisecond, one that
        ends an element of half a mebibyte up to 20.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_JSON` with the position in bytes, counted from 0: not UTF-8, no JSON, neither array nor
        object, nested too deeply. `Reason.TOO_LARGE` for an element of more than 524,288 characters.

    Examples
    --------
    >>> [each.value for each in json_elements(b'[{"id": 1}, 2.5]') if each]
    [{'id': 1}, 2.5]
    >>> [each.text for each in json_elements(b' {"id":  1} ') if each]
    ['{"id":  1}']
    """
    text = _Text(data, piece_bytes)
    opening = yield from text.character()
    if opening == "[":
        yield from _members(text)
    elif opening == "{":
        yield from _element(text)
    else:
        text.refuse(text.place, "expected an array or an object")
    if (yield from text.character()):
        text.refuse(text.place, "expected nothing more")


def has_utf8(text: str) -> bool:
    r"""Say whether text has a form in UTF-8: JSON can name halves of characters, which have none.

    Examples
    --------
    >>> has_utf8("é"), has_utf8("\ud800")
    (True, False)
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """Return a JSON value as an error message shows it.

    Examples
    --------
    >>> print(shown("web"), shown(None), shown([1, 2]), shown(1.5), shown("x" * 100), sep="; ")
    'web'; null; an array; 1.5; 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'...
    """
    if isinstance(value, str):
        return repr(value[:_LONGEST_SHOWN]) + ("..." if len(value) > _LONGEST_SHOWN else "")
    if isinstance(value, list):
        return "an array"
    if isinstance(value, dict):
        return "an object"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer)


class _Text:
    """Text of a record, decoded piece by piece; what has been read is forgotten.

    Parameters
    ----------
    data : bytes
        The whole record.
    piece_bytes : int
        How many of them are decoded at a time.

    Attributes
    ----------
    buffer, place : str and int
        What is decoded and not forgotten, and where in it reading has come to.
    """

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._data = memoryview(data)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._taken = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        self.piece_bytes = piece_bytes
        self.buffer = ""
        self.place = 0

    @property
    def at_end(self) -> bool:
        """Whether everything is decoded."""
        return self._taken >= len(self._data)

    def decode_more(self, size: int) -> None:
        """Forget what has been read, and decode as many bytes more."""
        pending = len(self._decoder.getstate()[0])
        piece = self._data[self._taken : self._taken + size]
        try:
            more = self._decoder.decode(piece, self._taken + size >= len(self._data))
        except UnicodeDecodeError as error:
            place = self._taken - pending + error.start
            raise RefusedRecord(Reason.BAD_JSON, f"byte {place}: no UTF-8, {error.reason}") from error
        self._taken = min(self._taken + size, len(self._data))
        self.buffer = self.buffer[self.place :] + more
        self.place = 0

    def character(self) -> Generator[None, None, str]:
        """Pass over blanks, and return the character they end at; empty at the end of the text."""
        while True:
            found = _NOT_BLANK.search(self.buffer, self.place)
            if found is not None:
                self.place = found.start()
                return found[0]
            self.place = len(self.buffer)
            if self.at_end:
                return ""
            self.decode_more(self.piece_bytes)
            yield None

    def refuse(self, place: int, detail: str, reason: Reason = Reason.BAD_JSON) -> NoReturn:
        """Refuse the record for what is at a place of the buffer."""
        pending = len(self._decoder.getstate()[0])
        byte = self._taken - pending - len(self.buffer[place:].encode())
        raise RefusedRecord(reason, f"byte {byte}: {detail}")


def _members(text: _Text) -> Generator[JsonElement | None, None, None]:
    """Yield the elements of an array, from its opening bracket to its closing one."""
    text.place += 1
    if (yield from text.character()) == "]":
        text.place += 1
        return
    while True:
        yield from _element(text)
        character = yield from text.character()
        if character == "]":
            text.place += 1
            return
        if character != ",":
            text.refuse(text.place, "expected a comma or the end of the array")
        text.place += 1


def _element(text: _Text) -> Generator[JsonElement | None, None, None]:
    """Yield the element that comes next."""
    yield from text.character()
    size = text.piece_bytes
    while True:
        start, length = text.place, len(text.buffer)
        place, problem, unterminated = start, "", False
        try:
            value, end = _DECODER.raw_decode(text.buffer, start)
        except json.JSONDecodeError as error:
            place, problem = error.pos, error.msg
            unterminated = place >= length or problem.startswith("Unterminated string")
        except RecursionError:
            text.refuse(start, "nested too deeply")
        except ValueError as error:
            text.refuse(start, f"in the element from here {error}")
        else:
            if end - start > _LONGEST_ELEMENT:
                break
            # A number at the very end of what is decoded may go on: 12, then .5e+3.
            if text.at_end or end + 3 < length:
                text.place = end
                yield JsonElement(value, text.buffer[start:end])
                return
        # What is no JSON may be JSON once there is more of it. Trying again costs little: sizes double.
        if text.at_end or length - start > _LONGEST_ELEMENT:
            if text.at_end or not unterminated:
                text.refuse(place, problem[:1].lower() + problem[1:])
            break
        text.decode_more(min(size, max(text.piece_bytes, _LONGEST_ELEMENT - (length - start))))
        size *= 2
        yield None
    text.refuse(
        text.place, f"an element is longer than {_LONGEST_ELEMENT} characters", reason=Reason.TOO_LARGE
    )
