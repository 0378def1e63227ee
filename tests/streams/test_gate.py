"""No commit begins while partitions change hands, and those under way are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from pg_streaming_machine_learning.streams.gate import CommitGate
from tests.streams.stand_ins import run_on

SOON_S = 0.02
LONG_S = 60.0


@dataclass
class Writer:
    """Goes through a gate, and stays inside until it may leave."""

    gate: CommitGate
    steps: list[str] = field(default_factory=list)

    async def write(self, may_leave: asyncio.Event) -> None:
        """Commit something."""
        async with self.gate:
            self.steps.append("in")
            await may_leave.wait()
        self.steps.append("out")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's steps."""
    asyncio.run(work)


def test_an_open_gate_lets_everybody_through() -> None:
    """Several partitions commit side by side."""

    async def steps() -> None:
        writer, may_leave = Writer(CommitGate()), asyncio.Event()
        tasks = [asyncio.create_task(writer.write(may_leave)) for _ in range(3)]
        await run_on()
        assert writer.steps == ["in"] * 3
        may_leave.set()
        await asyncio.gather(*tasks)
        assert writer.gate.is_open

    run(steps())


def test_shutting_waits_for_those_inside() -> None:
    """All of them, not only the first to leave."""

    async def steps() -> None:
        gate, first, second = CommitGate(), asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(Writer(gate).write(each)) for each in (first, second)]
        await run_on()
        shutting = asyncio.create_task(gate.shut(LONG_S))
        await run_on()
        assert not gate.is_open
        first.set()
        await run_on()
        assert not shutting.done()
        second.set()
        assert await shutting is True
        await asyncio.gather(*tasks)

    run(steps())


def test_shutting_does_not_wait_for_ever() -> None:
    """A broker that does not answer must not keep the worker from its group; the successor fences."""

    async def steps() -> None:
        gate, may_leave = CommitGate(), asyncio.Event()
        task = asyncio.create_task(Writer(gate).write(may_leave))
        await run_on()
        assert await gate.shut(SOON_S) is False
        assert not gate.is_open
        may_leave.set()
        await task

    run(steps())


def test_who_comes_to_a_shut_gate_waits_until_it_is_opened() -> None:
    """The commit is not dropped."""

    async def steps() -> None:
        gate, may_leave = CommitGate(), asyncio.Event()
        may_leave.set()
        assert await gate.shut(LONG_S) is True
        writer = Writer(gate)
        task = asyncio.create_task(writer.write(may_leave))
        await run_on()
        assert writer.steps == []
        gate.open(gate.shuts)
        await task
        assert writer.steps == ["in", "out"]

    run(steps())


def test_a_commit_that_waits_does_not_slip_through_a_gate_shut_again_at_once() -> None:
    """One rebalance follows another: being let in counts when one goes in, not when one was called."""

    async def steps() -> None:
        gate, may_leave = CommitGate(), asyncio.Event()
        await gate.shut(LONG_S)
        writer = Writer(gate)
        task = asyncio.create_task(writer.write(may_leave))
        await run_on()
        gate.open(gate.shuts)
        assert await gate.shut(SOON_S) is True
        await run_on()
        assert writer.steps == []
        gate.open(gate.shuts)
        may_leave.set()
        await task

    run(steps())


def test_an_error_inside_lets_others_go_on() -> None:
    """So does being cancelled: nobody is waited for who will never come."""

    async def steps() -> None:
        gate = CommitGate()
        task = asyncio.create_task(Writer(gate).write(asyncio.Event()))
        await run_on()
        task.cancel()
        await asyncio.wait([task])
        assert await gate.shut(LONG_S) is True

    run(steps())


def test_a_gate_is_not_opened_for_a_rebalance_that_another_one_overtook() -> None:
    """Who took partitions over before the second rebalance does not open it for those after."""

    async def steps() -> None:
        gate = CommitGate()
        await gate.shut(LONG_S)
        before = gate.shuts
        await gate.shut(LONG_S)
        gate.open(before)
        assert not gate.is_open
        gate.open(gate.shuts)
        assert gate.is_open

    run(steps())


def test_after_the_end_nothing_begins_any_more() -> None:
    """The process was told to end; a rebalance meanwhile changes nothing."""

    async def steps() -> None:
        gate = CommitGate()
        gate.end()
        assert not gate.is_open
        gate.open(gate.shuts)
        assert not gate.is_open

    run(steps())


def test_who_fences_is_waited_for_though_the_gate_is_shut() -> None:
    """Who fences late fences the next owner."""

    async def steps() -> None:
        gate = CommitGate()
        await gate.shut(LONG_S)
        with gate.fencing():
            assert await gate.shut(SOON_S) is False
        assert await gate.shut(LONG_S) is True

    run(steps())


def test_partitions_are_settled_until_they_change_hands_and_when_they_were_given_out() -> None:
    """In between nobody is to be fenced."""

    async def steps() -> None:
        gate = CommitGate()
        assert gate.is_settled
        await gate.shut(LONG_S)
        assert not gate.is_settled
        gate.settle()
        assert gate.is_settled
        assert not gate.is_open

    run(steps())
