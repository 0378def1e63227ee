"""The refused parts of one record: the first are dead letters of their own, the rest one together."""

from __future__ import annotations

from collections.abc import Callable

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.sources.source import RefusedPart

__all__ = ["MOST_REFUSED_PARTS", "Refusals", "as_json_array"]

MOST_REFUSED_PARTS = 100
"""Of one record, that become dead letters of their own."""


class Refusals:
    """Counts the refused parts of a record, so that one record does not become 100,000 dead letters.

    Parameters
    ----------
    parts_name : str
        What the parts are, in the plural, such as ``spans``.
    join : callable
        Makes one value of the values of several parts.

    Examples
    --------
    >>> from pg_streaming_machine_learning.errors import Reason
    >>> refusals = Refusals("spans", as_json_array)
    >>> refused = RefusedRecord(Reason.BAD_HOST, "span 1: it has no host")
    >>> parts = [refusals.add(refused, b"{}") for _ in range(102)]
    >>> sum(part is not None for part in parts), refusals.rest()
    (100, RefusedPart(refused=RefusedRecord('bad-host: 2 more spans, the first: span 1: it has no host'),
                      value=b'[{},{}]'))
    """

    def __init__(self, parts_name: str, join: Callable[[list[bytes]], bytes]) -> None:
        self._parts_name = parts_name
        self._join = join
        self._refused = 0
        self._first_of_rest: RefusedRecord | None = None
        self._rest: list[bytes] = []

    def add(self, refused: RefusedRecord, value: bytes) -> RefusedPart | None:
        """Return the part if it is to be a dead letter of its own, else keep it for `rest`."""
        self._refused += 1
        if self._refused <= MOST_REFUSED_PARTS:
            return RefusedPart(refused, value)
        if self._first_of_rest is None:
            self._first_of_rest = refused
        self._rest.append(value)
        return None

    def rest(self) -> RefusedPart | None:
        """Return all further parts as one, None if there are none."""
        first = self._first_of_rest
        if first is None:
            return None
        detail = f"{len(self._rest)} more {self._parts_name}, the first: {first.detail}"
        return RefusedPart(RefusedRecord(first.reason, detail), self._join(self._rest))


def as_json_array(values: list[bytes]) -> bytes:
    """Return values that are JSON as one JSON array."""
    return b"[" + b",".join(values) + b"]"
