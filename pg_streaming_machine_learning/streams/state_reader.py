"""The last value of each key of a compacted topic's partition, as of now."""

from __future__ import annotations

import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.state.layout import StateRecord

__all__ = ["END_KEY", "read_last_values"]

ANSWER_WITHIN_S = 30.0
READ_WITHIN_S = 120.0
PAUSE_S = 0.2

END_KEY = b"end"
"""Key of the records that only mark where a partition ended when somebody took it over."""

_MAY_PASS = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)


def read_last_values(
    bootstrap_servers: str, topic: str, partition: int, timeout_s: float = READ_WITHIN_S
) -> list[StateRecord]:
    """Return the last committed value of each key, up to where the partition ends now; it blocks.

    A record of our own is written first, and reading goes on to there: a transaction that another writer has
    open before it is waited for. Otherwise what was committed behind it would be missed. The broker is not
    asked where the partition ends: one that has just started may not know how far it had shown its records,
    and says 0 until something is written. Call it after the writers whose last word counts were fenced.

    Raises
    ------
    BrokerUnreachable
        If the end is not reached in time.
    """
    place = TopicPartition(topic, partition, OFFSET_BEGINNING)
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            end = _end(bootstrap_servers, place)
            return _read(bootstrap_servers, place, end, end_s)
        except KafkaException as error:  # noqa: PERF203
            if not _may_pass(error.args[0]) or time.monotonic() > end_s:
                raise BrokerUnreachable(f"cannot read {topic}[{partition}]: {error}") from error
            time.sleep(PAUSE_S)


def _may_pass(error: KafkaError) -> bool:
    """Say whether waiting can help: the broker is away, or does not know the topic yet."""
    return error.retriable() or error.code() in _MAY_PASS


def _end(bootstrap_servers: str, place: TopicPartition) -> int:
    """Write a record that says nothing, and return the offset behind it."""
    written: list[int] = []
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is not None or offset is None:
            failed.append(error or KafkaError(KafkaError._FAIL))
        else:
            written.append(offset)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 0,
            "message.timeout.ms": int(ANSWER_WITHIN_S * 1000),
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
        }
    )
    producer.produce(place.topic, b"", END_KEY, place.partition, on_delivery=delivered)
    producer.flush(ANSWER_WITHIN_S)
    if not written:
        raise KafkaException(failed[0] if failed else KafkaError(KafkaError._TIMED_OUT))
    return written[0] + 1


def _read(bootstrap_servers: str, place: TopicPartition, end: int, end_s: float) -> list[StateRecord]:
    consumer = _consumer(bootstrap_servers, "read_committed")
    values: dict[bytes, bytes | None] = {}
    try:
        # Its answer is not needed; without metadata `assign` waits half a second for the leader.
        consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN_S, cached=False)
        consumer.assign([place])
        while time.monotonic() < end_s:
            for message in consumer.consume(500, 0.05):
                error, offset = message.error(), message.offset()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    if _may_pass(error):
                        continue
                    raise KafkaException(error)
                if error is None and message.key() != END_KEY:
                    key = message.key() or b""
                    values.pop(key, None)  # the order is that of the last values
                    values[key] = message.value()
                if offset is not None and offset + (error is None) >= end:
                    return [StateRecord(key, value) for key, value in values.items()]
    finally:
        consumer.close()
    raise BrokerUnreachable(
        f"cannot read {place.topic}[{place.partition}] to its end, {end}, in time: a writer may hold a "
        "transaction open"
    )


def _consumer(bootstrap_servers: str, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "pg-streaming-machine-learning-state",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
        }
    )
