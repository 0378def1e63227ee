"""What is to be read, asked of a broker. The embedded one knows no times: see the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BackfillError, TopicError
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch, find_stretches
from pg_streaming_machine_learning.operations.topic_reader import TopicReader

T = 1_700_000_000_000


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """Return a broker with ten records in partition 1 of `some`, five in 2, and an empty topic."""
    with EmbeddedBroker(topics=["some", "none"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for partition, first, count in ((1, 0, 10), (2, 5, 5)):
            for number in range(first, first + count):
                producer.produce("some", b"x", partition=partition, timestamp=T + 1000 * number)
        assert producer.flush(10) == 0
        yield broker.bootstrap


@pytest.fixture
def reader(bootstrap: str) -> Iterator[TopicReader]:
    """Return a reader of that broker."""
    with TopicReader(bootstrap) as opened:
        yield opened


def test_without_times_it_is_all_there_is(reader: TopicReader) -> None:
    """Every partition of every topic, the empty ones too: they have progress to be told."""
    found = find_stretches(reader, ["some", "none"])
    assert found.stretches == (
        *(Stretch("some", partition, 0, end) for partition, end in enumerate((0, 10, 5, 0))),
        *(Stretch("none", partition, 0, 0) for partition in range(4)),
    )
    assert (found.offsets, found.notes) == (15, ())


def test_a_time_after_the_last_record_says_when_that_was(reader: TopicReader) -> None:
    """In UTC, to the millisecond."""
    with pytest.raises(BackfillError) as caught:
        find_stretches(reader, ["some"], from_ms=T + 3_600_000)
    assert str(caught.value) == (
        "'some': no record from 2023-11-14T23:13:20.000Z; the last one is of 2023-11-14T22:13:29.000Z"
    )


def test_neither_a_topic_that_is_not_there_nor_one_that_is_empty_can_be_read(reader: TopicReader) -> None:
    """Each in a sentence."""
    with pytest.raises(TopicError, match="there is no topic 'missing'"):
        find_stretches(reader, ["some", "missing"])
    with pytest.raises(BackfillError, match="'none' at present hold no records"):
        find_stretches(reader, ["none"])
