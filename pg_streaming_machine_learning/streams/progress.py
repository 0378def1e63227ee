"""Telling the engines how far the inputs have come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress

__all__ = ["ProgressTeller"]


class ProgressTeller:
    """Sends the progress marks that are due, each by the router of its partition.

    Parameters
    ----------
    assignment : Assignment
        Has the routers.
    marks : MarkSchedule
        Knows what is due.
    is_read_to_end : callable
        Says of an input partition whether nothing is left to read.
    partitions_of : callable
        Tells how many partitions a topic has.
    monotonic : callable
        Passing time, seconds.
    """

    def __init__(
        self,
        assignment: Assignment,
        marks: MarkSchedule,
        is_read_to_end: Callable[[TopicPlace], bool],
        partitions_of: Callable[[str], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._assignment = assignment
        self._marks = marks
        self._is_read_to_end = is_read_to_end
        self._partitions_of = partitions_of
        self._monotonic = monotonic

    async def tell(self) -> None:
        """Send what is due; partitions that wake up first, since they hold back what the others allow."""

        def is_ended(partition: InputPartition) -> bool:
            return self._is_read_to_end((partition.topic, partition.partition))

        for partition in self._marks.partitions:
            router = self._assignment.router((partition.topic, partition.partition))
            if router is not None:
                router.know_partitions(self._partitions_of(partition.topic))
        woken, due = self._marks.due(self._monotonic(), is_ended)
        await asyncio.gather(*(self._send(progress) for progress in woken))
        self._marks.woken_told()
        await asyncio.gather(*(self._send(progress) for progress in due))

    async def _send(self, progress: Progress) -> None:
        router = self._assignment.router((progress.input.topic, progress.input.partition))
        if router is not None:
            await router.tell(progress)
