"""The last value of each key of a compacted topic's partition, as of now."""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.state.layout import StateRecord

__all__ = ["read_last_values"]

ANSWER_WITHIN_S = 30.0
READ_WITHIN_S = 120.0


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
    try:
        end = _end(bootstrap_servers, place)
        return _read(bootstrap_servers, place, end, timeout_s) if end > 0 else []
    except KafkaException as error:
        raise BrokerUnreachable(f"cannot read {topic}[{partition}]: {error}") from error


def _end(bootstrap_servers: str, place: TopicPartition) -> int:
    """Return the offset behind the last record, committed or not; 0 if there is none left."""
    consumer = _consumer(bootstrap_servers, "read_uncommitted")
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN_S, cached=False)
    finally:
        consumer.close()
    return int(high) if high > low else 0


def _read(bootstrap_servers: str, place: TopicPartition, end: int, timeout_s: float) -> list[StateRecord]:
    consumer = _consumer(bootstrap_servers, "read_committed")
    values: dict[bytes, bytes | None] = {}
    end_s = time.monotonic() + timeout_s
    try:
        consumer.assign([place])
        while time.monotonic() < end_s:
            for message in consumer.consume(500, 0.5):
                error, offset = message.error(), message.offset()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    if error.retriable() or error.code() in (
                        KafkaError._TRANSPORT,
                        KafkaError._ALL_BROKERS_DOWN,
                    ):
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
        f"cannot read {place.topic}[{place.partition}] to its end, {end}, within {timeout_s:.0f} s: a writer may "
        "hold a transaction open"
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
            "log_level": 0,
        }
    )
