"""The watchdog: who is judged when, and a process that really ends."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import StuckError
from pg_streaming_machine_learning.streams.watchdog import (
    CONSUMER,
    HEARTBEAT,
    LOOP,
    Liveness,
    Watchdog,
    ticking,
)
from tests.streams.stand_ins import Clock

ROOT = Path(__file__).parent.parent.parent


def alive(clock: Clock, stuck_after_s: float = 60) -> Liveness:
    """Return a process whose parts were all seen just now."""
    liveness = Liveness(stuck_after_s, monotonic=clock)
    liveness.tick(LOOP)
    liveness.tick(CONSUMER)
    liveness.heartbeat()
    return liveness


def test_nobody_is_judged_before_the_first_sign_of_life() -> None:
    """At the start the broker may be waited for, for as long as START_TIMEOUT_S says."""
    clock = Clock()
    liveness = Liveness(60, monotonic=clock)
    clock.now_s += 10_000
    assert liveness.stuck() is None
    assert liveness.age_s(LOOP) is None


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (LOOP, "the event loop stood still for 61 s"),
        (CONSUMER, "the consumer's event loop stood still for 61 s"),
        (HEARTBEAT, "the consumer group did not hear from this worker for 61 s"),
    ],
)
def test_each_part_alone_is_enough(part: str, says: str) -> None:
    """The others go on."""
    clock = Clock()
    liveness = alive(clock)
    clock.now_s += 60
    assert liveness.stuck() is None
    clock.now_s += 1
    for other in {LOOP, CONSUMER} - {part}:
        liveness.tick(other)
    if part != HEARTBEAT:
        liveness.heartbeat()
    stuck = liveness.stuck()
    assert stuck is not None
    assert stuck.startswith(says)
    assert stuck.endswith(", expected at most 60 (STUCK_AFTER_S)")
    assert liveness.age_s(part) == 61


def test_it_is_said_where_a_loop_stands_still() -> None:
    """File, line and function: there is no second chance to look."""
    clock = Clock()
    liveness, ready, over = Liveness(60, monotonic=clock), threading.Event(), threading.Event()

    def stand_still() -> None:
        liveness.tick(LOOP)
        ready.set()
        over.wait(60)

    thread = threading.Thread(target=stand_still)
    thread.start()
    assert ready.wait(60)
    clock.now_s += 61
    stuck = liveness.stuck()
    over.set()
    thread.join()
    assert stuck is not None
    assert re.search(r" for 61 s at threading\.py:\d+ in wait, expected ", stuck)
    assert " for 61 s, expected " in (liveness.stuck() or ""), "the thread is gone"


def test_joining_may_take_as_long_as_the_group_does() -> None:
    """No heartbeats are sent in the meantime: all members are waited for, up to the rebalance time-out."""
    clock = Clock()
    liveness = alive(clock)
    clock.now_s += 30
    liveness.joining(60)
    assert not liveness.is_member
    clock.now_s += 120
    liveness.tick(LOOP)
    liveness.tick(CONSUMER)
    assert liveness.stuck() is None
    clock.now_s += 1
    assert liveness.stuck() == (
        "this worker did not become a member of the consumer group for 121 s, expected at most 60 "
        "(STUCK_AFTER_S) and 60 for joining"
    )
    liveness.heartbeat()
    assert liveness.is_member
    assert liveness.stuck() is None


def test_a_member_without_partitions_is_alive() -> None:
    """It ticks and sends heartbeats like any other; nothing else is asked of it."""
    clock = Clock()
    liveness = alive(clock)
    for _ in range(100):
        clock.now_s += 1.5
        liveness.tick(LOOP)
        liveness.tick(CONSUMER)
        liveness.heartbeat()
        assert liveness.look(1.5) is None


def test_a_process_that_was_stopped_is_not_judged_by_the_time_it_was_stopped() -> None:
    """SIGSTOP for ten minutes: the first look afterwards finds every sign ten minutes old."""
    clock = Clock()
    liveness = alive(clock)
    assert liveness.look(1) is None
    clock.now_s += 600
    assert liveness.look(1) is None
    for _ in range(59):
        clock.now_s += 1
        assert liveness.look(1) is None
    clock.now_s += 1
    assert liveness.look(1) is not None, "after that it is judged like any other"


def test_nothing_is_judged_once_the_process_ends_in_order() -> None:
    """That has its own limit."""
    clock = Clock()
    liveness = alive(clock)
    liveness.end()
    clock.now_s += 1000
    assert liveness.look(1) is None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 3.0), st.sampled_from([0.0, 0.0, 5.0, 500.0]), st.booleans()), max_size=60
    )
)
def test_judged_if_and_only_if_time_was_lived_without_a_sign(steps: list[tuple[float, float, bool]]) -> None:
    """Whatever the order of looks, stops and ticks; each step sleeps, is stopped, and perhaps ticks first."""
    clock = Clock(0.0)
    liveness = Liveness(10, monotonic=clock)
    liveness.tick(LOOP)
    liveness.look(0)
    lived_s = 0.0
    for sleep_s, stopped_s, is_ticking in steps:
        clock.now_s += sleep_s + stopped_s
        lived_s += sleep_s
        if is_ticking:
            # A tick before the look that finds out about the stop may count as one made before it, not later.
            liveness.look(sleep_s)
            liveness.tick(LOOP)
            liveness.look(0)
            lived_s = 0.0
        elif abs(lived_s - 10) > 1e-6:
            assert (liveness.look(sleep_s) is not None) is (lived_s > 10)
        else:
            liveness.look(sleep_s)


def test_the_watchdog_looks_until_something_stands_still() -> None:
    """It sleeps a second in between, less if little is allowed."""
    clock, ended, pauses = Clock(), list[StuckError](), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.now_s += seconds

    Watchdog(alive(clock), end=ended.append, pause=pause).watch()
    assert (len(pauses), set(pauses)) == (61, {1.0})
    (error,) = ended
    assert error.exit_code == 75
    assert str(error).startswith("the event loop stood still for 61 s")
    pauses.clear()
    Watchdog(alive(clock, 3), end=ended.append, pause=pause).watch()
    assert set(pauses) == {0.3}


def test_ticking_goes_on_until_cancelled() -> None:
    """In the loop it is for; what else is to be done is done with each tick."""
    liveness, also = Liveness(0.01), list[int]()

    async def tick() -> None:
        ten = asyncio.Event()

        def note() -> None:
            also.append(1)
            if len(also) == 10:
                ten.set()

        task = asyncio.create_task(ticking(liveness, LOOP, note))
        await ten.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(tick())
    assert len(also) == 10
    assert liveness.age_s(LOOP) is not None


SCRIPT = """
import asyncio, logging, os, re, sys, threading, time
from pg_streaming_machine_learning.streams.watchdog import LOOP, Liveness, Watchdog, ticking

