"""Influx line protocol: a message of many lines → points, one bad line at a time.

A line is ``measurement[,tag=value...] field=value[,field=value...] [timestamp]``. Names and tag values
escape commas, spaces and, but for the measurement, equals signs with a backslash; a backslash before anything
else is itself. Strings are in double quotes, escape quotes and backslashes, and may hold newlines.

Most lines have neither backslash nor quote and are split; the others, and those that are wrong, are scanned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["LONGEST_LINE_BYTES", "BadLine", "Line", "Value", "parse_lines"]

LONGEST_LINE_BYTES = 65_536
"""Longer lines are bad: parsing one must not hold up the event loop."""

Value = bool | int | float | str
"""Of a field; a float may be NaN or infinite, if that is what is written."""

_MOST_SKIPPED = 500
"""Comments and blank lines in one go."""

_INTEGERS = (-(2**63), 2**63 - 1)
_UNSIGNED = (0, 2**64 - 1)
_BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_SHOWN = 40
_COMMA, _EQUALS, _QUOTE = b",", b"=", b'"'

# Tokens: each matches as much as it can, if only nothing, so that none is ever tried twice.
_MEASUREMENT = re.compile(rb"(?:[^\\, \n]+|\\[, ]|\\)*")
_NAME = re.compile(rb"(?:[^\\,= \n]+|\\[,= ]|\\)*")
_WORD = re.compile(rb"[^, \r\n]*")
_IN_QUOTES = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SPACES = re.compile(rb" *")
_END = re.compile(rb" *\r?(?=\n|\Z)")
_REST = re.compile(rb"[^\r\n]*")

_ESCAPED_IN_MEASUREMENT = re.compile(r"\\([, ])")
_ESCAPED_IN_NAME = re.compile(r"\\([,= ])")
_ESCAPED_IN_STRING = re.compile(r'\\(["\\])')

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:nan|inf|infinity))")
_STAMP = re.compile(r"-?[0-9]+")


class Line(NamedTuple):
    """A point.

    Parameters
    ----------
    number : int
        Of the physical line it begins on, from 1.
    value : bytes
        The line untouched, without the newline behind it.
    measurement : str
        Not empty.
    tags : dict of str to str
        Neither names nor values are empty.
    fields : dict of str to bool, int, float or str
        At least one.
    timestamp : int or None
        As it is written, None if it is not.
    """

    number: int
    value: bytes
    measurement: str
    tags: dict[str, str]
    fields: dict[str, Value]
    timestamp: int | None


class BadLine(NamedTuple):
    """A line that is none.

    Parameters
    ----------
    number : int
        Of the physical line, from 1.
    value : bytes
        The physical line untouched, without the newline behind it.
    why : str
        What was found, what was expected.
    """

    number: int
    value: bytes
    why: str


def parse_lines(data: bytes) -> Iterator[Line | BadLine | None]:
    r"""Yield the points and the bad lines of a message, in their order; comments and blank lines are skipped.

    Parameters
    ----------
    data : bytes
        UTF-8, lines ended by ``\n`` or ``\r\n``; the last may lack it.

    Yields
    ------
    Line, BadLine or None
        None after many lines that were skipped.

    Notes
    -----
    Behind a bad line it goes on at the next newline, even where that lies within what was meant as a string:
    a quote too many costs its own line alone.

    Examples
    --------
    >>> for line in parse_lines(b"mem,host=web used=7i 5\nmem,host= used=7i\n"):
    ...     print(line[2:])
    ('mem', {'host': 'web'}, {'used': 7}, 5)
    ("tag 'host' has no value",)
    """
    start, number, skipped = 0, 1, 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        value = data[start:end]
        if _says_nothing(value):
            skipped += 1
            if skipped % _MOST_SKIPPED == 0:
                yield None
            start, number = end + 1, number + 1
            continue
        found = _split(number, value) or _scan(data, start, end, number)
        yield found
        start += len(found.value) + 1
        number += 1 if len(found.value) == len(value) else 1 + found.value.count(b"\n")


def _says_nothing(value: bytes) -> bool:
    if value[:1] > b"#":
        return False  # at once: nearly every line is one
    begin = value.lstrip(b" \t\r")
    return not begin or begin.startswith(b"#")


def _split(number: int, value: bytes) -> Line | None:
    """Return the point of a line that needs no scanning, None if it does, or is wrong."""
    if len(value) > LONGEST_LINE_BYTES or b'"' in value or b"\\" in value or not value.isascii():
        return None
    text = value.decode("ascii").removesuffix("\r")
    if not text.isprintable():
        return None
    head, _, rest = text.partition(" ")
    body, _, stamp = rest.partition(" ")
    measurement, *pairs = head.split(",")
    tags: dict[str, str] = {}
    for pair in pairs:
        name, _, tag = pair.partition("=")
        if not name or not tag or "=" in tag:
            return None
        tags[name] = tag
    if not measurement or len(tags) != len(pairs):
        return None
    fields: dict[str, Value] = {}
    pairs = body.split(",")
    try:
        for pair in pairs:
            name, _, word = pair.partition("=")
            kind = word[-1:]
            # Of what is printable ASCII, float and int take what we do, and underscores.
            if "_" in word:
                return None
            if kind in "0123456789":
                fields[name] = float(word)
            elif kind == "i":
                fields[name] = _within(int(word[:-1]), _INTEGERS)
            else:
                fields[name] = _scalar(word)
        timestamp = _timestamp(stamp) if stamp else None
    except ValueError:
        return None
    if len(fields) != len(pairs) or "" in fields:
        return None
    return Line(number, value, measurement, tags, fields, timestamp)


def _scalar(word: str) -> Value:
    """Return the value of a field that is not a string; raise ValueError if it is none."""
    kind = word[-1:]
    if kind == "i" and _INTEGER.fullmatch(word, 0, len(word) - 1):
        return _within(int(word[:-1]), _INTEGERS)
    if kind == "u" and _INTEGER.fullmatch(word, 0, len(word) - 1):
        return _within(int(word[:-1]), _UNSIGNED)
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if _FLOAT.fullmatch(word):
        return float(word)
    raise ValueError


def _timestamp(word: str) -> int:
    if not _STAMP.fullmatch(word):
        raise ValueError
    return _within(int(word), _INTEGERS)


def _within(number: int, limits: tuple[int, int]) -> int:
    if not limits[0] <= number <= limits[1]:
        raise ValueError
    return number


def _scan(data: bytes, start: int, end: int, number: int) -> Line | BadLine:
    """Return the point that begins at a place, or why there is none; ``end`` is that of the physical line."""
    try:
        if end - start > LONGEST_LINE_BYTES:
            raise _Wrong(f"it has {end - start} bytes, expected at most {LONGEST_LINE_BYTES}")
        scan = _Scan(data, start)
        measurement, tags = scan.series()
        fields = scan.fields()
        timestamp = scan.timestamp()
        return Line(number, data[start : scan.place], measurement, tags, fields, timestamp)
    except _Wrong as wrong:
        return BadLine(number, data[start:end], str(wrong))


class _Wrong(Exception):
    """Says why a line is bad; never leaves this module."""


class _Scan:
    """A walk over one line, from token to token."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        # One more: a line that ends there has its newline in sight.
        self._stop = min(len(data), start + LONGEST_LINE_BYTES + 1)
        self.place = start
        while self._next() in (b" ", b"\t"):
            self.place += 1

    def series(self) -> tuple[str, dict[str, str]]:
        measurement = _ESCAPED_IN_MEASUREMENT.sub(r"\1", self._take(_MEASUREMENT))
        if not measurement:
            raise _Wrong("measurement is empty")
        tags: dict[str, str] = {}
        while self._skip(_COMMA):
            name = self._name("tag")
            if name in tags:
                raise _Wrong(f"tag {_shown(name)} comes twice")
            tag = self._take(_NAME) if self._skip(_EQUALS) else ""
            if not tag:
                raise _Wrong(f"tag {_shown(name)} has no value")
            if self._next() == _EQUALS:
                raise _Wrong(f"tag {_shown(name)} has an equals sign without a backslash in its value")
            tags[name] = _ESCAPED_IN_NAME.sub(r"\1", tag)
        return measurement, tags

    def fields(self) -> dict[str, Value]:
        if not self._take(_SPACES) or _END.match(self._data, self.place, self._stop):
            raise _Wrong("fields are missing")
        fields: dict[str, Value] = {}
        while not fields or self._skip(_COMMA):
            name = self._name("field")
            if name in fields:
                raise _Wrong(f"field {_shown(name)} comes twice")
            if not self._skip(_EQUALS):
                raise _Wrong(f"field {_shown(name)} has no value")
            fields[name] = self._string(name) if self._skip(_QUOTE) else self._word(name)
        return fields

    def timestamp(self) -> int | None:
        spaces = self._take(_SPACES)
        if self._at_end():
            return None
        word = self._take(_WORD)
        try:
            timestamp = _timestamp(word) if spaces else None
        except ValueError:
            timestamp = None
        if timestamp is None:
            raise _Wrong(f"timestamp is {_shown(word)}, expected an integer of 64 bits behind a space")
        if not self._at_end():
            raise _Wrong(f"{_shown(self._take(_REST).strip())} follows the timestamp")
        return timestamp

    def _name(self, kind: str) -> str:
        name = _ESCAPED_IN_NAME.sub(r"\1", self._take(_NAME))
        if not name:
            raise _Wrong(f"name of a {kind} is empty")
        return name

    def _string(self, name: str) -> str:
        text = self._take(_IN_QUOTES)
        if not self._skip(_QUOTE):
            raise _Wrong(f"field {_shown(name)} has no closing quote")
        return _ESCAPED_IN_STRING.sub(r"\1", text)

    def _word(self, name: str) -> Value:
        word = self._take(_WORD)
        try:
            return _scalar(word)
        except ValueError:
            raise _Wrong(
                f"field {_shown(name)} is {_shown(word)}, "
                "expected a number, an integer ending in i or u, a boolean, or a string in quotes"
            ) from None

    def _at_end(self) -> bool:
        """Step to the end of the line, if only spaces are left of it."""
        found = _END.match(self._data, self.place, self._stop)
        if found is None:
            return False
        if found.end() == self._stop < len(self._data):
            raise _Wrong(f"it has more than {LONGEST_LINE_BYTES} bytes")
        self.place = found.end()
        return True

    def _take(self, token: re.Pattern[bytes]) -> str:
        found = token.match(self._data, self.place, self._stop)
        if found is None:
            raise _Wrong("it is no line")
        self.place = found.end()
        try:
            return found.group().decode()
        except UnicodeDecodeError:
            raise _Wrong("it is not UTF-8") from None

    def _skip(self, byte: bytes) -> bool:
        if self._next() != byte:
            return False
        self.place += 1
        return True

    def _next(self) -> bytes:
        return self._data[self.place : min(self.place + 1, self._stop)]


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
