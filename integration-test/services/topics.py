"""Reading and making topics, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

__all__ = ["Read", "create_topic", "partitions_of", "read_until", "wait_until"]

_MADE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Read:
    """A record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int


def create_topic(
    bootstrap: str, topic: str, partitions: int, properties: Mapping[str, str] | None = None
) -> None:
    """Make a topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, partitions, 1, config=dict(properties or {}))
    admin.create_topics([new])[topic].result(30)


def partitions_of(bootstrap: str, topic: str) -> int:
    """Return how many partitions a topic has, waiting for a worker to make it if need be."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    deadline_s = time.monotonic() + _MADE_WITHIN_S
    while True:
        found = admin.list_topics(topic, timeout=30).topics[topic]
        if found.error is None:
            return len(found.partitions)
        assert time.monotonic() < deadline_s, found.error
        time.sleep(0.2)


def read_until(
    bootstrap: str, topic: str, enough: Callable[[list[Read]], bool], timeout_s: float
) -> list[Read]:
    """Read a topic from its beginning until there is enough, or the time is up; return what was read."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-of-{topic}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    try:
        count = partitions_of(bootstrap, topic)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(count)])
        read: list[Read] = []
        deadline_s = time.monotonic() + timeout_s
        while not enough(read) and time.monotonic() < deadline_s:
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None, message.error()
                headers = dict(cast("list[tuple[str, bytes]]", message.headers() or []))
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None
                timestamp_ms = message.timestamp()[1]
                read.append(Read(partition, offset, message.key(), message.value(), headers, timestamp_ms))
        return read
    finally:
        consumer.close()


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait until something is so; fail if it does not come to be."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {timeout_s:.0f} s in vain until {what}"
        time.sleep(0.05)
