"""Read a stretch of a topic of any Kafka, from an offset up to its present end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.records.input import InputRecord

__all__ = ["TopicReader", "record_of"]

_MARKERS = 50

OPEN_FOR_S = 60.0
"""How long an open transaction is waited for: brokers abort those of workers after 15 s, ours after 30."""


def record_of(message: Message) -> InputRecord:
    """Return what Kafka holds of a record; a time it does not know is -1."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise ValueError("message was never stored in a topic")
    return InputRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=_headers(message),
    )


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    # The client declares more than it does: what it hands over are pairs of a name and bytes. If one name is
    # no UTF-8, it hands over none.
    try:
        pairs = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    except (SystemError, UnicodeDecodeError):
        return ()
    return tuple((name, value or b"") for name, value in pairs)


class TopicReader:
    """Read records without a consumer group; use it as a context.

    Parameters
    ----------
    bootstrap : str
        The brokers, ``host:port``, separated by commas.
    timeout_s : float
        Patience with the broker for each answer, seconds.

    Notes
    -----
    Neither offsets are committed nor topics made. Only committed records of transactional writers are read.
    """

    def __init__(self, bootstrap: str, timeout_s: float = 10.0) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": "pg-streaming-machine-learning-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            # The end of a partition shows by a fetch that waits in vain, by default half a second.
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
        self._consumer = Consumer(self._config)

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> tuple[int, ...]:
        """Return the numbers of a topic's partitions, ascending.

        Raises
        ------
        BrokerUnreachable
            If no broker answers in time.
        TopicError
            If there is no such topic.
        """
        # All topics are asked for: a request for one by name may create it.
        try:
            topics = self._consumer.list_topics(timeout=self._timeout_s).topics
        except KafkaException as error:
            raise self._unreachable() from error
        if topic not in topics:
            raise TopicError(f"there is no topic {topic!r} at {self._bootstrap}")
        return tuple(sorted(topics[topic].partitions))

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the offset of the first record and the one after the last."""
        place = TopicPartition(topic, partition)
        try:
            answer = self._consumer.get_watermark_offsets(place, timeout=self._timeout_s)
        except KafkaException as error:
            raise self._unreachable() from error
        if answer is None:
            raise self._unreachable()
        return answer[0], answer[1]

    def offset_at(self, topic: str, partition: int, time_ms: int, end: int) -> int:
        """Return the offset of the first record written at or after a time, `end` if there is none.

        Parameters
        ----------
        topic, partition
            Where.
        time_ms : int
            By Kafka's timestamps, milliseconds since the epoch.
        end : int
            The offset behind the last record, from `bounds`.
        """
        try:
            (found,) = self._consumer.offsets_for_times(
                [TopicPartition(topic, partition, time_ms)], timeout=self._timeout_s
            )
        except KafkaException as error:
            raise self._unreachable() from error
        return end if found.offset < 0 else min(int(found.offset), end)

    def end(self, topic: str, partition: int) -> int:
        """Return the offset behind the last record, committed or not; `bounds` ends before what is open."""
        consumer = Consumer({**self._config, "isolation.level": "read_uncommitted"})
        try:
            answer = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=self._timeout_s)
        except KafkaException as error:
            raise self._unreachable() from error
        finally:
            consumer.close()
        if answer is None:
            raise self._unreachable()
        return int(answer[1])

    def some(self, topic: str, partition: int, offset: int, count: int) -> list[InputRecord]:
        """Return some records.

        Parameters
        ----------
        topic, partition
            Where.
        offset : int
            Of the first record; below 0 the records are counted from the end, -1 being the last.
        count : int
            How many at most.
        """
        first, end = self.bounds(topic, partition)
        if offset >= 0:
            return list(islice(self.read(topic, partition, max(first, offset), end), count))
        # Markers of transactions take offsets, too: so more are read than wanted.
        start = max(first, end + 2 * offset - _MARKERS)
        return list(deque(self.read(topic, partition, start, end), -offset))[:count]

    def read(
        self, topic: str, partition: int, first: int, end: int, *, waits: bool = False
    ) -> Iterator[InputRecord]:
        """Yield the records with offsets from `first` to before `end`, in order.

        Parameters
        ----------
        topic, partition
            Where.
        first, end : int
            Offsets.
        waits : bool
            Whether transactions that are open before the end are waited for.

        Raises
        ------
        BrokerUnreachable
            If no record comes in time, or a transaction stays open.
        TopicError
            If the topic cannot be read.

        Notes
        -----
        Offsets without a record (compacted, markers of transactions) are passed over.
        """
        if first >= end:
            return
        start = first if first > 0 else OFFSET_BEGINNING
        self._consumer.assign([TopicPartition(topic, partition, start)])
        try:
            while True:
                message = self._next(topic, partition, end if waits else 0)
                if message is None:
                    return
                record = record_of(message)
                if record.offset >= end:
                    return
                if record.offset >= first:
                    yield record
                if record.offset == end - 1:
                    return
        finally:
            self._consumer.unassign()

    def _next(self, topic: str, partition: int, end: int) -> Message | None:
        """Return the next record, or None at the end of the partition if that is not before `end`."""
        deadline_s = time.monotonic() + max(self._timeout_s, OPEN_FOR_S if end else 0.0)
        is_held_up = False
        while time.monotonic() < deadline_s:
            message = self._consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            if error.code() == KafkaError._PARTITION_EOF:
                if (message.offset() or 0) >= end:
                    return None
                is_held_up = True
                continue
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise TopicError(f"{topic}[{partition}] has no such offset: {error.str()}")
            if not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise TopicError(f"{topic}[{partition}] cannot be read: {error.str()}")
        if is_held_up:
            raise BrokerUnreachable(
                f"{topic}[{partition}] could not be read to offset {end} in time: a writer may hold a "
                "transaction open; try again"
            )
        raise self._unreachable()

    def _unreachable(self) -> BrokerUnreachable:
        return BrokerUnreachable(
            f"no Kafka answered at {self._bootstrap} within {self._timeout_s:g} s; "
            "is KAFKA_BOOTSTRAP_SERVER right?"
        )
