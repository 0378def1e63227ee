"""The embedded broker: a cluster on a loopback port, with its topics there."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pg_streaming_machine_learning.demo.broker import PARTITIONS, EmbeddedBroker


def test_topics_are_there_with_their_partitions() -> None:
    """Another client sees them."""
    with EmbeddedBroker(topics=["one", "two"]) as broker:
        metadata = Producer({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10)
        assert {name: len(topic.partitions) for name, topic in metadata.topics.items()} == {
            "one": PARTITIONS,
            "two": PARTITIONS,
        }


def test_what_is_sent_can_be_read() -> None:
    """Key, value, headers."""
    with EmbeddedBroker(topics=["one"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce("one", b"value", b"key", 2, headers=[("name", b"header")])
        assert producer.flush(10) == 0
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "test"})
        consumer.assign([TopicPartition("one", 2, 0)])
        message = consumer.poll(10)
        consumer.close()
    assert message is not None
    assert (message.key(), message.value(), message.headers()) == (b"key", b"value", [("name", b"header")])


def test_several_run_side_by_side() -> None:
    """Demos do not get into each other's way."""
    with EmbeddedBroker() as one, EmbeddedBroker() as two:
        assert one.bootstrap != two.bootstrap


def test_it_has_no_address_when_it_does_not_run() -> None:
    """Using it without a context is a mistake that shows."""
    broker = EmbeddedBroker()
    with pytest.raises(RuntimeError, match=r"^the embedded broker does not run"):
        _ = broker.bootstrap
