"""Which hopping windows hold a timestamp."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.errors import WindowError
from pg_streaming_machine_learning.records.window import Window

__all__ = ["HoppingWindows", "nearest_start", "windows_holding"]


@dataclass(frozen=True, slots=True)
class HoppingWindows:
    """Windows of one size that start at every multiple of a hop since the epoch.

    Parameters
    ----------
    size_ms, hop_ms : int
        Length and distance of windows, milliseconds, 0 < hop_ms <= size_ms. The size need not be a
        multiple of the hop.

    Raises
    ------
    WindowError
        If the hop is not positive, or exceeds the size, which would leave gaps.

    Examples
    --------
    >>> HoppingWindows(size_ms=50, hop_ms=20).window(40)
    Window(start_ms=40, end_ms=90)
    """

    size_ms: int
    hop_ms: int

    def __post_init__(self) -> None:
        if not 0 < self.hop_ms <= self.size_ms:
            raise WindowError(
                f"window hop is {self.hop_ms} ms and size {self.size_ms} ms, expected 0 < hop <= size"
            )

    def is_start(self, start_ms: int) -> bool:
        """Say whether a window starts at this time."""
        return start_ms >= 0 and start_ms % self.hop_ms == 0

    def window(self, start_ms: int) -> Window:
        """Return the window that starts at a time.

        Raises
        ------
        WindowError
            If none starts there.
        """
        if not self.is_start(start_ms):
            raise WindowError(f"window start {start_ms} is not a multiple of the hop, {self.hop_ms} ms")
        return Window(start_ms, start_ms + self.size_ms)

    def first_start_after(self, time_ms: int) -> int:
        """Return when the first window starts that starts after a time, which may be before the epoch."""
        return max(0, (time_ms // self.hop_ms + 1) * self.hop_ms)

    def last_start(self, timestamp_ms: int) -> int:
        """Return when the newest window that holds a timestamp starts."""
        return timestamp_ms - timestamp_ms % self.hop_ms

    def holding(self, timestamp_ms: int) -> list[Window]:
        """Return the windows that hold a timestamp, earliest first; see `windows_holding`."""
        if timestamp_ms < 0:
            raise WindowError(f"timestamp is {timestamp_ms} ms, expected at least 0")
        first_ms = self.first_start_after(timestamp_ms - self.size_ms)
        return [
            self.window(start_ms)
            for start_ms in range(first_ms, self.last_start(timestamp_ms) + 1, self.hop_ms)
        ]


def windows_holding(timestamp_ms: int, size_ms: int, hop_ms: int) -> list[Window]:
    """Return the hopping windows that hold a timestamp, earliest first.

    Parameters
    ----------
    timestamp_ms : int
        Event time, milliseconds since the epoch, UTC, at least 0.
    size_ms, hop_ms : int
        Length and distance of windows, milliseconds, 0 < hop_ms <= size_ms.

    Raises
    ------
    WindowError
        If the hop is not positive, or exceeds the size, which would leave gaps, or if the timestamp
        is before the epoch.

    Notes
    -----
    Starts are multiples of the hop and never negative, as in Kafka Streams `TimeWindows`.

    Examples
    --------
    >>> [window.start_ms for window in windows_holding(95, size_ms=50, hop_ms=20)]
    [60, 80]
    """
    return HoppingWindows(size_ms, hop_ms).holding(timestamp_ms)


def nearest_start(start_ms: int, hop_ms: int) -> int | None:
    """Return the multiple of the hop that is at most a quarter of the hop away, None if there is none.

    Parameters
    ----------
    start_ms : int
        Where a window is said to start, milliseconds since the epoch.
    hop_ms : int
        Distance of windows, milliseconds, more than 0.

    Examples
    --------
    >>> [nearest_start(start_ms, hop_ms=20) for start_ms in (40, 45, 46, 54, 55)]
    [40, 40, None, None, 60]
    """
    offset_ms = start_ms % hop_ms
    if 4 * offset_ms <= hop_ms:
        return start_ms - offset_ms
    if 4 * (hop_ms - offset_ms) <= hop_ms:
        return start_ms - offset_ms + hop_ms
    return None
