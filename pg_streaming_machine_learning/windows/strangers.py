"""Hosts that have durations and no metrics: most often the same host under two names."""

from __future__ import annotations

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.windows.store import ClosedWindow

__all__ = ["Strangers"]

_MOST_HOSTS = 100_000
"""Remembered at most; beyond that a host may be named that is none."""


class Strangers:
    """Which hosts are known by their metrics, and how many durations belong to others.

    Parameters
    ----------
    hop_ms : int
        Distance of windows, milliseconds: a duration lies in several, and is counted in the last.

    Attributes
    ----------
    spans : int
        Durations of hosts that no metric was known of when their window closed.
    """

    def __init__(self, hop_ms: int) -> None:
        self.spans = 0
        self._hop_ms = hop_ms
        self._known: set[str] = set()
        self._found: set[str] = set()
        self._named: set[str] = set()

    def note(self, closed: ClosedWindow) -> None:
        """Take in a closed window."""
        host = closed.host
        if closed.revisions:
            if len(self._known) < _MOST_HOSTS:
                self._known.add(host)
            self._found.discard(host)
        elif closed.durations and host not in self._known:
            end_ms = closed.window.start_ms + self._hop_ms
            self.spans += int((closed.durations.starts_ms < end_ms).sum())
            if host not in self._named and len(self._found) < _MOST_HOSTS:
                self._found.add(host)

    def take(self) -> list[str]:
        """Return the strangers that were not returned before, sorted."""
        found = sorted(self._found)
        if len(self._named) < _MOST_HOSTS:
            self._named.update(found)
        self._found.clear()
        return found

    def snapshot(self) -> bytes:
        """Return the state as bytes, without who was named: a new worker may name them again."""
        return write_state("strangers", 1, {"known": sorted(self._known), "spans": self.spans})

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no such state.
        """
        state = read_state("strangers", 1, data)
        try:
            self._known, self.spans = set(map(str, state["known"])), int(state["spans"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("state of the strangers is incomplete") from error
        self._found, self._named = set(), set()
