"""The Faust agents: thin, one around the router, one around the engines. They never yield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.ending import ending_on_errors
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router

__all__ = ["engine_agent", "forever", "router_agent"]

Agent = Callable[[AsyncIterable[Any]], Awaitable[None]]


def router_agent(router: Router) -> Agent:
    """Return the agent that routes batches of input topics."""

    async def route(stream: AsyncIterable[Any]) -> None:
        async for batch in stream:
            with ending_on_errors(f"routing {batch}"):
                await router.route(batch)

    return route


def engine_agent(assignment: Assignment, positions: Positions) -> Agent:
    """Return the agent that hands batches of the log to the engine of their partition."""

    async def learn(stream: AsyncIterable[Any]) -> None:
        async for batch in stream:
            with ending_on_errors(f"learning from {batch}"):
                await _take(batch)

    async def _take(batch: Batch) -> None:
        host = assignment.host(batch.place)
        if host is not None:
            await host.take(batch)
        elif positions.new_records(batch) is not None:
            positions.done(batch.place, batch.end)  # of a partition that is not used

    return learn


def forever(
    every_s: float, doing: str, work: Callable[[], Awaitable[None]], is_over: Callable[[], bool]
) -> Callable[[], Awaitable[None]]:
    """Return a task that does something again and again, until it is over."""

    async def repeat() -> None:
        while not is_over():
            with ending_on_errors(doing):
                await work()
            await asyncio.sleep(every_s)

    return repeat
