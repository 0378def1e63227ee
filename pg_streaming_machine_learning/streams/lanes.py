"""Lanes: the batches of one partition one after the other, those of different partitions side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.ending import ending_on_errors, never_ending

__all__ = ["Lanes"]

_Job = tuple[str, Callable[[], Awaitable[None]]]

FULL = 4
"""Batches waiting in a lane from which on no more of its partition are fetched."""


class Lanes:
    """Hand each partition's batches to its work in their order.

    A partition that waits (for the registry, for a commit) holds up no other. `is_full` may be asked from any
    thread; who fetches asks it, so that a lane stays short.

    Parameters
    ----------
    work : callable
        What is done with a batch. If it raises, the process ends.
    """

    def __init__(self, work: Callable[[Batch], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: dict[TopicPlace, asyncio.Queue[_Job]] = {}
        self._tasks: dict[TopicPlace, asyncio.Task[None]] = {}

    def put(self, batch: Batch) -> None:
        """Add a batch to the lane of its partition."""
        self.run(batch.place, f"working on {batch}", partial(self._work, batch))

    def run(self, place: TopicPlace, doing: str, work: Callable[[], Awaitable[None]]) -> None:
        """Add something else to the lane of a partition: it is done before the batches that come later."""
        if place not in self._tasks:
            self._waiting[place] = asyncio.Queue()
            driving = asyncio.create_task(_drive(self._waiting[place]))
            self._tasks[place] = never_ending(driving, f"lane of {place[0]}[{place[1]}]")
        self._waiting[place].put_nowait((doing, work))

    def is_full(self, place: TopicPlace) -> bool:
        """Say whether a lane has enough to do."""
        waiting = self._waiting.get(place)
        return waiting is not None and waiting.qsize() >= FULL

    def keep_only(self, places: Iterable[TopicPlace]) -> None:
        """End the lanes of partitions that are no longer ours, in the middle of whatever they do."""
        kept = set(places)
        for place in [place for place in self._tasks if place not in kept]:
            self._tasks.pop(place).cancel()
            del self._waiting[place]


async def _drive(waiting: asyncio.Queue[_Job]) -> None:
    while True:
        doing, work = await waiting.get()
        with ending_on_errors(doing):
            await work()
