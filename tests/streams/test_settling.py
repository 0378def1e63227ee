"""Whether the group settles: who does nothing for ever is ended, nobody else is."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field

import pytest
from faust.app.base import App

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.settling import Settling
from pg_streaming_machine_learning.streams.watchdog import Liveness
from tests.streams.stand_ins import Clock

STUCK_AFTER_S = 60
LONGER_S = 240
LIMIT_S = STUCK_AFTER_S + LONGER_S
LONG_S = 1.0


@dataclass
class Worker:
    """A worker whose group and flow are moved by hand; it is looked at, and judged, once a second."""

    clock: Clock = field(default_factory=Clock)
    gate: CommitGate = field(default_factory=CommitGate)
    is_flowing: bool = True

    def __post_init__(self) -> None:
        self.liveness = Liveness(STUCK_AFTER_S, monotonic=self.clock)
        self.settling = Settling(self.gate, self.liveness, lambda: self.is_flowing, LONGER_S)

    def second(self) -> str | None:
        """Let a second pass; return what stands still."""
        self.clock.now_s += 1
        self.settling.look()
        return self.liveness.look(1)

    def seconds(self, count: int) -> str | None:
        """Let seconds pass; return what stood still first."""
        return next((stuck for stuck in (self.second() for _ in range(count)) if stuck is not None), None)

    def revoke(self) -> None:
        """Let partitions change hands."""
        asyncio.run(self.gate.shut(LONG_S))
        self.is_flowing = False

    def complete(self) -> None:
        """Let partitions be taken over."""
        self.gate.settle()
        self.gate.open(self.gate.shuts)
        self.is_flowing = True


def test_a_worker_whose_partitions_are_never_given_out_is_ended() -> None:
    """Its heartbeats and its loops are in order; a new start mends it."""
    worker = Worker()
    assert worker.second() is None
    worker.revoke()
    assert worker.seconds(LIMIT_S) is None
    assert worker.second() == (
        "partitions changed hands or were being taken over, and nothing was done with them for 301 s, "
        "expected at most 60 (STUCK_AFTER_S) and 240 for joining and taking over"
    )


def test_a_worker_to_which_records_do_not_flow_again_is_ended() -> None:
    """Partitions were taken over, and Faust stopped half-way through what comes after."""
    worker = Worker()
    worker.second()
    worker.revoke()
    worker.complete()
    worker.is_flowing = False
    assert worker.seconds(LIMIT_S) is None
    assert worker.second() is not None


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_a_group_that_joins_for_ever_is_ended(is_taken_over: bool) -> None:
    """Each generation is an answer of the group, so its heartbeats are in order; nothing else ever is."""
    worker = Worker()
    worker.second()

    def round_() -> str | None:
        worker.liveness.heartbeat()
        worker.revoke()
        if is_taken_over:
            worker.gate.come_on()
            worker.complete()
        return worker.seconds(2)

    assert [round_() for _ in range(LIMIT_S // 2)] == [None] * (LIMIT_S // 2)
    assert round_() is not None


def test_a_group_that_has_rest_now_and_then_is_not_ended() -> None:
    """A neighbour that dies at every start makes it join again every few seconds; work goes on in between."""
    worker = Worker()
    for _ in range(LIMIT_S):
        worker.revoke()
        assert worker.second() is None
        worker.complete()
        assert worker.seconds(3) is None


def test_who_waits_at_the_start_or_has_nothing_to_do_is_not_ended() -> None:
    """Nothing changes hands: START_TIMEOUT_S, a standby, an input whose registry is away for hours."""
    worker = Worker()
    assert worker.seconds(20_000) is None


def test_a_long_take_over_is_not_ended_while_it_comes_on() -> None:
    """One partition after the other has its state read, for as long as that may take."""
    worker = Worker()
    worker.revoke()
    worker.gate.settle()
    for _ in range(20):
        assert worker.seconds(LIMIT_S - 10) is None
        worker.gate.come_on()
    worker.complete()
    assert worker.seconds(10_000) is None


def test_a_take_over_that_stands_still_is_ended() -> None:
    """Steps that were taken are no excuse."""
    worker = Worker()
    worker.revoke()
    worker.seconds(10)
    worker.gate.come_on()
    assert worker.seconds(LIMIT_S + 1) is None
    assert worker.second() is not None


def test_a_process_that_was_stopped_in_a_rebalance_has_its_time_afterwards() -> None:
    """SIGSTOP for an hour; then the group takes as long as it may."""
    worker = Worker()
    worker.second()
    worker.revoke()
    worker.seconds(100)
    worker.clock.now_s += 3600
    assert worker.seconds(LIMIT_S - 101) is None
    worker.complete()
    assert worker.seconds(10) is None


def test_the_application_is_settled_before_it_has_a_consumer_and_not_without_flow() -> None:
    """Asking makes no consumer: that is for Faust to do in its time."""
    app = Application(Settings(), Positions())
    assert app.is_flowing
    assert app._consumer is None
    app.consumer.stop_flow()
    assert not app.is_flowing
    app.consumer.resume_flow()
    assert app.is_flowing


def test_the_application_is_looked_at_with_each_tick_of_its_loop() -> None:
    """It has as much time as its settings give the group and each step of a take-over."""
    app = Application(Settings(session_timeout_s=20), Positions())
    assert "ticking(self.liveness, LOOP, self.settling.look)" in inspect.getsource(app.on_first_start)
    assert app.settling._longer_s == 60 + 20 + 60 + 120
    assert app.conf.broker_rebalance_timeout == 60


def test_faust_stops_the_flow_when_partitions_are_revoked_and_resumes_it_last() -> None:
    """So a flow that stands still says that a rebalance did not come to its end."""
    assert "T(consumer.stop_flow)()" in inspect.getsource(App._on_partitions_revoked)
