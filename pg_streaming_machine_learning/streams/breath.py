"""Let others run now and then, in the middle of long work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Breath"]

SLICE_S = 0.02
"""How long one piece of work holds the event loop at most, about: heartbeats and sends wait no longer."""


class Breath:
    """Gives up the event loop when its time slice is over; cheap to ask often.

    Parameters
    ----------
    clock : callable
        Passing time, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_s = clock()

    def is_due(self) -> bool:
        """Say whether others waited for a time slice."""
        return self._clock() - self._began_s >= SLICE_S

    async def take(self) -> None:
        """Let others run if they waited for a time slice."""
        if self.is_due():
            await asyncio.sleep(0)
            self._began_s = self._clock()
