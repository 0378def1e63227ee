"""The agents hand each batch on, in order, and pass over partitions that are not used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pg_streaming_machine_learning.streams.agents import engine_agent, forever
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from tests.streams.stand_ins import ListedOffsets, batch_of, positions_at

SPARE = ("log", 3)


async def stream_of(*batches: Batch) -> AsyncIterator[Batch]:
    """Yield batches as a stream does, which is at its end after the last."""
    for batch in batches:
        yield batch


def test_batches_of_unused_partitions_are_passed_over() -> None:
    """They are done as they are read, so that nobody believes the worker is behind."""
    positions = positions_at({SPARE: 5})

    def no_host(*_: object) -> object:
        raise AssertionError("an unused partition gets no engine")

    offsets = ListedOffsets({SPARE: 0}, {SPARE: 5})
    assignment = Assignment("log", 1, positions, MarkSchedule(1), offsets, no_host, no_host)  # type: ignore[arg-type]
    learn = engine_agent(assignment, positions)
    asyncio.run(learn(stream_of(batch_of(positions, SPARE, [b"x", b"y"], base=5))))  # type: ignore[arg-type]
    assert positions.next(SPARE) == 7


def test_what_is_done_forever_ends_when_the_application_stops() -> None:
    """Afterwards there is no producer to send with."""
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))

    async def run() -> None:
        await forever(0.0, "counting", work, lambda: len(done) == 3)()

    asyncio.run(run())
    assert done == [0, 1, 2]
