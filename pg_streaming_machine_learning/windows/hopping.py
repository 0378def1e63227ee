"""Which hopping windows hold a timestamp."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.errors import WindowError
from pg_streaming_machine_learning.records.window import Window

__all__ = ["HoppingWindows", "windows_holding"]


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

    def holding(self, timestamp_ms: int) -> list[Window]:
        """Return the windows that hold a timestamp, earliest first; see `windows_holding`."""
        if timestamp_ms < 0:
            raise WindowError(f"timestamp is {timestamp_ms} ms, expected at least 0")
        after_ms = timestamp_ms - self.size_ms
        first = max(0, after_ms // self.hop_ms + 1)
        last = timestamp_ms // self.hop_ms
        return [self.window(index * self.hop_ms) for index in range(first, last + 1)]


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
