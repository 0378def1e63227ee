"""A stretch of a topic is read up to its end, from any Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.operations import topic_reader
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


class Polled:
    """What a client hands over: a record, or the end of what is committed."""

    def __init__(self, offset: int, error: int | None = None) -> None:
        self._offset = offset
        self._error = error

    def topic(self) -> str:
        """Return the topic."""
        return "numbers"

    def partition(self) -> int:
        """Return the partition."""
        return 1

    def offset(self) -> int:
        """Return the offset."""
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        """Return kind and time."""
        return 0, 0

    def key(self) -> bytes:
        """Return the key."""
        return b"key"

    value = key

    def headers(self) -> None:
        """Return no headers."""

    def error(self) -> KafkaError | None:
        """Return the error."""
        return None if self._error is None else KafkaError(self._error)


class Script:
    """A client that hands over what it is told to, then nothing."""

    def __init__(self, *polled: Polled) -> None:
        self.polled = list(polled)

    def assign(self, _: Any) -> None:
        """Begin."""

    def unassign(self) -> None:
        """End."""

    def poll(self, _: float) -> Polled | None:
        """Return the next."""
        return self.polled.pop(0) if self.polled else None


def scripted(monkeypatch: pytest.MonkeyPatch, *polled: Polled) -> TopicReader:
    """Return a reader of such a client."""
    script = Script(*polled)
    monkeypatch.setattr(topic_reader, "Consumer", lambda _: script)
    monkeypatch.setattr(topic_reader, "OPEN_FOR_S", 0.01)
    return TopicReader("localhost:1", timeout_s=0.01)


END = KafkaError._PARTITION_EOF


def test_what_lies_behind_an_open_transaction_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is asked for: the last word of a writer may lie there. The markers at the end are no records."""
    polled = (Polled(0), Polled(1, END), Polled(3), Polled(5, END), Polled(6, END), Polled(9))
    reader = scripted(monkeypatch, *polled)
    assert [record.offset for record in reader.read("numbers", 1, 0, 6, waits=True)] == [0, 3]
    reader = scripted(monkeypatch, *polled)
    assert [record.offset for record in reader.read("numbers", 1, 0, 6)] == [0]


def test_a_transaction_that_stays_open_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end that was asked for is never reached."""
    reader = scripted(monkeypatch, Polled(0), Polled(1, END))
    with pytest.raises(BrokerUnreachable, match=r"^numbers\[1\] could not be read to offset 6 .* open"):
        list(reader.read("numbers", 1, 0, 6, waits=True))


def test_the_end_of_all_there_is(reader: TopicReader) -> None:
    """As far as the embedded broker knows: to it everything is committed."""
    assert [reader.end("numbers", number) for number in (0, 1, 2)] == [0, 10, 2]
    with TopicReader("localhost:1", timeout_s=0.3) as other, pytest.raises(BrokerUnreachable):
        other.end("numbers", 1)


def test_headers_that_the_client_cannot_hand_over_are_left_out() -> None:
    """A name that is no UTF-8 is a defect in it, and no reason not to show the record."""

    class Spoilt(Polled):
        def headers(self) -> None:
            """Fail as the client does."""
            raise SystemError("returned a result with an exception set")

    spoilt: Any = Spoilt(4)
    record = topic_reader.record_of(spoilt)
    assert (record.offset, record.value, record.headers) == (4, b"key", ())
