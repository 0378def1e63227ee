"""Giving out partitions as the leader of the group, only with knowledge of the topics.

A broker that has just started answers for a moment that it knows no topics. A leader that gives them out
then gives out none, and aiokafka looks again after five minutes; until then nobody reads anything.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

__all__ = ["Leadership"]

logger = logging.getLogger(__name__)

PAUSE_S = 0.1
WAIT_S = 1.0
"""How long to wait for the topics: within any session, as heartbeats are not sent meanwhile."""

FIRST_AGAIN_S = 1.0
LAST_AGAIN_S = 60.0
"""When partitions are given out again: all members stop for it, and a topic may be gone for ever."""


class Leadership:
    """Lets the leader of the group know all topics before it gives their partitions out.

    If they do not become known in time, partitions are given out as far as they are, and again soon after,
    then less and less often until all topics are known.

    Parameters
    ----------
    coordinator : aiokafka.consumer.group_coordinator.GroupCoordinator
        Of the consumer, which has been started and has not subscribed yet.
    """

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._assign = coordinator._perform_assignment
        coordinator._perform_assignment = self._perform_assignment
        self._again_s = FIRST_AGAIN_S
        self._again: asyncio.TimerHandle | None = None

    async def _perform_assignment(self, response: Any) -> Any:
        """Give partitions out."""
        if self._again is not None:
            self._again.cancel()
        unknown = await self._unknown()
        if unknown:
            logger.warning(
                "topics are not known yet, partitions will be given out once more in %.0f s topics=%s",
                self._again_s,
                " ".join(unknown),
            )
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(self._again_s, self._coordinator.request_rejoin)
            self._again_s = min(2 * self._again_s, LAST_AGAIN_S)
        else:
            self._again_s = FIRST_AGAIN_S
        return await self._assign(response)

    async def _unknown(self) -> list[str]:
        """Wait for the topics, and return those that did not become known."""
        coordinator = self._coordinator
        loop = asyncio.get_running_loop()
        end_s = loop.time() + WAIT_S
        while True:
            topics = coordinator._subscription.subscription.topics
            unknown = [topic for topic in topics if not coordinator._cluster.partitions_for_topic(topic)]
            left_s = end_s - loop.time()
            if not unknown or left_s <= 0:
                return sorted(unknown)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(coordinator._client.force_metadata_update(), left_s)
            await asyncio.sleep(max(0.0, min(PAUSE_S, end_s - loop.time())))
