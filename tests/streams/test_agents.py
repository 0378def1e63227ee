"""The agents put each batch into its lane, in order, and what is done forever ends with the application."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from pg_streaming_machine_learning.streams.agents import batch_agent, forever
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.lanes import Lanes
from tests.streams.stand_ins import run_on

ROOT = Path(__file__).parent.parent.parent


async def stream_of(*batches: Batch) -> AsyncIterator[Batch]:
    """Yield batches as a stream does, which is at its end after the last."""
    for batch in batches:
        yield batch


def test_each_batch_comes_into_its_lane_in_order() -> None:
    """The agent takes the next one without waiting for the work: another partition's may be behind it."""
    one = [Batch(("input", 0), base, base + 1, [], 1) for base in range(3)]
    two = [Batch(("input", 1), base, base + 1, [], 1) for base in range(2)]
    begun: list[Batch] = []

    async def never_done(batch: Batch) -> None:
        begun.append(batch)
        await asyncio.Event().wait()

    async def done_at_once(batch: Batch) -> None:
        begun.append(batch)

    async def run() -> None:
        hand_on = batch_agent(Lanes(never_done))
        await hand_on(stream_of(one[0], one[1], two[0]))
        await run_on()
        assert begun == [one[0], two[0]]
        begun.clear()
        hand_on = batch_agent(Lanes(done_at_once))
        await hand_on(stream_of(one[0], two[0], one[1], two[1], one[2]))
        await run_on()
        assert [batch for batch in begun if batch in one] == one
        assert [batch for batch in begun if batch in two] == two

    asyncio.run(run())


def test_what_is_done_forever_ends_when_the_application_stops() -> None:
    """Afterwards there is no consumer to ask."""
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))

    async def run() -> None:
        await forever(0.0, "counting", work, lambda: len(done) == 3)()

    asyncio.run(run())
    assert done == [0, 1, 2]


def test_what_is_done_forever_ends_the_process_if_it_ends_before() -> None:
    """By what passes for a request to end, such as of a generator that was thrown away."""
    script = """
import asyncio
from pg_streaming_machine_learning.streams.agents import forever

async def work():
    raise GeneratorExit

asyncio.run(forever(0.0, "counting", work, lambda: False)())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 70
    assert done.stderr.startswith("counting: GeneratorExit:")
