"""Snapshots of an engine, as records of the state topic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError, StateError
from pg_streaming_machine_learning.state.layout import slot_place, snapshot_records
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.state.taken import SnapshotTaker
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule
from pg_streaming_machine_learning.streams.transactions import Outgoing

__all__ = ["SnapshotWriter"]

logger = logging.getLogger(__name__)


class SnapshotWriter:
    """Takes snapshots of one engine, into two slots in turns.

    Parameters
    ----------
    place : (str, int)
        The partition of the log.
    application : str
        The application whose snapshots these are.
    topic : str
        The state topic.
    signer : Signer
        Signs them.
    max_bytes : int
        None larger than this is written.
    number : int
        Which snapshot the next one is.
    schedule : SnapshotSchedule
        When one is due.
    monotonic, now : callable
        Passing time and the wall clock, seconds.
    """

    def __init__(
        self,
        place: TopicPlace,
        application: str,
        topic: str,
        signer: Signer,
        max_bytes: int,
        number: int,
        schedule: SnapshotSchedule,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.schedule = schedule
        self._place = place
        self._topic = topic
        self._taker = SnapshotTaker(application, signer, max_bytes)
        self._number = number
        self._monotonic = monotonic
        self._now = now

    async def records(self, engine: Engine, position: int, *, is_needed: bool = False) -> list[Outgoing]:
        """Return the records of a snapshot; none, and a line in the log, if there can be none.

        Parameters
        ----------
        engine : Engine
            Its state; it must not work meanwhile.
        position : int
            Where reading the log goes on with it.
        is_needed : bool
            Whether there must be one.

        Raises
        ------
        StateError
            If there must be one and can be none.
        """
        began_s = self._monotonic()
        try:
            return await asyncio.to_thread(self._records, engine, position)
        except SnapshotError as error:
            if is_needed:
                raise StateError(
                    f"{self._place[0]}[{self._place[1]}]@{position}: generation {engine.generation} cannot "
                    f"begin, its snapshot cannot be written: {error}; set SNAPSHOT_MAX_BYTES higher, or take "
                    "a model that can be stored"
                ) from error
            logger.warning("no snapshot of %s[%d]@%d: %s", *self._place, position, error)
            return []
        finally:
            self.schedule.taken(self._monotonic() - began_s)

    def _records(self, engine: Engine, position: int) -> list[Outgoing]:
        now_ms = int(self._now() * 1000)
        manifest, payload = self._taker.take(engine, self._place[1], position, now_ms)
        place = slot_place(self._number)
        self._number += 1
        return [
            Outgoing(self._topic, self._place[1], record.key, record.value)
            for record in snapshot_records(place, manifest, payload)
        ]
