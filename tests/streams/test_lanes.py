"""Lanes: one partition's batches in their order, no partition held up by another."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.lanes import FULL, Lanes
from tests.streams.stand_ins import run_on

ROOT = Path(__file__).parent.parent.parent
ONE = ("input", 0)
TWO = ("input", 1)


def batch(place: TopicPlace, base: int) -> Batch:
    """Return a batch of one offset."""
    return Batch(place, base, base + 1, [], 1)


@dataclass
class Work:
    """What is done with batches: each waits at a partition's gate."""

    gates: dict[TopicPlace, asyncio.Semaphore] = field(default_factory=dict)
    begun: list[tuple[TopicPlace, int]] = field(default_factory=list)
    done: list[tuple[TopicPlace, int]] = field(default_factory=list)

    async def __call__(self, batch: Batch) -> None:
        """Work on a batch as soon as the partition may."""
        self.begun.append((batch.place, batch.base))
        await self.gates.setdefault(batch.place, asyncio.Semaphore(0)).acquire()
        self.done.append((batch.place, batch.base))

    def allow(self, place: TopicPlace, batches: int = 1) -> None:
        """Let a partition finish some batches."""
        for _ in range(batches):
            self.gates.setdefault(place, asyncio.Semaphore(0)).release()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's steps."""
    asyncio.run(work)


def test_a_partition_is_worked_on_in_order_and_one_batch_at_a_time() -> None:
    """The next begins when the one before is done."""

    async def steps() -> None:
        work = Work()
        lanes = Lanes(work)
        for base in range(3):
            lanes.put(batch(ONE, base))
        await run_on()
        assert work.begun == [(ONE, 0)]
        work.allow(ONE)
        await run_on()
        assert (work.done, work.begun) == ([(ONE, 0)], [(ONE, 0), (ONE, 1)])
        work.allow(ONE, 2)
        await run_on()
        assert work.done == [(ONE, 0), (ONE, 1), (ONE, 2)]

    run(steps())


def test_a_partition_that_waits_holds_up_no_other() -> None:
    """The registry is away for one input; the other and the engine go on."""

    async def steps() -> None:
        work = Work()
        lanes = Lanes(work)
        work.allow(TWO, 5)
        for base in range(5):
            lanes.put(batch(ONE, base))
            lanes.put(batch(TWO, base))
        await run_on()
        assert work.done == [(TWO, base) for base in range(5)]
        assert work.begun[0] == (ONE, 0)

    run(steps())


def test_a_lane_is_full_when_enough_is_waiting() -> None:
    """And takes more when the work has come on; a partition without batches is not full."""

    async def steps() -> None:
        work = Work()
        lanes = Lanes(work)
        for base in range(FULL + 1):
            assert not lanes.is_full(ONE)
            lanes.put(batch(ONE, base))
            await run_on()  # the first is worked on, the others wait
        assert lanes.is_full(ONE)
        assert not lanes.is_full(TWO)
        work.allow(ONE)
        await run_on()
        assert not lanes.is_full(ONE)

    run(steps())


def test_lanes_of_lost_partitions_end_in_the_middle() -> None:
    """What waits is forgotten, what is worked on is left; the others stay as they are."""

    async def steps() -> None:
        work = Work()
        lanes = Lanes(work)
        for place in (ONE, TWO):
            for base in range(FULL + 1):
                lanes.put(batch(place, base))
        await run_on()
        lanes.keep_only([TWO])
        assert not lanes.is_full(ONE)
        work.allow(ONE, 10)
        work.allow(TWO, 10)
        await run_on()
        assert work.done == [(TWO, base) for base in range(FULL + 1)]

    run(steps())


def test_a_partition_that_comes_back_gets_a_new_lane() -> None:
    """Nothing of the former one is left in it."""

    async def steps() -> None:
        work = Work()
        lanes = Lanes(work)
        lanes.put(batch(ONE, 0))
        lanes.put(batch(ONE, 1))
        await run_on()
        lanes.keep_only([])
        lanes.put(batch(ONE, 7))
        work.allow(ONE, 10)
        await run_on()
        assert work.done == [(ONE, 7)]

    run(steps())


def test_other_work_of_a_partition_comes_before_the_batches_behind_it() -> None:
    """Its beginning, say, which may have to commit; other partitions do not wait for it."""

    async def steps() -> None:
        work, may_begin, begun = Work(), asyncio.Event(), []

        async def begin() -> None:
            await may_begin.wait()
            begun.append(ONE)

        lanes = Lanes(work)
        lanes.run(ONE, "beginning", begin)
        lanes.put(batch(ONE, 0))
        lanes.put(batch(TWO, 0))
        await run_on()
        assert (begun, work.begun) == ([], [(TWO, 0)])
        may_begin.set()
        await run_on()
        assert (begun, work.begun) == ([ONE], [(TWO, 0), (ONE, 0)])

    run(steps())


SCRIPT = """
import asyncio
from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.lanes import Lanes

async def fail(batch):
    raise TransactionError("fenced")

async def run():
    Lanes(fail).put(Batch(("log", 2), 5, 9, [], 1))
    await asyncio.Event().wait()

asyncio.run(run())
"""


def test_a_lane_that_ends_unasked_ends_the_process() -> None:
    """Its partition would stand still without a word."""
    script = SCRIPT.replace('raise TransactionError("fenced")', "raise GeneratorExit")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 70
    assert done.stderr.startswith("lane of log[2]: GeneratorExit:")


def test_work_that_fails_ends_the_process() -> None:
    """With the code of the error, in a line that says which batch it was; nothing is skipped."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 75
    assert done.stderr == ("working on Batch(log[2]@[5, 9), 0 records): fenced, ending with exit code 75\n")
