"""Taking partitions over after a rebalance: where each is read on, and with what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from pg_streaming_machine_learning.errors import PgStreamingError
from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.lanes import Lanes
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router
from pg_streaming_machine_learning.streams.trimmed import TrimmedError

__all__ = ["Assignment", "Offsets", "Owners", "RoutedPartition"]

logger = logging.getLogger(__name__)

COMMITS_END_WITHIN_S = 5.0
REMIND_EVERY_S = 30.0


class Offsets(Protocol):
    """What Kafka knows of partitions."""

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offset of each partition that is still there."""

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offset each partition's next record will have."""


RoutedPartition = tuple[Router, int, int | None] | TrimmedError
"""A router, where to read on, and the event time reached so far; or what is missing."""


class Owners(Protocol):
    """Makes those who do the work of a partition; each call fences whoever had the partition before."""

    async def engine(self, place: TopicPlace) -> tuple[EngineHost, int] | None:
        """Return the host of a partition of the log, its state recovered, and where to read on.

        Nothing is returned if partitions change hands again meanwhile.

        Raises
        ------
        TrimmedError
            If the log lost records between the state and its beginning.
        PgStreamingError
            If there is no state to go on with.
        """

    async def routers(self, places: Sequence[TopicPlace]) -> Mapping[TopicPlace, RoutedPartition]:
        """Return the routers of input partitions, or why one cannot go on.

        None of a partition is returned if partitions change hands again meanwhile.
        """


