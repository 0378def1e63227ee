"""Taking partitions over after a rebalance: where each is read on, and with what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pg_streaming_machine_learning.errors import LogTrimmedError
from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.streams.answered import LogPlace
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.trimmed import TrimmedError

__all__ = ["Assignment", "Offsets"]

logger = logging.getLogger(__name__)


class Offsets(Protocol):
    """What Kafka knows of partitions."""

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offset of each partition that is still there."""

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offset each partition's next record will have."""

    async def committed(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int | None]:
        """Return the offset last committed for each partition, None if there is none."""


class Assignment:
    """The partitions of this worker, and the engines of those that are of the log.

    Partitions kept over a rebalance keep engine and position; nothing is read twice because of it.

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
    offsets : Offsets
        What Kafka knows.
    last_answered : callable
        The cause of the furthest prediction of a partition; it blocks.
    create_host : callable
        Makes the host of a partition of the log, given its place, the cause of the furthest prediction and
        the end of the log.
    monotonic : callable
        Passing time, seconds.
    """

    def __init__(
        self,
        log_topic: str,
        log_partitions: int,
        positions: Positions,
        marks: MarkSchedule,
        offsets: Offsets,
        last_answered: Callable[[int], LogPlace | None],
        create_host: Callable[[TopicPlace, LogPlace | None, int], EngineHost],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log_topic = log_topic
        self._log_partitions = log_partitions
        self._positions = positions
        self._marks = marks
        self._offsets = offsets
        self._last_answered = last_answered
        self._create_host = create_host
        self._monotonic = monotonic
        self._hosts: dict[TopicPlace, EngineHost] = {}

    def host(self, place: TopicPlace) -> EngineHost | None:
        """Return the host of a partition of the log, None if it is not ours."""
        return self._hosts.get(place)

    async def take_over(self, assigned: Iterable[TopicPlace]) -> None:
        """Give up what is lost, begin with what is new.

        Raises
        ------
        LogTrimmedError
            If the log lost records that the state is made of.
        TrimmedError
            If an input lost records that were never read.
        """
        places = {(topic, partition) for topic, partition in assigned}
        self._give_up(places)
        new = sorted(place for place in places if place not in self._positions)
        if not new:
            return
        beginnings = await self._offsets.beginnings(new)
        ends = await self._offsets.ends(new)
        logs = [place for place in new if place[0] == self._log_topic]
        inputs = [place for place in new if place[0] != self._log_topic]
        await self._take_logs(logs, beginnings, ends)
        await self._take_inputs(inputs, beginnings, ends)
        logger.info("partitions assigned %s", _listed(new))

    def _give_up(self, kept: set[TopicPlace]) -> None:
        for place in [place for place in self._hosts if place not in kept]:
            self._hosts.pop(place).close()
            logger.info("partition of the log given up %s", _listed([place]))
        self._positions.keep_only(kept)
        self._marks.keep_only({InputPartition(*place) for place in kept})

    async def _take_logs(
        self, places: list[TopicPlace], beginnings: Mapping[TopicPlace, int], ends: Mapping[TopicPlace, int]
    ) -> None:
        """Begin with partitions of the log: an engine each, from the first record."""
        for place in places:
            if place[1] >= self._log_partitions:
                self._positions.take({place: ends[place]})
                continue
            if beginnings[place] != 0:
                raise LogTrimmedError(
                    f"the log {place[0]}[{place[1]}] begins at offset {beginnings[place]}, expected 0: "
                    "the state is made of all its records and cannot be rebuilt; set its retention.ms to -1, "
                    "and begin with a new LOG_TOPIC and PREDICTIONS_TOPIC"
                )
            answered = await asyncio.to_thread(self._last_answered, place[1])
            self._hosts[place] = self._create_host(place, answered, ends[place])
            self._positions.take({place: 0})

    async def _take_inputs(
        self, places: list[TopicPlace], beginnings: Mapping[TopicPlace, int], ends: Mapping[TopicPlace, int]
    ) -> None:
        """Begin with partitions of inputs, where they were left."""
        if not places:
            return
        committed = await self._offsets.committed(places)
        positions: dict[TopicPlace, int] = {}
        for place in places:
            offset = committed[place]
            positions[place] = beginnings[place] if offset is None else offset
            if not beginnings[place] <= positions[place] <= ends[place]:
                raise TrimmedError({place: positions[place]})
        self._positions.take(positions)
        self._positions.hold(positions)
        for place in places:
            self._marks.take(InputPartition(*place), self._monotonic())


def _listed(places: Iterable[TopicPlace]) -> str:
    return " ".join(f"{topic}[{partition}]" for topic, partition in places)
