"""Waiting for what is not there yet, with a line for each attempt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pg_streaming_machine_learning.errors import PgStreamingError

__all__ = ["NotYet", "patiently"]

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0

_Found = TypeVar("_Found")


class NotYet(Exception):
    """Something is not there yet. Its error is what to say when it never comes."""

    def __init__(self, error: PgStreamingError) -> None:
        super().__init__(str(error))
        self.error = error


async def patiently(
    attempt: Callable[[], Awaitable[_Found]],
    timeout_s: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> _Found:
    """Try until it succeeds or the time is over, with a line in the log for each attempt.

    Parameters
    ----------
    attempt : callable
        Raises `NotYet` as long as trying again can help.
    timeout_s : float
        How long to try, seconds.
    monotonic, pause : callable
        Passing time, and what waits, seconds.

    Raises
    ------
    PgStreamingError
        The error of the last attempt.
    """
    end_s = monotonic() + timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except NotYet as waiting:
            left_s = end_s - monotonic()
            if left_s <= 0:
                raise waiting.error from None
            logger.warning("waiting, %.0f s left: %s", left_s, waiting.error)
        await pause(min(pause_s, max(left_s, 0.0)))
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
