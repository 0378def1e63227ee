"""The last value of each key, up to where a partition ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.state.layout import StateRecord
from pg_streaming_machine_learning.streams import state_reader
from pg_streaming_machine_learning.streams.state_reader import END_KEY, read_last_values

TOPIC = "state"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """Yield a broker with an empty topic."""
    with EmbeddedBroker(topics=[TOPIC]) as broker:
        yield broker


def send(
    broker: EmbeddedBroker, records: Sequence[tuple[bytes | None, bytes | None]], partition: int = 0
) -> None:
    """Send records without a transaction."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for key, value in records:
        producer.produce(TOPIC, value, key, partition)
    assert producer.flush(10) == 0


def send_by_transaction(broker: EmbeddedBroker, key: bytes, value: bytes) -> None:
    """Send a record in a transaction."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "writer"})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(TOPIC, value, key, 0)
    producer.commit_transaction(10)


def read(broker: EmbeddedBroker, partition: int = 0) -> list[StateRecord]:
    """Read a partition."""
    return read_last_values(broker.bootstrap, TOPIC, partition)


def test_an_empty_partition_has_nothing(broker: EmbeddedBroker) -> None:
    """A new topic; what other partitions hold does not matter, and nothing is waited for."""
    send(broker, [(b"progress", b"1")], partition=1)
    assert read(broker) == []


def test_of_each_key_the_last_value_counts(broker: EmbeddedBroker) -> None:
    """Compaction may not have come by yet."""
    send(broker, [(b"progress", b"1"), (b"generation", b"g"), (b"progress", b"2"), (b"progress", b"3")])
    assert read(broker) == [StateRecord(b"generation", b"g"), StateRecord(b"progress", b"3")]


def test_the_order_is_that_of_the_last_values(broker: EmbeddedBroker) -> None:
    """A manifest written behind its chunks comes behind them, wherever the one before lay."""
    send(broker, [(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"b", b"2"), (b"a", b"2")])
    assert [record.key for record in read(broker)] == [b"c", b"b", b"a"]


def test_a_deleted_key_has_no_value(broker: EmbeddedBroker) -> None:
    """And may have one again later. An empty value is a value."""
    send(broker, [(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"a", None), (b"b", None), (b"b", b"2")])
    send(broker, [(b"c", b"")])
    assert read(broker) == [StateRecord(b"a", None), StateRecord(b"b", b"2"), StateRecord(b"c", b"")]


def test_values_committed_by_transactions_are_read_behind_their_markers(broker: EmbeddedBroker) -> None:
    """The end is behind the last marker, which is no record."""
    send_by_transaction(broker, b"progress", b"1")
    send_by_transaction(broker, b"progress", b"2")
    assert read(broker) == [StateRecord(b"progress", b"2")]


def test_who_reads_marks_the_end_first_and_shows_the_mark_to_nobody(broker: EmbeddedBroker) -> None:
    """A broker that was just started may say that a partition ends at 0: its word is not asked for."""
    send(broker, [(b"progress", b"1")])
    assert read(broker) == read(broker) == [StateRecord(b"progress", b"1")]
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "all"})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    keys = [message.key() for message in consumer.consume(3, 10.0)]
    consumer.close()
    assert keys == [b"progress", END_KEY, END_KEY]


def test_more_records_than_one_answer_holds(broker: EmbeddedBroker) -> None:
    """All are read, large ones as well."""
    chunk = b"x" * 900_000
    send(broker, [(b"%d" % number, b"%d" % number) for number in range(3000)])
    send(broker, [(b"chunk-%d" % number, chunk) for number in range(3)])
    found = {record.key: record.value for record in read(broker)}
    assert len(found) == 3003
    assert found[b"2999"] == b"2999"
    assert found[b"chunk-2"] == chunk


def test_partitions_are_kept_apart(broker: EmbeddedBroker) -> None:
    """Each has an engine of its own."""
    send(broker, [(b"progress", b"0")], partition=0)
    send(broker, [(b"progress", b"3")], partition=3)
    assert read(broker, 3) == [StateRecord(b"progress", b"3")]


def test_no_broker_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the partition that could not be read."""
    monkeypatch.setattr(state_reader, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(state_reader, "READ_WITHIN_S", 0.2)
    with pytest.raises(BrokerUnreachable, match=r"^cannot read state\[2\]: ") as caught:
        read_last_values("127.0.0.1:1", TOPIC, 2, timeout_s=0.2)
    assert caught.value.exit_code == 3


def test_an_end_that_is_not_reached_in_time_is_said_in_a_line(broker: EmbeddedBroker) -> None:
    """Going on without what may still be committed would be another state."""
    send(broker, [(b"progress", b"1")])
    expected = r"^cannot read state\[0\] to its end, 2, in time: a writer may hold a transaction open$"
    with pytest.raises(BrokerUnreachable, match=expected):
        read_last_values(broker.bootstrap, TOPIC, 0, timeout_s=0.0)
