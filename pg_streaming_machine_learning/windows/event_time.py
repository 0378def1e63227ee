"""How far an update brings event time: the newest window it belongs to."""

from __future__ import annotations

from pg_streaming_machine_learning.records.update import DurationsUpdate, ReadingsUpdate, Update
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["event_ms"]


def event_ms(update: Update, windows: HoppingWindows) -> int:
    """Return the start of the newest window an update belongs to, milliseconds since the epoch.

    Event time is told in starts of windows, whatever the updates are: of a window or a label its own start,
    of readings and durations that of the newest window which holds one of them.

    Examples
    --------
    >>> from pg_streaming_machine_learning.records.update import Duration, SourcePlace
    >>> durations = (Duration("shop", 12_345, 800), Duration("shop", 9_999, 800))
    >>> update = DurationsUpdate(SourcePlace("traces", 0, 0), "web", durations)
    >>> event_ms(update, HoppingWindows(size_ms=10_000, hop_ms=5_000))
    10000
    """
    if isinstance(update, ReadingsUpdate):
        newest_ms = max(reading.timestamp_ms for reading in update.readings)
    elif isinstance(update, DurationsUpdate):
        newest_ms = max(duration.start_ms for duration in update.durations)
    else:
        return update.window_start_ms
    return windows.last_start(newest_ms)
