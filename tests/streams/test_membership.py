"""Whether the group hears from us: told rightly, and aiokafka still does what is relied on."""

from __future__ import annotations

import asyncio
import inspect
import re
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError
from faust.transport.drivers import aiokafka as driver
from mode.services import Service

from pg_streaming_machine_learning.streams.consumer import BatchConsumerThread
from pg_streaming_machine_learning.streams.membership import Membership
from pg_streaming_machine_learning.streams.watchdog import HEARTBEAT, Liveness
from tests.streams.stand_ins import Clock


def source(of: Any) -> str:
    """Return the source of a method."""
    return inspect.getsource(of)


def test_aiokafka_sends_heartbeats_by_the_method_that_is_replaced() -> None:
    """It is looked up at each heartbeat, takes nothing, and says whether the group knows us."""
    assert "success = await self._do_heartbeat()" in source(GroupCoordinator._heartbeat_routine)
    assert list(inspect.signature(GroupCoordinator._do_heartbeat).parameters) == ["self"]
    answers = source(GroupCoordinator._do_heartbeat)
    assert answers.count("return True") == 2, "when all is well, and in the middle of a rebalance"
    assert re.search(r"RebalanceInProgressError:.*?return True", answers, re.DOTALL)


def test_aiokafka_sends_them_in_a_task_that_joining_ends_and_begins() -> None:
    """So a coordinator without that task is joining; the task runs on until the revocation is over."""
    joining = source(GroupCoordinator.ensure_active_group)
    steps = ("_on_join_prepare(", "_stop_heartbeat_task(", "_do_rejoin_group(", "_start_heartbeat_task(")
    places = [joining.index(step) for step in steps]
    assert places == sorted(places)
    assert "self._heartbeat_task = create_task(self._heartbeat_routine())" in source(
        GroupCoordinator._start_heartbeat_task
    )
    assert "self._heartbeat_task = None" in source(GroupCoordinator._stop_heartbeat_task)
    assert "UNKNOWN_MEMBER_ID" in source(GroupCoordinator._heartbeat_routine), (
        "it ends if the group forgets us"
    )


def test_the_coordinator_is_there_before_anything_is_subscribed() -> None:
    """A consumer without topics has one as soon as it has started, and no heartbeats were sent."""
    assert "self._coordinator = GroupCoordinator(" in source(aiokafka_consumer.AIOKafkaConsumer.start)
    assert "await self._consumer.start()" in source(driver.AIOKafkaConsumerThread.on_start)
    assert "await self.on_start()" in source(Service._actually_start)
    assert "Membership(" in source(BatchConsumerThread.on_start)
    fresh = source(GroupCoordinator.__init__)
    for attribute in (
        "_heartbeat_task",
        "generation",
        "member_id",
        "_rebalance_timeout_ms",
        "_pending_exception",
    ):
        assert f"self.{attribute} = " in fresh


@dataclass
class Coordinator:
    """The part of aiokafka's coordinator that is looked at."""

    answer: bool | Exception = True
    generation: int = -1
    member_id: str = ""
    _heartbeat_task: asyncio.Future[None] | None = None
    _rebalance_timeout_ms: int = 60_000
    _pending_exception: Exception | None = None

    async def _do_heartbeat(self) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def routine(self) -> bool:
        """Send a heartbeat as aiokafka does."""
        return await self._do_heartbeat()

    def join(self) -> None:
        """Become a member."""
        self.generation += 1
        self.member_id = "me"
        self._heartbeat_task = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Begin to join again, as a rebalance makes a member do."""
        self._heartbeat_task = None


def test_what_the_group_answers_is_told() -> None:
    """Only heartbeats that succeed count; what else happens to them goes on happening."""

    async def follow() -> None:
        clock, coordinator = Clock(), Coordinator()
        liveness = Liveness(60, monotonic=clock)
        membership = Membership(coordinator, liveness)
        membership.look()
        assert not liveness.is_member
        coordinator.join()
        membership.look()
        assert liveness.is_member
        clock.now_s += 5
        membership.look()
        assert liveness.age_s(HEARTBEAT) == 5, "looking is no heartbeat"
        assert await coordinator.routine() is True
        assert liveness.age_s(HEARTBEAT) == 0
        coordinator.answer = False
        clock.now_s += 61
        assert await coordinator.routine() is False
        assert "did not hear from this worker for 61 s" in (liveness.stuck() or "")
        coordinator.answer = GroupAuthorizationFailedError("group")
        with pytest.raises(GroupAuthorizationFailedError):
            await coordinator.routine()

    asyncio.run(follow())


def test_whoever_joins_again_and_again_is_heard_of_whoever_only_waits_is_not() -> None:
    """Each new generation is an answer of the group."""

    async def follow() -> None:
        clock, coordinator = Clock(), Coordinator()
        liveness = Liveness(60, monotonic=clock)
        membership = Membership(coordinator, liveness)
        for _ in range(5):
            coordinator.join()
            coordinator.leave()
            membership.look()
            assert liveness.stuck() is None
            clock.now_s += 119
        coordinator.leave()
        membership.look()
        clock.now_s += 2
        assert "did not become a member" in (liveness.stuck() or "")

    asyncio.run(follow())


def test_who_does_not_become_a_member_is_told_what_the_group_said() -> None:
    """Rights that are missing, say: aiokafka keeps the error for whoever fetches, and nobody does."""

    async def follow() -> None:
        clock, coordinator = Clock(), Coordinator()
        liveness = Liveness(60, monotonic=clock)
        membership = Membership(coordinator, liveness)
        membership.look()
        clock.now_s += 100
        coordinator._pending_exception = GroupAuthorizationFailedError("ours")
        membership.look()
        clock.now_s += 21
        stuck = liveness.stuck() or ""
        assert "did not become a member of the consumer group for 121 s (GroupAuthorizationFailed" in stuck
        coordinator._pending_exception = None
        membership.look()
        assert "consumer group for 121 s, expected" in (liveness.stuck() or "")

    asyncio.run(follow())


def test_heartbeats_that_ended_with_an_error_are_not_sent_any_more() -> None:
    """As when the group forgot us: what follows is joining."""

    async def follow() -> None:
        coordinator, liveness = Coordinator(), Liveness(60)
        membership = Membership(coordinator, liveness)
        coordinator.join()
        membership.look()
        assert coordinator._heartbeat_task is not None
        coordinator._heartbeat_task.set_result(None)
        membership.look()
        assert not liveness.is_member

    asyncio.run(follow())
