"""The file of objectives, in TOML.

::

    [default]                 # without it: any span above 1 s is slow
    slower_than = "800ms"     # a duration with its unit: us, ms, s, m
    rule = "p99"              # any, or p50 to p99.9
    least = 20                # spans that a percentile needs; with fewer the label is 0
    errors_are_slow = false

    [[objective]]             # the first that is about host and service counts
    host = "web-*"
    service = "checkout"
    slower_than = "1.2s"      # what an objective leaves out is as in [default]

``preset = "jvm"`` in ``[default]``, and nothing else there, asks for the rule of the JVM job: any span above
1000 µs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.labels.objectives import (
    Objectives,
    SpanObjective,
    duration_in_us,
    percent_of_rule,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

__all__ = ["read_objectives"]

_MOST_CHARACTERS = 100_000
_JVM = SpanObjective(slower_than_us=1000.0)
_ERROR_LINE = re.compile(r"\(at line (\d+), column \d+\)")

_Path = tuple[str | int, ...]


def read_objectives(text: str, name: str) -> Objectives:
    """Return the objectives of a file.

    Parameters
    ----------
    text : str
        What is in the file; an empty one gives `Objectives.default`.
    name : str
        Its name, for messages.

    Raises
    ------
    SettingsError
        With file, line, key, value and what was expected, for the first mistake.

    Examples
    --------
    >>> text = '''
    ... [default]
    ... slower_than = "800ms"
    ... [[objective]]
    ... host = "web-*"
    ... rule = "p99"
    ... '''
    >>> read_objectives(text, "objectives.toml").describe()
    '[["web-*","*",800000.0,"p99",20,false],["*","*",800000.0,"any",null,false]]'
    """
    return _File(text, name).objectives()


class _File:
    """The text of a file, and where in it is what."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.split("\n")
        self._name = name
        if len(text) > _MOST_CHARACTERS:
            self._refuse_line(1, f"{len(text)} characters, expected at most {_MOST_CHARACTERS}")
        try:
            self._found: dict[str, Any] = tomllib.loads(text)
        except RecursionError:
            self._refuse_line(1, "values nested too deeply, expected TOML")
        except ValueError as error:
            where = _ERROR_LINE.search(str(error))
            line = int(where[1]) if where else len(self._lines)
            self._refuse_line(line, f"{_ERROR_LINE.sub('', str(error)).strip()}, expected TOML")

    def objectives(self) -> Objectives:
        """Return the objectives, or refuse the first mistake."""
        for key in self._found:
            if key not in ("default", "objective"):
                self._refuse((key,), f"{_shown(key)} is unknown, expected [default] or [[objective]]")
        default = self._default(self._found.get("default", {}))
        entries = self._found.get("objective", [])
        if not isinstance(entries, list):
            self._refuse(("objective",), "objective is one table, expected [[objective]] in two brackets")
        return Objectives([self._objective(each, n, default) for n, each in enumerate(entries)], default)

    def _default(self, found: object) -> SpanObjective:
        path: _Path = ("default",)
        if not isinstance(found, dict):
            self._refuse(path, f"default is {_shown(found)}, expected a table, [default]")
        if "preset" not in found:
            return SpanObjective(**self._values(found, path, _VALUES, "preset"))
        if found["preset"] != "jvm":
            self._refuse((*path, "preset"), f"preset is {_shown(found['preset'])}, expected 'jvm'")
        for key in found:
            if key != "preset":
                self._refuse((*path, key), f"{key} is given beside preset, expected preset alone")
        return _JVM

    def _objective(self, found: object, number: int, default: SpanObjective) -> SpanObjective:
        path: _Path = ("objective", number)
        if not isinstance(found, dict):
            self._refuse(path, f"objective is {_shown(found)}, expected a table, [[objective]]")
        values = self._values(found, path, {**_PATTERNS, **_VALUES})
        if not values.keys() & _FIELDS_OF_PATTERNS:
            self._refuse(path, "objective has neither host nor service, expected one of them, or both")
        inherited = {field: getattr(default, field) for field, _, _ in _VALUES.values()}
        return SpanObjective(**{**inherited, **values})

    def _values(
        self, found: Mapping[str, Any], path: _Path, known: Mapping[str, _Known], *more: str
    ) -> dict[str, Any]:
        """Return the checked values of a table, by the names of the fields of `SpanObjective`."""
        values = {}
        for key, value in found.items():
            if key not in known:
                self._refuse((*path, key), f"{_shown(key)} is unknown, expected {', '.join([*known, *more])}")
            field, read, expected = known[key]
            try:
                values[field] = read(value)
            except (TypeError, ValueError):
                self._refuse((*path, key), f"{key} is {_shown(value)}, expected {expected}")
        return values

    def _refuse(self, path: Sequence[str | int], problem: str) -> NoReturn:
        self._refuse_line(self._line_of(path), problem)

    def _refuse_line(self, line: int, problem: str) -> NoReturn:
        raise SettingsError(f"{self._name}, line {line}: {problem}") from None

    def _line_of(self, path: Sequence[str | int]) -> int:
        """Return the line that ends what is at a path: the first with which the text up to it has that.

        The parser does not tell. Text that ends within a value of several lines is passed over.
        """
        low, high, best = 1, len(self._lines), len(self._lines)
        while low < high:
            middle = (low + high) // 2
            line = middle
            while line < high and (has_it := self._has(line, path)) is None:
                line += 1
            if line == high:
                high = middle
            elif has_it:
                high, best = middle, line
            else:
                low = line + 1
        return best

    def _has(self, lines: int, path: Sequence[str | int]) -> bool | None:
        """Say whether the first lines have something at a path, None if they are no TOML."""
        try:
            found: Any = tomllib.loads("\n".join([*self._lines[:lines], ""]))
        except ValueError:
            return None
        try:
            for step in path:
                found = found[step]
        except (LookupError, TypeError):
            return False
        return True


_Known = tuple[str, Callable[[Any], Any], str]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def _rule(value: object) -> str:
    rule = _text(value)
    percent_of_rule(rule)
    return rule


def _least(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 1_000_000:
        raise ValueError("no such number")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _shown(value: object) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:60]}..."


_PATTERNS: Mapping[str, _Known] = {
    "host": ("host", _text, 'text, a name or pattern such as "web-*"'),
    "service": ("service", _text, 'text, a name or pattern such as "checkout"'),
}
_VALUES: Mapping[str, _Known] = {
    "slower_than": (
        "slower_than_us",
        lambda value: duration_in_us(_text(value)),
        'a duration with its unit (us, ms, s or m), more than 0, at most a day, such as "800ms"',
    ),
    "rule": ("rule", _rule, '"any", or "p50" to "p99.9"'),
    "least": ("least", _least, "a whole number of spans from 1 to 1000000"),
    "errors_are_slow": ("errors_are_slow", _boolean, "true or false"),
}
_FIELDS_OF_PATTERNS = {field for field, _, _ in _PATTERNS.values()}
