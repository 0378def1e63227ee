"""Which label a closed window has: whose word counts."""

from __future__ import annotations

from pg_streaming_machine_learning.labels.objectives import Objectives
from pg_streaming_machine_learning.windows.store import ClosedWindow

__all__ = ["label_of"]


def label_of(closed: ClosedWindow, objectives: Objectives, without_spans: int | None) -> int | None:
    """Return the label of a closed window.

    Labels that came from elsewhere rank before our own: targets, and those inside labeled data. If any of
    them says 1, it is 1.

    Parameters
    ----------
    closed : ClosedWindow
        The window.
    objectives : Objectives
        What counts as slow, for durations.
    without_spans : int or None
        The label of a window that has neither a label nor a duration.

    Examples
    --------
    >>> from pg_streaming_machine_learning.records.update import Duration
    >>> from pg_streaming_machine_learning.records.window import Window
    >>> from pg_streaming_machine_learning.windows.durations import Durations
    >>> slow = Durations.of([Duration("shop", 0, 2_000_000)])
    >>> label_of(ClosedWindow("web", Window(0, 10), {}, {}, slow), Objectives.default(), None)
    1
    >>> label_of(ClosedWindow("web", Window(0, 10), {}, {"targets": 0}, slow), Objectives.default(), None)
    0
    """
    told = [label for _, label in closed.revisions.values() if label is not None]
    told += closed.label_updates.values()
    if told:
        return max(told)
    own = objectives.label(closed.host, closed.durations)
    return without_spans if own is None else own
