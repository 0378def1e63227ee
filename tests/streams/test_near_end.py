"""How much is left to read of a partition, by aiokafka's own book of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition
from faust.types import TP

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.consumer import NEAR_END
from pg_streaming_machine_learning.streams.positions import Positions

PLACE = TP("input", 1)


class Reading:
    """A consumer that has a partition, of which the last fetch said where it ends."""

    def __init__(self, highwater: int | None) -> None:
        self._subscription = SubscriptionState()
        self._subscription.subscribe({PLACE.topic})
        self._subscription.assign_from_subscribed([TopicPartition(*PLACE)])
        assert self._subscription.subscription is not None
        state: Any = self._subscription.subscription.assignment.state_value(TopicPartition(*PLACE))
        state.reset_to(0)
        state.highwater = highwater


@pytest.mark.parametrize(
    ("highwater", "done", "is_near"),
    [
        (5, 5, True),
        (NEAR_END + 5, 5, True),
        (NEAR_END + 6, 5, False),
        (5, None, False),
        (None, 5, False),
    ],
)
def test_a_partition_of_which_little_is_left_is_near_its_end(
    highwater: int | None, done: int | None, is_near: bool
) -> None:
    """One that is not ours, or was never fetched from, is not."""

    async def look() -> bool:
        app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())
        if done is not None:
            app.positions.take({PLACE: done})
        thread: Any = app.batch_consumer._thread
        thread._consumer = Reading(highwater)
        return app.batch_consumer.is_near_end(PLACE)

    assert asyncio.run(look()) == is_near