class Assignment:
    """The partitions of this worker, and who works on each.

    Partitions kept over a rebalance keep engine, router and position; nothing is read twice because of it. A
    partition whose records were deleted before they were read stands still, and says so again and again; the
    others go on.

    Parameters
    ----------
    log_topic : str
        The topic of the log. All other partitions are of inputs.
    log_partitions : int
        How many of its partitions are used, counted from 0; the rest is passed over.
    positions : Positions
        Where each partition is read on.
    marks : MarkSchedule
        Follows the partitions of the inputs.
    gate : CommitGate
        Shut while partitions change hands.
    offsets : Offsets
        What Kafka knows.
    owners : Owners
        Makes engines and routers.
    monotonic : callable
        Passing time, seconds.
    """

    def __init__(
        self,
        log_topic: str,
        log_partitions: int,
        positions: Positions,
        marks: MarkSchedule,
        gate: CommitGate,
        offsets: Offsets,
        owners: Owners,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lanes = Lanes(self.take)
        self._log_topic = log_topic
        self._log_partitions = log_partitions
        self._positions = positions
        self._marks = marks
        self._gate = gate
        self._offsets = offsets
        self._owners = owners
        self._monotonic = monotonic
        self._owned: dict[TopicPlace, EngineHost | Router] = {}
        self._stopped: dict[TopicPlace, TrimmedError] = {}
        self._restoring: set[TopicPlace] = set()
        self._reminded_s = monotonic()

    def router(self, place: TopicPlace) -> Router | None:
        """Return the router of an input partition, None if it is not ours or stands still."""
        owner = self._owned.get(place)
        return owner if isinstance(owner, Router) else None

    def host(self, place: TopicPlace) -> EngineHost | None:
        """Return the host of a partition of the log, None if it is not ours or stands still."""
        owner = self._owned.get(place)
        return owner if isinstance(owner, EngineHost) else None

    def assigned(self) -> list[str]:
        """Return the names of the partitions of this worker."""
        return _names({*self._owned, *self._stopped, *self._restoring})

    def restoring(self) -> list[str]:
        """Return the names of the partitions whose state is not yet as new as what was sent."""
        replaying = {
            place
            for place, owner in self._owned.items()
            if isinstance(owner, EngineHost) and not owner.is_restored
        }
        return _names(self._restoring | replaying)

    def stopped(self) -> dict[str, str]:
        """Return the names of the partitions that stand still, with the reason."""
        return {_name(place): str(error) for place, error in sorted(self._stopped.items())}

    def is_held_back(self, place: TopicPlace) -> bool:
        """Say whether nothing of a partition is to be fetched now; may be asked from any thread."""
        return place in self._stopped or self.lanes.is_full(place)

    async def take(self, batch: Batch) -> None:
        """Let the owner of a batch's partition work on it."""
        owner = self._owned.get(batch.place)
        if owner is not None:
            await owner.take(batch)
        elif batch.place not in self._stopped and self._positions.new_records(batch) is not None:
            self._positions.done(batch.place, batch.end)  # of a partition that is not used

    async def release(self) -> None:
        """Let nothing be committed until partitions were taken over; what is under way comes to its end."""
        if not await self._gate.shut(COMMITS_END_WITHIN_S):
            logger.warning("a transaction did not end within %.0f s before a rebalance", COMMITS_END_WITHIN_S)

    async def take_over(self, assigned: Iterable[TopicPlace]) -> None:
        """Give up what is lost, begin with what is new.

        Raises
        ------
        PgStreamingError
            If a partition of the log has no state to go on with.
        """
        if not self._gate.is_settled:
            return  # they change hands again, and this will be called again
        shuts = self._gate.shuts
        places = {(topic, partition) for topic, partition in assigned}
        self._give_up(places)
        new = sorted(place for place in places if place not in self._positions)
        self._restoring = set(new)
        if new:
            logs = [place for place in new if place[0] == self._log_topic]
            inputs = [place for place in new if place[0] != self._log_topic]
            await asyncio.gather(self._take_logs(logs), self._take_inputs(inputs))
            logger.info("partitions assigned %s", " ".join(_name(place) for place in new))
        self._restoring = set()
        self._gate.open(shuts)
        for place in new:
            host = self.host(place)
            if host is not None:
                # In its lane, since it may have to commit, and nothing may wait for that here: the gate opens
                # for nobody until the next call has come.
                self.lanes.run(place, f"beginning with {_name(place)}", host.begin)

    def remind(self) -> None:
        """Say again, now and then, which partitions stand still."""
        if self._stopped and self._monotonic() - self._reminded_s >= REMIND_EVERY_S:
            self._reminded_s = self._monotonic()
            for place, error in sorted(self._stopped.items()):
                logger.error("partition stands still %s: %s", _name(place), error)

    def _give_up(self, kept: set[TopicPlace]) -> None:
        self.lanes.keep_only(kept)
        for place in [place for place in self._owned if place not in kept]:
            self._owned.pop(place).close()
            logger.info("partition given up %s", _name(place))
        self._stopped = {place: error for place, error in self._stopped.items() if place in kept}
        self._positions.keep_only(kept)
        self._marks.keep_only({InputPartition(*place) for place in kept})

    async def _take_logs(self, places: Sequence[TopicPlace]) -> None:
        """Begin with partitions of the log, side by side: an engine each."""
        unused = [place for place in places if place[1] >= self._log_partitions]
        if unused:
            self._positions.take(await self._offsets.ends(unused))
        await asyncio.gather(*(self._take_log(place) for place in places if place not in unused))

    async def _take_log(self, place: TopicPlace) -> None:
        try:
            found = await self._owners.engine(place)
        except TrimmedError as error:
            await self._stop(place, error)
        except PgStreamingError as error:
            raise type(error)(f"{_name(place)}: {error}") from error
        else:
            if found is not None:
                self._owned[place], position = found
                self._positions.take({place: position})

    async def _take_inputs(self, places: Sequence[TopicPlace]) -> None:
        """Begin with partitions of inputs, where they were left."""
        if not places:
            return
        for place, routed in (await self._owners.routers(places)).items():
            if isinstance(routed, TrimmedError):
                await self._stop(place, routed)
                continue
            router, position, event_ms = routed
            self._owned[place] = router
            self._positions.take({place: position})
            self._marks.take(InputPartition(*place), event_ms, self._monotonic())

    async def _stop(self, place: TopicPlace, error: TrimmedError) -> None:
        """Let a partition stand still, at a position that Kafka has."""
        self._stopped[place] = error
        ends = await self._offsets.ends([place])
        self._positions.take(ends)
        self._positions.told(ends)  # or lag tools would see no lag where nobody reads
        logger.error("partition stands still %s: %s", _name(place), error)


def _name(place: TopicPlace) -> str:
    return f"{place[0]}[{place[1]}]"


def _names(places: Iterable[TopicPlace]) -> list[str]:
    return [_name(place) for place in sorted(places)]
