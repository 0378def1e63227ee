"""The leader of a group knows the topics before it gives partitions out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator

from pg_streaming_machine_learning.streams.leadership import Leadership


@dataclass
class Group:
    """What is used of aiokafka's coordinator; its broker knows the topic after some questions."""

    knows_after: int
    asked: int = 0
    given_out: list[Any] = field(default_factory=list)
    rejoins: int = 0

    def __post_init__(self) -> None:
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(topics={"log"}))
        self._cluster = self
        self._client = self

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0} if self.asked >= self.knows_after else None

    async def force_metadata_update(self) -> None:
        self.asked += 1

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


def test_aiokafka_still_has_what_is_relied_on() -> None:
    """A new version of it may give partitions out elsewhere."""
    names = GroupCoordinator._on_join_complete.__code__.co_names
    assert asyncio.iscoroutinefunction(GroupCoordinator._perform_assignment)
    assert "assign_from_subscribed" in names
