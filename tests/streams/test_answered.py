"""What the last predictions of a partition say of how far sending had come, read from a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.streams.answered import LogPlace, cause_headers, last_answered

TOPIC = "predictions"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """Yield a broker with an empty topic."""
    with EmbeddedBroker(topics=[TOPIC]) as broker:
        yield broker


def send(broker: EmbeddedBroker, partition: int, causes: list[LogPlace | None]) -> None:
    """Send a prediction for each cause, and one of unknown origin for None."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for cause in causes:
        headers: list[tuple[str, str | bytes | None]] = []
        if cause is not None:
            headers += cause_headers(cause)
        producer.produce(TOPIC, b"value", b"key", partition, headers=headers)
    assert producer.flush(10) == 0


def test_without_predictions_nothing_is_answered(broker: EmbeddedBroker) -> None:
    """A new topic, or a new partition of it."""
    send(broker, 1, [LogPlace(5, 0)])
    assert last_answered(broker.bootstrap, TOPIC, 0) is None


def test_the_last_prediction_tells(broker: EmbeddedBroker) -> None:
    """Of its own partition."""
    send(broker, 0, [LogPlace(0, 0), LogPlace(0, 1), LogPlace(3, 0)])
    send(broker, 1, [LogPlace(9, 0)])
    assert last_answered(broker.bootstrap, TOPIC, 0) == LogPlace(3, 0)


def test_a_straggler_does_not_take_it_back(broker: EmbeddedBroker) -> None:
    """A worker that lost the partition may have sent its last ones late."""
    send(broker, 0, [LogPlace(3, 0), LogPlace(4, 0), LogPlace(2, 1)])
    assert last_answered(broker.bootstrap, TOPIC, 0) == LogPlace(4, 0)


def test_it_looks_further_back_for_one_that_tells(broker: EmbeddedBroker) -> None:
    """Records without the header are somebody else's."""
    send(broker, 0, [LogPlace(3, 0), *[None] * 150])
    assert last_answered(broker.bootstrap, TOPIC, 0) == LogPlace(3, 0)
