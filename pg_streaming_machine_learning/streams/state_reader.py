"""The last value of each key of a compacted topic's partition, as of now."""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.state.layout import StateRecord

__all__ = ["read_last_values"]

ANSWER_WITHIN_S = 30.0
READ_WITHIN_S = 120.0
PAUSE_S = 0.2

_MAY_PASS = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)


def read_last_values(
    bootstrap_servers: str, topic: str, partition: int, timeout_s: float = READ_WITHIN_S
) -> list[StateRecord]:
    """Return the last committed value of each key, up to where the partition ends now; it blocks.

    The end is asked for first, with everything that is not committed yet, and reading goes on to there: a
    transaction that another writer has open is waited for. Otherwise what was committed behind it would be
    missed. Call it after the writers whose last word counts were fenced.

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
            return _read(bootstrap_servers, place, end, end_s) if end > 0 else []
        except KafkaException as error:  # noqa: PERF203
            if not _may_pass(error.args[0]) or time.monotonic() > end_s:
                raise BrokerUnreachable(f"cannot read {topic}[{partition}]: {error}") from error
            time.sleep(PAUSE_S)


def _may_pass(error: KafkaError) -> bool:
    """Say whether waiting can help: the broker is away, or does not know the topic yet."""
    return error.retriable() or error.code() in _MAY_PASS


def _end(bootstrap_servers: str, place: TopicPartition) -> int:
    """Return the offset behind the last record, committed or not; 0 if there is none left."""
    consumer = _consumer(bootstrap_servers, "read_uncommitted")
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN_S, cached=False)
    finally:
        consumer.close()
    return int(high) if high > low else 0


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
                if error is None:
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
