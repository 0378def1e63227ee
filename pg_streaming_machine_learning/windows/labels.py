"""Labels sent for windows by themselves, until the window closes."""

from __future__ import annotations

from collections.abc import Mapping

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state
from pg_streaming_machine_learning.records.update import LabelUpdate

__all__ = ["LabelStore"]


class LabelStore:
    """The last label of each open window of a host, by topic.

    Examples
    --------
    >>> from pg_streaming_machine_learning.records.update import SourcePlace
    >>> store = LabelStore()
    >>> for offset, label in enumerate((1, 0)):
    ...     store.add(LabelUpdate(SourcePlace("pg-streaming-targets", 0, offset), "web", 60_000, label))
    >>> store.take("web", 60_000), store.take("web", 60_000)
    ({'pg-streaming-targets': 0}, {})
    """

    def __init__(self) -> None:
        self._windows: dict[tuple[int, str], dict[str, int]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._windows

    def add(self, update: LabelUpdate) -> None:
        """Take in a label; it replaces the one of the same host, window and topic."""
        labels = self._windows.setdefault((update.window_start_ms, update.host), {})
        labels[update.place.topic] = update.label

    def take(self, host: str, start_ms: int) -> Mapping[str, int]:
        """Return the labels of a host's window by topic, and forget them."""
        return self._windows.pop((start_ms, host), {})

    def snapshot(self) -> bytes:
        """Return the labels as bytes, the same for the same content whatever its order of arrival."""
        state = [
            [start_ms, host, sorted(labels.items())]
            for (start_ms, host), labels in sorted(self._windows.items())
        ]
        return write_state("labels", 1, state)

    def restore(self, data: bytes) -> None:
        """Take on the labels of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of labels.
        """
        state = read_state("labels", 1, data)
        try:
            self._windows = {(start_ms, host): dict(labels) for start_ms, host, labels in state}
        except (TypeError, ValueError) as error:
            raise SnapshotError("state of the labels is incomplete") from error
