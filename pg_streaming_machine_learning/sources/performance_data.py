"""Performance data of Nagios plug-ins: ``'label'=value[UOM];[warn];[crit];[min];[max]``, several by blanks.

References
----------
Nagios Plugin Development Guidelines, "Performance data",
https://nagios-plugins.org/doc/guidelines.html#AEN200.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from pg_streaming_machine_learning.errors import Reason, RefusedRecord

__all__ = ["PerformanceValue", "factor_to", "parse_performance_data"]

_MOST_CHARACTERS = 8_192
"""Of the performance data of one service: what Nagios Core 4 takes from a plug-in at most."""

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_VALUE = re.compile(
    rf"""
    (?: '(?P<quoted>(?:[^']|'')*)' | (?P<plain>[^\s='][^\s=']*) )
    = (?P<value>{_NUMBER}|U)
    (?P<unit>(?:[^\s;\d][^\s;]*)?)
    (?P<rest>(?:;[^\s;]*)*)
    (?=\s|\Z)
    """,
    re.ASCII | re.VERBOSE,
)
_BLANKS = re.compile(r"\s*")
_A_NUMBER = re.compile(_NUMBER, re.ASCII)


class PerformanceValue(NamedTuple):
    """One value of performance data.

    Parameters
    ----------
    label : str
        Without its quotes.
    value : float or None
        None if the plug-in could not tell (``U``).
    unit : str
        Unit of measurement as it was written; empty if there is none.
    warning, critical : str
        Ranges, as they were written.
    minimum, maximum : float or None
        Least and greatest value there can be.
    """

    label: str
    value: float | None
    unit: str
    warning: str = ""
    critical: str = ""
    minimum: float | None = None
    maximum: float | None = None


def parse_performance_data(text: str) -> list[PerformanceValue]:
    """Return the values of performance data, in their order.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_VALUE` with the place of the first that does not follow the grammar.

    Examples
    --------
    >>> for value in parse_performance_data("'percent'=28.10%;;; '5 o''clock'=U in=2Mb/s;50;@60:;0;100"):
    ...     print(value.label, value.value, value.unit, value.critical, value.maximum)
    percent 28.1 %  None
    5 o'clock None   None
    in 2.0 Mb/s @60: 100.0
    """
    if len(text) > _MOST_CHARACTERS:
        raise RefusedRecord(
            Reason.BAD_VALUE,
            f"performance data has {len(text)} characters, expected at most {_MOST_CHARACTERS}",
        )
    values = []
    place = _after_blanks(text, 0)
    while place < len(text):
        found = _VALUE.match(text, place)
        if found is None:
            raise RefusedRecord(
                Reason.BAD_VALUE,
                f"performance data at character {place} is {text[place : place + 40]!r}, "
                "expected 'label'=value[UOM];warn;crit;min;max",
            )
        values.append(_value(found))
        place = _after_blanks(text, found.end())
    return values


def factor_to(unit: str, written: str) -> float | None:
    """Return by what a value is multiplied to come from a plug-in's unit to one of ours.

    Parameters
    ----------
    unit : str
        A symbol of `records.trace.TraceUnit`.
    written : str
        Unit of measurement of a plug-in. None at all stands for ours. ``KB`` is 1000 bytes and ``KiB`` 1024;
        ``b`` is a bit; case of the prefix does not matter.

    Returns
    -------
    float or None
        None if one does not become the other.

    Examples
    --------
    >>> factor_to("BYTES_PER_SECOND", "Mb/s"), factor_to("MILLISECONDS", "s"), factor_to("PERCENT", "ms")
    (125000.0, 1000.0, None)
    """
    if not written or unit == "UNKNOWN":
        return 1.0
    ours, theirs = _OURS.get(unit), _theirs(written)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return None
    return theirs[1] / ours[1]


_OURS: dict[str, tuple[str, float]] = {
    "PERCENT": ("share", 1.0),
    "MILLISECONDS": ("time", 1e6),
    "SECONDS": ("time", 1e9),
    "BYTES": ("size", 1.0),
    "KILOBYTES": ("size", 1e3),
    "MEGABYTES": ("size", 1e6),
    "BYTES_PER_SECOND": ("rate", 1.0),
    "KILOBYTES_PER_SECOND": ("rate", 1e3),
    "MEGABYTES_PER_SECOND": ("rate", 1e6),
}
"""What our units measure, and in how many nanoseconds or bytes."""

_TIMES = {"ns": 1.0, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9}
_SIZE = re.compile(r"(?P<prefix>[kmgtp]|)(?P<binary>i|)(?P<byte>B|b)(?P<rate>/s|ps|)", re.IGNORECASE)
_PREFIXES = ["", "k", "m", "g", "t", "p"]


def _theirs(written: str) -> tuple[str, float] | None:
    """Return what a unit of a plug-in measures, and in how many nanoseconds or bytes."""
    if written == "%":
        return "share", 1.0
    if written in _TIMES:
        return "time", _TIMES[written]
    found = _SIZE.fullmatch(written)
    if found is None or (found["binary"] and not found["prefix"]):
        return None
    power = _PREFIXES.index(found["prefix"].lower())
    size = float((1024 if found["binary"] else 1000) ** power)
    return "rate" if found["rate"] else "size", size if found["byte"] == "B" else size / 8


def _value(found: re.Match[str]) -> PerformanceValue:
    """Return the value of a match of the grammar."""
    label = found["plain"] if found["quoted"] is None else found["quoted"].replace("''", "'")
    value = None if found["value"] == "U" else float(found["value"])
    if value is not None and not math.isfinite(value):
        raise RefusedRecord(
            Reason.BAD_VALUE,
            f"performance data {label[:60]!r} is {found['value'][:40]}, too great for a number",
        )
    warning, critical, minimum, maximum = (found["rest"].split(";")[1:5] + [""] * 4)[:4]
    return PerformanceValue(
        label, value, found["unit"], warning, critical, _number_or_none(minimum), _number_or_none(maximum)
    )


def _number_or_none(text: str) -> float | None:
    """Return a number; None for none and for what is not one, since nothing depends on it."""
    return float(text) if _A_NUMBER.fullmatch(text) else None


def _after_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return place if found is None else found.end()
