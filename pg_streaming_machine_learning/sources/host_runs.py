"""Entries of a record, gathered into runs of one host."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["MOST_ENTRIES", "HostRuns"]

MOST_ENTRIES = 500
"""Of one update."""

_Entry = TypeVar("_Entry")


class HostRuns(Generic[_Entry]):
    """Gathers entries that follow each other and are of the same host, at most 500 together.

    Examples
    --------
    >>> runs = HostRuns[int]()
    >>> [runs.add(host, entry) for host, entry in [("a", 1), ("a", 2), ("b", 3)]], runs.end()
    ([None, None, ('a', (1, 2))], ('b', (3,)))
    """

    def __init__(self) -> None:
        self._host = ""
        self._entries: list[_Entry] = []

    def add(self, host: str, entry: _Entry) -> tuple[str, tuple[_Entry, ...]] | None:
        """Take an entry; return the run before it if the entry does not belong to it."""
        ended = None
        if self._entries and (host != self._host or len(self._entries) >= MOST_ENTRIES):
            ended = self.end()
        self._host = host
        self._entries.append(entry)
        return ended

    def end(self) -> tuple[str, tuple[_Entry, ...]] | None:
        """Return the last run, None if there is none."""
        if not self._entries:
            return None
        ended = (self._host, tuple(self._entries))
        self._entries = []
        return ended
