"""Small records of the state topic: named fields as JSON, checked when they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["is_count", "is_counted", "is_figures", "is_text", "is_texts", "read_fields", "write_fields"]

_MOST = 2**63


def is_count(value: object) -> bool:
    """Whether a value is an offset, a number of things, or a time."""
    return type(value) is int and 0 <= value < _MOST


def is_counted(value: object) -> bool:
    """Whether a value is that, or there is none."""
    return value is None or is_count(value)


def is_text(value: object) -> bool:
    """Whether a value is text that can be printed anywhere UTF-8 can."""
    return type(value) is str and not any("\ud800" <= character <= "\udfff" for character in value)


def is_texts(value: object) -> bool:
    """Whether a value is texts by name."""
    return type(value) is dict and all(map(is_text, (*value, *value.values())))


def is_figures(value: object) -> bool:
    """Whether a value is finite numbers by name."""
    return (
        type(value) is dict
        and all(map(is_text, value))
        and all(type(each) in (int, float) and abs(each) < _MOST for each in value.values())
    )


def write_fields(version: int, fields: Mapping[str, Any]) -> bytes:
    """Return fields as bytes; the same fields give the same bytes.

    Examples
    --------
    >>> write_fields(1, {"offset": 7, "event_ms": None})
    b'{"event_ms":null,"offset":7,"version":1}'
    """
    values = {**fields, "version": version}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read_fields(
    data: bytes, what: str, version: int, kinds: Mapping[str, Callable[[object], bool]]
) -> dict[str, Any]:
    """Return the fields that `write_fields` wrote, without the version.

    Parameters
    ----------
    data : bytes
        What it wrote.
    what : str
        What they are, for the message.
    version : int
        The version that can be read.
    kinds : mapping of str to callable
        Which fields there have to be → whether a value can be one.

    Raises
    ------
    SnapshotError
        If the bytes are something else.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{len(data)} bytes are no {what}") from error
    if type(found) is not dict or "version" not in found:
        raise SnapshotError(f"{len(data)} bytes are no {what}")
    if (known := found.pop("version")) != version:
        raise SnapshotError(f"{what} has version {known!r}, this release reads version {version}")
    if found.keys() != kinds.keys():
        raise SnapshotError(f"{what} has the fields {sorted(found)}, expected {sorted(kinds)}")
    for name, is_kind in kinds.items():
        if not is_kind(found[name]):
            raise SnapshotError(f"{what} has the {name} {found[name]!r:.100}, which cannot be")
    return found
