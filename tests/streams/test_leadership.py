"""The leader of a group knows the topics before it gives partitions out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator

from pg_streaming_machine_learning.streams.leadership import WAIT_S, Leadership
from tests.streams.still_loop import StillLoop


@dataclass
class Group:
    """What is used of aiokafka's coordinator; its broker knows the topic after some questions."""

    knows_after: int
    asked: int = 0
    given_out: list[Any] = field(default_factory=list)
    rejoins: int = 0

    answers: bool = True

    def __post_init__(self) -> None:
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(topics={"log"}))
        self._cluster = self
        self._client = self

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0} if self.asked >= self.knows_after else None

    async def force_metadata_update(self) -> None:
        self.asked += 1
        if not self.answers:
            await asyncio.Event().wait()

    async def _perform_assignment(self, response: Any) -> dict[str, set[int]]:
        self.given_out.append(self.partitions_for_topic("log"))
        return {"me": self.partitions_for_topic("log") or set()}

    def request_rejoin(self) -> None:
        self.rejoins += 1


def test_a_broker_that_has_just_started_is_asked_again() -> None:
    group = Group(knows_after=3)
    Leadership(group)
    assert asyncio.run(group._perform_assignment(None)) == {"me": {0}}
    assert group.rejoins == 0


def test_topics_that_stay_unknown_are_given_out_later() -> None:
    group = Group(knows_after=10**9)
    Leadership(group)

    async def run() -> None:
        assert await group._perform_assignment(None) == {"me": set()}
        while group.rejoins == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 30))


def rejoined_s(group: Group, until_s: float, given_out_at_s: float | None = None) -> list[float]:
    """Return when the leader of a group joins again, as it gives out partitions at each of these times."""
    loop, seen = StillLoop(), list[float]()

    def rejoin() -> None:
        seen.append(round(loop.time(), 1))
        if loop.time() < until_s:
            loop.create_task(group._perform_assignment(None))

    group.request_rejoin = rejoin  # type: ignore[method-assign]
    loop.create_task(group._perform_assignment(None))
    if given_out_at_s is not None:
        loop.call_later(given_out_at_s, lambda: loop.create_task(group._perform_assignment(None)))
    loop.run_until_still()
    loop.give_up()
    return seen


def test_a_topic_that_never_becomes_known_is_looked_for_less_and_less_often() -> None:
    """It was deleted for good: each time the whole group stops working, and finds nothing."""
    group = Group(knows_after=10**9)
    Leadership(group)
    seen = rejoined_s(group, 400)
    between = [round(later - earlier - WAIT_S) for earlier, later in zip([0, *seen], seen, strict=False)]
    assert between[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_once_all_topics_are_known_the_next_that_is_not_is_looked_for_soon() -> None:
    """It has nothing to do with the one before."""
    group = Group(knows_after=10**9)
    Leadership(group)
    rejoined_s(group, 100)
    group.knows_after = 0
    assert rejoined_s(group, 0) == []
    group.knows_after = 10**9
    assert rejoined_s(group, 0) == [2 * WAIT_S]


def test_of_two_rebalances_only_the_last_is_followed_by_another() -> None:
    """A member came while the topic was being waited for: one more look is enough for both."""
    group = Group(knows_after=10**9)
    Leadership(group)
    assert rejoined_s(group, 0, given_out_at_s=1.5) == [1.5 + WAIT_S + 2]


def test_topics_unknown_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """The operator may have deleted one, or not made it yet."""
    group = Group(knows_after=10**9)
    Leadership(group)
    rejoined_s(group, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "topics are not known yet, partitions will be given out once more in 1 s topics=log"
    ]


def test_a_broker_that_does_not_answer_is_not_waited_for_longer_than_a_session_allows() -> None:
    """Heartbeats are not sent meanwhile."""
    group = Group(knows_after=10**9, answers=False)
    Leadership(group)
    assert rejoined_s(group, 0) == [2 * WAIT_S]
    assert group.given_out == [None]


def test_aiokafka_still_has_what_is_relied_on() -> None:
    """A new version of it may give partitions out elsewhere."""
    names = GroupCoordinator._on_join_complete.__code__.co_names
    assert asyncio.iscoroutinefunction(GroupCoordinator._perform_assignment)
    assert "assign_from_subscribed" in names