async def main():
    liveness = Liveness(0.5)
    task = asyncio.create_task(ticking(liveness, LOOP))
    Watchdog(liveness).start()
    await asyncio.sleep(0.2)
    begin_s = time.process_time()
    {block}
    os._exit(0)

asyncio.run(main())
"""

BLOCKS = {
    "in C code that lets others run": "time.sleep(60)",
    "in Python": "while True: pass",
    "in a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "in C code that lets nobody run": "re.match('(a+)+$', 'a' * 60 + 'b')",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_a_process_whose_loop_is_blocked_ends_with_75(block: str) -> None:
    """Whatever it is blocked by, and one line says why."""
    if block.startswith("re.") and not sys.platform.startswith("linux"):
        pytest.skip("only Linux ends a process in which no thread of Python runs")
    code, output = run(SCRIPT.format(block=block))
    assert (code, output.count("\n")) == (75, 1), output
    assert output.endswith("ending with exit code 75\n")
    if block.startswith("re."):
        assert "code outside Python let no thread run for 0.55 s of processor time" in output
    else:
        assert output.startswith("the event loop stood still for ")
        assert re.search(r" at <string>:\d+ in main, ", output)


def test_a_process_that_works_hard_goes_on() -> None:
    """Its loop is alive, so what it does and how much is its own affair."""
    busy = "while time.process_time() < begin_s + 1: sum(range(1000)); await asyncio.sleep(0)"
    assert run(SCRIPT.format(block=busy)) == (0, "")


def run(script: str) -> tuple[int, str]:
    """Return exit code and output of a process."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout
