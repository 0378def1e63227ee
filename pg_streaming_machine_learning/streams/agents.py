"""The Faust agents: thin, they put batches into lanes. They never yield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
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
    every_s: float, doing: str, work: Callable[[], Awaitable[None]], is_over: Callable[[], bool]
) -> Callable[[], Awaitable[None]]:
    """Return a task that does something again and again, until it is over."""

    async def repeat() -> None:
        task = asyncio.current_task()
        assert task is not None
        never_ending(task, doing, is_over)
        while not is_over():
            with ending_on_errors(doing):
                await work()
            await asyncio.sleep(every_s)

    return repeat
