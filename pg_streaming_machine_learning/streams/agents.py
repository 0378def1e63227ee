"""The Faust agents: thin, they put batches into lanes. They never yield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from typing import Any

from pg_streaming_machine_learning.streams.ending import ending_on_errors, never_ending
from pg_streaming_machine_learning.streams.lanes import Lanes

__all__ = ["batch_agent", "forever"]

Agent = Callable[[AsyncIterable[Any]], Awaitable[None]]


def batch_agent(lanes: Lanes) -> Agent:
    """Return the agent that hands batches on to the lanes of their partitions."""

    async def hand_on(stream: AsyncIterable[Any]) -> None:
        async for batch in stream:
            lanes.put(batch)

    return hand_on


def forever(
    every_s: float,
    doing: str,
    work: Callable[[], Awaitable[None]],
    is_over: Callable[[], bool],
    bell: asyncio.Event | None = None,
    pause_s: float = 0.0,
) -> Callable[[], Awaitable[None]]:
    """Return a task that does something again and again, until it is over.

    Parameters
    ----------
    every_s : float
        How long it waits in between, seconds.
    doing : str
        What it does, for the line that says what went wrong.
    work : callable
        Does it.
    is_over : callable
        Says whether it is to end.
    bell : asyncio.Event or None
        Ends the wait before its time.
    pause_s : float
        How long it waits at least, seconds.
    """

    async def repeat() -> None:
        task = asyncio.current_task()
        assert task is not None
        never_ending(task, doing, is_over)
        while not is_over():
            with ending_on_errors(doing):
                await work()
            if bell is None:
                await asyncio.sleep(every_s)
                continue
            await asyncio.sleep(pause_s)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(bell.wait(), every_s - pause_s)
            bell.clear()

    return repeat
