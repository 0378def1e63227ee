"""Giving out partitions as the leader of the group, only with knowledge of the topics.

A broker that has just started answers for a moment that it knows no topics. A leader that gives them out
then gives out none, and aiokafka looks again after five minutes; until then nobody reads anything.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

__all__ = ["Leadership"]

logger = logging.getLogger(__name__)

PAUSE_S = 0.1
WAIT_S = 1.0
"""How long to wait for the topics: within any session, as heartbeats are not sent meanwhile."""


class Leadership:
    """Lets the leader of the group know all topics before it gives their partitions out.

    If they do not become known in time, partitions are given out as far as they are, and again soon after.

    Parameters
    ----------
    coordinator : aiokafka.consumer.group_coordinator.GroupCoordinator
        Of the consumer, which has been started and has not subscribed yet.
    """

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._assign = coordinator._perform_assignment
        coordinator._perform_assignment = self._perform_assignment

    async def _perform_assignment(self, response: Any) -> Any:
        """Give partitions out."""
        if not await self._topics_are_known():
            logger.warning("topics are not known yet, partitions will be given out once more")
            asyncio.get_running_loop().call_later(WAIT_S, self._coordinator.request_rejoin)
        return await self._assign(response)

    async def _topics_are_known(self) -> bool:
        coordinator = self._coordinator
        loop = asyncio.get_running_loop()
        end_s = loop.time() + WAIT_S
        while True:
            topics = coordinator._subscription.subscription.topics
            if all(coordinator._cluster.partitions_for_topic(topic) for topic in topics):
                return True
            if loop.time() >= end_s:
                return False
            await coordinator._client.force_metadata_update()
            await asyncio.sleep(PAUSE_S)
