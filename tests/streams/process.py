"""A worker process on a broker in memory: its work can be held at any step, and it can die there."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import EngineConfig
from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.state.layout import StateRecord
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.ending import ending_on_errors
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.owners import KafkaOwners, Shared
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.transactions import Outgoing, Transactions
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.streams.memory import MemoryBroker, MemoryTransactions
from tests.streams.stand_ins import Record
from tests.streams.still_loop import StillLoop

__all__ = ["MemoryProcess", "Stop", "ended_process"]

_RUNNING: contextvars.ContextVar[MemoryProcess] = contextvars.ContextVar("running")

PREDICTIONS = AvroEncoder(BottleneckPrediction, 7)


def ended_process(error: BaseException, doing: str = "") -> None:
    """Take the place of `streams.ending.end_process`: only the process whose task this is comes to an end."""
    process = _RUNNING.get()
    process.error = error
    process.die()
    raise asyncio.CancelledError


@dataclass(frozen=True)
class Stop:
    """Where a process is to stop.

    Parameters
    ----------
    step : str
        One of `memory.STEPS`.
    skip : int
        How often it passes there before.
    is_failure : bool
        Whether it is told that the step failed, although it did not; otherwise it is held there.
    """

    step: str
    skip: int
    is_failure: bool

    def __str__(self) -> str:
        return f"{'fails' if self.is_failure else 'is held'} {self.step} ({self.skip})"


class MemoryProcess:
    """A worker with the real assignment, owners and engines; fetching is what the test says.

    Parameters
    ----------
    name : str
        To tell processes apart.
    broker : MemoryBroker
        Shared by all processes.
    loop : StillLoop
        Runs them all.
    settings, config, signer
        As the worker gets them.
    """

    transactions_class: ClassVar[type[MemoryTransactions]] = MemoryTransactions

    def __init__(
        self,
        name: str,
        broker: MemoryBroker,
        loop: StillLoop,
        settings: Settings,
        config: EngineConfig,
        signer: Signer,
    ) -> None:
        self.name = name
        self.broker = broker
        self.is_dead = False
        self.error: BaseException | None = None
        self.held: list[tuple[str, asyncio.Future[None]]] = []
        self.positions = Positions()
        self._loop = loop
        self._context = contextvars.copy_context()
        self._context.run(_RUNNING.set, self)
        self._tasks: list[asyncio.Task[None]] = []
        self._stop: Stop | None = None
        self._skip = 0
        self._fetched_to: dict[TopicPlace, int] = {}
        self._assigned: list[TopicPlace] = []
        self._one_at_a_time = asyncio.Lock()
        self._gate = CommitGate()
        marks = MarkSchedule(settings.idle_after_s)
        owners = KafkaOwners(
            settings,
            config,
            {},
            signer,
            Shared(self.positions, marks, self._gate),
            broker,
            self.open_transactions,
            self.read_state,
            monotonic=loop.time,
        )
        owners.predictions = PredictionOutput(settings.predictions_topic, PREDICTIONS)
        self.assignment = Assignment(
            settings.log_topic,
            settings.log_partitions,
            self.positions,
            marks,
            self._gate,
            broker,
            owners,
            monotonic=loop.time,
        )

    def open_transactions(self, name: str, codec: str) -> Transactions:
        """Return transactions under a name."""
        return self.transactions_class(self.broker, name, self.reach)

    def read_state(self, topic: str, partition: int) -> list[StateRecord]:
        """Return the last values of a partition of the state topic."""
        return self.broker.read_state(topic, partition)

    def read_log(self, place: TopicPlace, begin: int, end: int) -> list[tuple[int, Outgoing]]:
        """Return records of a partition of the log with their offsets."""
        return self.broker.committed(place, begin, end)

    async def reach(self, step: str) -> None:
        """Stop here if it was said so, until it goes on; for ever if the process is dead."""
        stop = self._stop
        if stop is not None and step == stop.step:
            self._skip -= 1
            if self._skip < 0:
                self._stop = None
                if stop.is_failure:
                    raise TransactionError(f"no answer {step}")
                released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self.held.append((step, released))
                await released
        if self.is_dead:
            await asyncio.get_running_loop().create_future()

    def stop_at(self, stop: Stop | None) -> None:
        """Stop as said the next time it comes there."""
        self._stop, self._skip = stop, 0 if stop is None else stop.skip

    def go_on(self, number: int) -> str:
        """Go on at one of the places where it was held; return which."""
        step, released = self.held.pop(number % len(self.held))
        released.set_result(None)
        self._loop.run_until_still()
        return step

    def die(self) -> None:
        """Do nothing any more, not even tidy up."""
        self.is_dead = True
        self.assignment.lanes.keep_only(())
        for task in self._tasks:
            task.cancel()

    def take_over(self, places: Iterable[TopicPlace]) -> None:
        """Go through a rebalance, as Faust does it."""
        self._assigned = list(places)
        self._run(self._taking_over())

    def deliver(self, place: TopicPlace, size: int) -> None:
        """Fetch at most so many records of a partition, and hand them over."""
        batch = self._fetch(place, size)
        if batch is not None:
            self._run(self._putting(batch))

    async def _taking_over(self) -> None:
        with ending_on_errors("cannot take partitions over"):
            await self.assignment.release()
            self._gate.settle()
            async with self._one_at_a_time:  # Faust begins with the next when the one before is done
                assigned = list(self._assigned)
                await self.assignment.take_over(assigned)
                self._fetched_to = self.positions.seek(assigned)

    async def _putting(self, batch: Batch) -> None:
        self.assignment.lanes.put(batch)

    def _fetch(self, place: TopicPlace, size: int) -> Batch | None:
        """Return what one fetch brings; None if there is nothing."""
        base = self._fetched_to.get(place)
        if base is None or place not in self._assigned:
            return None
        stable_end = self.broker.stable_end(place)
        found = self.read_log(place, base, stable_end)
        if not found:
            return None
        end = found[size][0] if len(found) > size else stable_end
        self._fetched_to[place] = end
        records = [Record(offset, record.value, record.key) for offset, record in found[:size]]
        return Batch(place, base, end, records, self.positions.seeks)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(self._context.run(self._loop.create_task, work))
        self._loop.run_until_still()
