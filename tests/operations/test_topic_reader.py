"""A stretch of a topic is read up to its end, from any Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.input import InputRecord


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """Return a broker with ten numbered records in partition 1 of a topic."""
    with EmbeddedBroker(topics=["numbers"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for number in range(10):
            producer.produce(
                "numbers", b"%d" % number, b"key", partition=1, timestamp=1000 + number, headers=[("h", b"x")]
            )
        producer.produce("numbers", None, None, partition=2)
        producer.produce("numbers", b"", b"", partition=2)
        producer.flush(10)
        yield broker.bootstrap


@pytest.fixture
def reader(bootstrap: str) -> Iterator[TopicReader]:
    """Return a reader of that broker."""
    with TopicReader(bootstrap) as opened:
        yield opened


def values(records: list[InputRecord]) -> list[bytes | None]:
    """Return the values of records."""
    return [record.value for record in records]


def test_a_record_is_whole(reader: TopicReader) -> None:
    """Place, time, key, value and headers."""
    (record,) = reader.some("numbers", 1, 3, 1)
    assert record == InputRecord("numbers", 1, 3, 1003, b"key", b"3", (("h", b"x"),))


def test_nothing_and_empty_differ(reader: TopicReader) -> None:
    """Null is not the empty string."""
    first, second = reader.some("numbers", 2, 0, 5)
    assert (first.key, first.value, second.key, second.value) == (None, None, b"", b"")


def test_it_reads_from_an_offset_to_before_an_end(reader: TopicReader) -> None:
    """The end does not belong to it."""
    assert values(list(reader.read("numbers", 1, 2, 5))) == [b"2", b"3", b"4"]
    assert values(list(reader.read("numbers", 1, 8, 99))) == [b"8", b"9"]
    assert list(reader.read("numbers", 1, 10, 99)) == []
    assert list(reader.read("numbers", 1, 5, 5)) == []


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, 2, [b"0", b"1"]),
        (8, 5, [b"8", b"9"]),
        (-1, 1, [b"9"]),
        (-3, 2, [b"7", b"8"]),
        (-99, 1, [b"0"]),
        (50, 1, []),
    ],
)
def test_some_records(reader: TopicReader, offset: int, count: int, expected: list[bytes]) -> None:
    """Below 0 counts from the end."""
    assert values(reader.some("numbers", 1, offset, count)) == expected


def test_an_empty_partition_is_read_at_once(reader: TopicReader) -> None:
    """There is nothing to wait for."""
    assert reader.bounds("numbers", 0) == (0, 0)
    assert reader.some("numbers", 0, -1, 1) == []


def test_partitions(reader: TopicReader) -> None:
    """All of them, also the empty ones."""
    assert reader.partitions("numbers") == (0, 1, 2, 3)


def test_a_missing_topic_is_said_and_not_made(reader: TopicReader) -> None:
    """Asking must not create it: so it is missing at the second time, too."""
    for _ in range(2):
        with pytest.raises(TopicError, match="there is no topic 'letters'"):
            reader.partitions("letters")


def test_no_broker_is_said() -> None:
    """With the address."""
    with TopicReader("127.0.0.1:1", timeout_s=0.5) as reader:
        with pytest.raises(BrokerUnreachable, match=r"no Kafka answered at 127\.0\.0\.1:1"):
            reader.partitions("numbers")
        with pytest.raises(BrokerUnreachable):
            reader.bounds("numbers", 0)
        with pytest.raises(BrokerUnreachable):
            reader.some("numbers", 0, 0, 1)
