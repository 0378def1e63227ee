"""What really lies in a topic: its committed records, kept even if Kafka deletes them later."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pg_streaming_machine_learning.operations.topic_reader import record_of
from pg_streaming_machine_learning.records.input import InputRecord

__all__ = ["Capture"]

_READ_WITHIN_S = 60.0


class Capture:
    """The committed records of a topic.

    Parameters
    ----------
    bootstrap : str
        Where.
    topic : str
        Which topic.
    partitions : int
        How many it has.

    Attributes
    ----------
    records : list of list of InputRecord
        By partition, in the order of offsets.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.topic = topic
        self.records: list[list[InputRecord]] = [[] for _ in range(partitions)]
        self._bootstrap = bootstrap
        self._positions = [0] * partitions

    def refresh(self) -> None:
        """Read on to where the topic ends now; a transaction that is open is waited for."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"capture-of-{self.topic}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        try:
            for partition in range(len(self.records)):
                self._read(consumer, partition)
        finally:
            consumer.close()

    def end(self, partition: int) -> int:
        """Return the offset behind the last record of a partition."""
        records = self.records[partition]
        return records[-1].offset + 1 if records else 0

    def _read(self, consumer: Consumer, partition: int) -> None:
        place = TopicPartition(self.topic, partition, self._positions[partition])
        _, end = consumer.get_watermark_offsets(place, timeout=30, cached=False)
        if end <= self._positions[partition]:
            return
        consumer.assign([place])
        deadline_s = time.monotonic() + _READ_WITHIN_S
        while time.monotonic() < deadline_s:
            for message in consumer.consume(1000, 0.2):
                error, offset = message.error(), message.offset()
                if error is None:
                    self.records[partition].append(record_of(message))
                    continue
                if error.code() == KafkaError._PARTITION_EOF:
                    if offset is not None and offset >= end:
                        self._positions[partition] = offset
                        return
                elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                    raise KafkaException(error)
        raise RuntimeError(f"{self.topic}[{partition}] was not read to its end, {end}: a transaction is open")
