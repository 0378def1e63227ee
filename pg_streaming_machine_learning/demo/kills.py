"""When the demo kills its own worker."""

from __future__ import annotations

__all__ = ["Kills"]


class Kills:
    """Spread a number of kills evenly over a stretch of event time.

    Parameters
    ----------
    count : int
        How many.
    start_ms, end_ms : int
        The stretch, milliseconds since the epoch.

    Examples
    --------
    >>> kills = Kills(2, start_ms=0, end_ms=90_000)
    >>> kills.is_due(29_999), kills.is_due(30_000)
    (False, True)
    >>> kills.done()
    >>> kills.is_due(30_000), kills.hold_at_ms
    (False, 75000)
    """

    def __init__(self, count: int, start_ms: int, end_ms: int) -> None:
        self._count = count
        self._start_ms = start_ms
        self._span_ms = end_ms - start_ms
        self._done = 0

    def is_due(self, predicted_to_ms: int) -> bool:
        """Say whether the next one is due, given the event time that the predictions have come to."""
        return self._done < self._count and predicted_to_ms >= self._at_ms(2)

    def done(self) -> None:
        """Note that it was done."""
        self._done += 1

    @property
    def hold_at_ms(self) -> int | None:
        """Event time that must not be passed before the next one, so that none is left out; None after all.

        It is half way from the next kill to the one after: the worker has something to do when it is killed.
        """
        return None if self._done >= self._count else self._at_ms(3)

    def _at_ms(self, halves: int) -> int:
        """Return the event time so many half steps after the last one."""
        return self._start_ms + self._span_ms * (2 * self._done + halves) // (2 * (self._count + 1))
