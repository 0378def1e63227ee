"""Records of many partitions at full speed, each up to where it is to be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch
from pg_streaming_machine_learning.records.input import InputRecord

__all__ = ["Fetch", "Fetched"]

_AT_ONCE = 5_000
_WAIT_S = 0.1

Fetched = tuple[int, list[InputRecord]]
"""Number of a stretch, and its next records."""


class Fetch:
    """Reads stretches at the same time; use it as a context.

    Parameters
    ----------
    bootstrap : str
        The brokers, ``host:port``, separated by commas.
    stretches : sequence of Stretch
        What to read; each is called by its place in the sequence.
    check_crcs : bool
        Whether the records' checksums are looked at.
    timeout_s : float
        How long nothing at all may come, seconds.
    check : callable
        Called while waiting; may raise to end it.

    Notes
    -----
    There is no consumer group: nothing is committed and nobody is disturbed. Headers are not read.
    """

    def __init__(
        self,
        bootstrap: str,
        stretches: Sequence[Stretch],
        *,
        check_crcs: bool = True,
        timeout_s: float = 60.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._stretches = stretches
        self._timeout_s = timeout_s
        self._check = check
        self._numbers = {(each.topic, each.partition): number for number, each in enumerate(stretches)}
        self._positions = [each.first for each in stretches]
        self._open = {number for number, each in enumerate(stretches) if each.offsets}
        self._paused: set[int] = set()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "pg-streaming-machine-learning-backfill",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "check.crcs": check_crcs,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Fetch:
        self._consumer.assign([self._place(number) for number in sorted(self._open)])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def is_ended(self, number: int) -> bool:
        """Whether a stretch was read to its end."""
        return number not in self._open

    def position(self, number: int) -> int:
        """Return the next offset of a stretch, its end if it was read."""
        return self._stretches[number].end if self.is_ended(number) else self._positions[number]

    def pause(self, number: int) -> None:
        """Read no more of a stretch until it is resumed."""
        if number in self._open and number not in self._paused:
            self._consumer.pause([self._place(number)])
            self._paused.add(number)

    def resume(self, number: int) -> None:
        """Read on."""
        if number in self._paused:
            self._consumer.resume([self._place(number)])
            self._paused.discard(number)

    def take(self) -> list[Fetched]:
        """Return what comes next of the stretches that are not paused; nothing if a stretch came to its end.

        Raises
        ------
        BrokerUnreachable
            If nothing comes in time.
        TopicError
            If a topic cannot be read.
        """
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            messages = self._consumer.consume(_AT_ONCE, _WAIT_S)
            if messages:
                before = len(self._open)
                found = list(self._sorted_out(messages))
                if found or len(self._open) < before:
                    return found
            self._check()
            if time.monotonic() > deadline_s:
                raise self._silent()

    def _sorted_out(self, messages: Sequence[Message]) -> Iterator[Fetched]:
        """Yield the records among messages by stretch, and take notice of the rest."""
        by_place: dict[tuple[str | None, int | None], list[Message]] = {}
        notices = []
        for message in messages:
            if message.error() is not None:
                notices.append(message)  # the end of a partition comes with its last records
            else:
                by_place.setdefault((message.topic(), message.partition()), []).append(message)
        for (topic, partition), some in by_place.items():
            assert topic is not None
            assert partition is not None
            number = self._numbers[topic, partition]
            if number in self._open:
                records = self._records(number, topic, partition, some)
                if records:
                    yield number, records
        for notice in notices:
            self._notice(notice)

    def _records(
        self, number: int, topic: str, partition: int, messages: Sequence[Message]
    ) -> list[InputRecord]:
        """Return the records of a stretch that messages hold; what lies behind its end ends it."""
        end, position = self._stretches[number].end, self._positions[number]
        records = [
            InputRecord(
                topic,
                partition,
                cast("int", message.offset()),
                message.timestamp()[1],
                message.key(),
                message.value(),
            )
            for message in messages
        ]
        last = records[-1].offset
        if records[0].offset < position or last >= end:  # read again, or more than was asked for
            records = [record for record in records if position <= record.offset < end]
        self._positions[number] = min(max(position, last + 1), end)
        if self._positions[number] == end:
            self._finish(number)
        return records

    def _notice(self, message: Message) -> None:
        """Take notice of an error, or of the end of a partition."""
        error, topic, partition = message.error(), message.topic(), message.partition()
        assert error is not None
        if error.code() == KafkaError._PARTITION_EOF and topic is not None and partition is not None:
            # Transactions end with records that are never handed over: the last offset may be one of theirs.
            number = self._numbers[topic, partition]
            if (message.offset() or 0) >= self._stretches[number].end:
                self._finish(number)
            return
        where = f"{topic}[{partition}]" if topic else "the topics"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise TopicError(f"{where}: records were deleted before they were read: {error.str()}")
        if error.fatal() or not (error.retriable() or error.code() in _PASSING):
            raise TopicError(f"{where} cannot be read: {error.str()}")

    def _finish(self, number: int) -> None:
        """Read no more of a stretch, whose end was reached."""
        if number in self._open:
            self.pause(number)
            self._open.discard(number)
            self._paused.discard(number)

    def _place(self, number: int) -> TopicPartition:
        """Return where to read on."""
        stretch = self._stretches[number]
        return TopicPartition(stretch.topic, stretch.partition, self._positions[number])

    def _silent(self) -> BrokerUnreachable:
        number = min(self._open - self._paused or self._open)
        stretch = self._stretches[number]
        return BrokerUnreachable(
            f"{stretch.topic}[{stretch.partition}] gave nothing for {self._timeout_s:g} s at offset "
            f"{self._positions[number]}, {stretch.end} is to be reached: Kafka at {self._bootstrap} does not "
            "answer, or a writer holds a transaction open; try again"
        )


_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
"""Errors that librdkafka mends by itself."""
