"""Whether the consumer group hears from this worker, learned below aiokafka's public interface.

aiokafka keeps the time of the last heartbeat that succeeded to itself. ``tests/streams/test_membership.py``
fails when a new version of it no longer does what is relied on here.
"""

from __future__ import annotations

from typing import Any

from pg_streaming_machine_learning.streams.watchdog import Liveness

__all__ = ["Membership"]


class Membership:
    """Tells of each heartbeat that the group answered, and of the times in which none are sent.

    None are sent while joining: from the end of the revocation until the assignment is complete. That takes
    as long as the slowest member of the group needs, up to the rebalance time-out. The group has heard from
    us as well if it tells anything new: another generation, or that it does not know this member.

    Parameters
    ----------
    coordinator : aiokafka.consumer.group_coordinator.GroupCoordinator
        Of the consumer, which has been started and has not subscribed yet.
    liveness : Liveness
        Who is told.
    """

    def __init__(self, coordinator: Any, liveness: Liveness) -> None:
        self._coordinator = coordinator
        self._liveness = liveness
        self._send = coordinator._do_heartbeat
        coordinator._do_heartbeat = self._do_heartbeat
        self._seen: tuple[bool, int, str] | None = None

    async def _do_heartbeat(self) -> bool:
        """Send a heartbeat; return whether the group knows us, be it in the middle of a rebalance."""
        is_known: bool = await self._send()
        if is_known:
            self._liveness.heartbeat()
        return is_known

    def look(self) -> None:
        """See whether heartbeats are being sent; called about once a second, in the consumer's thread."""
        coordinator = self._coordinator
        task = coordinator._heartbeat_task
        is_member = task is not None and not task.done()
        pending = coordinator._pending_exception
        self._liveness.hindered(None if pending is None else repr(pending))
        seen = (is_member, coordinator.generation, coordinator.member_id)
        if seen == self._seen:
            return
        self._seen = seen
        if is_member:
            self._liveness.heartbeat()
        else:
            self._liveness.joining(coordinator._rebalance_timeout_ms / 1000)
