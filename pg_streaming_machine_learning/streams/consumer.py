"""Hooks below Faust's public interface: whole batches, our positions, committed records only.

Each hook is there because Faust's own way loses or repeats records. ``tests/streams/test_consumer.py`` has a
test for each, which fails when a new version of Faust or aiokafka no longer calls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from aiokafka.errors import CommitFailedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, ack_lock
from mode import get_logger

from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.ending import end_process
from pg_streaming_machine_learning.streams.fetched import hand_on_as_parsed
from pg_streaming_machine_learning.streams.header_names import bear_any_header_name
from pg_streaming_machine_learning.streams.leadership import Leadership
from pg_streaming_machine_learning.streams.membership import Membership
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from pg_streaming_machine_learning.streams.watchdog import CONSUMER, ticking

__all__ = ["BatchConsumer", "BatchConsumerThread", "BatchTransport", "send_only_when_settled"]

logger = get_logger(__name__)

FETCH_WAIT_MS = 100
"""How long the broker may hold back an answer without records. Faust's 1500 ms are a pause for each partition
that is not part of the question, because its last records were still waiting when it was asked."""

HELD_BACK_S = 0.02
"""Pause while every partition has enough to do, and how long others are waited for while some have."""

BATCH_BYTES = 1_000_000
"""Values in a batch: a record may hold thousands of updates, and what came of a batch is seen when all of it
was worked through."""

_COMMIT_TIMEOUT_S = 5.0


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads whole batches, in the thread in which Faust runs aiokafka."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._read_to: dict[TopicPlace, int] = {}
        self._seek_number = -1

    async def on_start(self) -> None:
        """Let the watchdog see whether this thread goes on, and whether the group hears from it."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        Leadership(coordinator)
        send_only_when_settled(coordinator)
        liveness = self.app.liveness  # type: ignore[attr-defined]
        membership = Membership(coordinator, liveness)
        self.add_future(ticking(liveness, CONSUMER, membership.look))

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        """Read committed records only: Faust does so under `exactly_once` alone."""
        bear_any_header_name()
        hand_on_as_parsed()
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        """Make batches of what a fetch brought from each partition that is not held back.

        All of it is taken, whatever `max_records` says: aiokafka asks the broker for no more of a partition
        while some of it is left, and as long as the broker has no answer for the others it does not ask
        again. What is taken waits in its lane, in batches of `max_records`.
        """
        is_held_back = self.app.is_held_back  # type: ignore[attr-defined]
        wanted = {place for place in tuple(active_partitions) if not is_held_back(place)}
        if not wanted:
            await asyncio.sleep(HELD_BACK_S)
            return {}
        if len(wanted) < len(active_partitions) and timeout is not None:
            timeout = min(timeout, HELD_BACK_S)  # those held back are soon to be asked for again
        try:
            fetched = await super()._fetch_records(consumer, wanted, timeout, None)
        except NoOffsetForPartitionError:
            return {}  # aiokafka looked before the seek; positions are ours to set
        except OffsetOutOfRangeError as error:
            end_process(TrimmedError.out_of_range(error.args[0] if error.args else {}))
        if not fetched:
            return {}
        assignment = consumer._subscription.subscription.assignment
        return {
            place: self._batches(place, records, assignment.state_value(place).position, max_records)
            for place, records in fetched.items()
        }

    def _batches(
        self, place: TopicPlace, records: list[Any], end: int, max_records: int | None
    ) -> list[Batch]:
        """Return the batches up to where reading has come to; nothing was awaited since the fetch."""
        base = self._read_to.get(place, records[0].offset)
        self._read_to[place] = end
        parts = _parted(records, max_records or len(records))
        bases = [base, *(part[0].offset for part in parts[1:])]
        return [
            Batch((place[0], place[1]), begin, stop, part, self._seek_number)
            for part, begin, stop in zip(parts, bases, [*bases[1:], end], strict=True)
        ]

    async def seek_to(self, offsets: Mapping[TopicPlace, int], seek: int) -> None:
        """Read on at these offsets; offset 0 too, which aiokafka's own version leaves out."""
        await self.call_thread(self._seek_to, offsets, seek)

    async def _seek_to(self, offsets: Mapping[TopicPlace, int], seek: int) -> None:
        consumer = self._ensure_consumer()
        for place, offset in offsets.items():
            consumer.seek(driver.TopicPartition(*place), offset)
        self._read_to = dict(offsets)
        self._seek_number = seek

    async def tell(self, offsets: Mapping[TopicPlace, int]) -> bool:
        """Commit offsets, in good time or not at all; return whether it was done."""
        return bool(await self.call_thread(self._tell, offsets))

    async def _tell(self, offsets: Mapping[TopicPlace, int]) -> bool:
        consumer = self._ensure_consumer()
        if consumer._subscription.reassignment_in_progress:
            # It would lie behind the request to join, and come to the broker with the generation before: the
            # broker refuses that, and aiokafka joins anew, with the next commit behind it, and so for ever.
            return False
        committed = {
            driver.TopicPartition(*place): OffsetAndMetadata(offset, "")
            for place, offset in offsets.items()
            if driver.TopicPartition(*place) in consumer.assignment()
        }
        if committed:
            await asyncio.wait_for(consumer.commit(committed), _COMMIT_TIMEOUT_S)
        return True

    def partitions_of(self, topic: str) -> int:
        """Return how many partitions a topic has, as far as is known."""
        return len(self._ensure_consumer().partitions_for_topic(topic) or ())

    def is_read_to_end(self, place: TopicPlace, done: int) -> bool:
        """Say whether nothing is left to read: all fetched is done, all there is was fetched."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(driver.TopicPartition(*place))
        if state is None or not state.has_valid_position or state.highwater is None:
            return False
        return place in self._read_to and done >= self._read_to[place] and state.position >= state.highwater


def send_only_when_settled(coordinator: Any) -> None:
    """Let a coordinator look again right before it sends a commit, which may have waited for long."""
    send = coordinator._do_commit_offsets

    async def look_and_send(assignment: Any, offsets: Any) -> None:
        if coordinator._subscription.reassignment_in_progress:
            raise CommitFailedError("partitions change hands")
        await send(assignment, offsets)

    coordinator._do_commit_offsets = look_and_send


def _parted(records: list[Any], most: int) -> list[list[Any]]:
    """Return records in parts of at most so many, and of `BATCH_BYTES` as long as there is more than one."""
    parts: list[list[Any]] = [[]]
    size = 0
    for record in records:
        length = len(record.value or b"")
        if parts[-1] and (len(parts[-1]) == most or size + length > BATCH_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += length
    return parts


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with positions from `Positions` and batches for messages."""

    _thread: BatchConsumerThread

    @property
    def positions(self) -> Positions:
        """The application's positions."""
        return cast("Positions", self.app.positions)  # type: ignore[attr-defined]

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        """Wrap a batch; its offset is the last it covers, so that Faust's next one is greater."""
        batch: Batch = record
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.end - 1,
            batch.records[0].timestamp / 1000,
            0,
            None,
            None,
            batch,  # type: ignore[arg-type]
            None,
            0,
            0,
            TP(tp.topic, tp.partition),
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note that partitions were given out, before anything is done about it."""
        self.app.gate.settle()  # type: ignore[attr-defined]
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to our positions, not to what Kafka was last told."""
        offsets = self.positions.seek(TP(*place) for place in self.assignment())
        await self._thread.seek_to(offsets, self.positions.seeks)
        return cast("Mapping[TP, int]", offsets)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Look for no stalls: Faust finds them in books of acknowledgements that are not kept."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no books about gaps: they grow without end, and our positions do not need them."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Tell Kafka our positions; what Faust believes to be acknowledged does not matter."""
        with ack_lock:
            for place in self._acked:
                self._acked[place].clear()
                self._acked_index[place].clear()
        return await self._commit({TP(*place): offset for place, offset in self.positions.untold().items()})

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit for information, of lag tools; never crash over it."""
        if not offsets:
            return False
        moved: dict[TopicPlace, int] = dict(offsets.items())
        try:
            if not await self._thread.tell(moved):
                return False
        except (KafkaError, asyncio.TimeoutError, ValueError) as error:
            logger.info("offsets not committed, tried again later reason=%s", repr(error))
            return False
        self.positions.told(moved)
        return True

    def partitions_of(self, topic: str) -> int:
        """Return how many partitions a topic has, as far as is known."""
        return self._thread.partitions_of(topic)

    def is_read_to_end(self, place: TopicPlace) -> bool:
        """Say whether a partition of ours was read to its end and all of it is done."""
        done = self.positions.next(place)
        return done is not None and self._thread.is_read_to_end(place, done)


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer = BatchConsumer
