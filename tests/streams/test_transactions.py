"""Transactions of a producer: all of a batch is written, and whatever goes wrong ends in one helpful line.

Against the embedded broker, which neither hides open transactions nor fences older writers: both are tested
against Apache Kafka in `integration-test`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.streams import transactions as module
from pg_streaming_machine_learning.streams.transactions import KafkaTransactions, Outgoing

NAME = "app-engine-0"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """Yield a broker."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def topics(broker: EmbeddedBroker, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return two topics of this test's own."""
    number = abs(hash(request.node.nodeid))
    return f"one-{number}", f"two-{number}"


def read(broker: EmbeddedBroker, topic: str, partition: int, count: int) -> list[Message]:
    """Return so many committed records of a partition."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": "test", "isolation.level": "read_committed"}
    )
    place = TopicPartition(topic, partition, OFFSET_BEGINNING)
    consumer.get_watermark_offsets(place, timeout=10, cached=False)
    consumer.assign([place])
    found: list[Message] = []
    while len(found) < count:
        message = consumer.poll(10)
        assert message is not None, f"{len(found)} of {count} records in {topic}[{partition}]"
        assert message.error() is None
        found.append(message)
    consumer.close()
    return found


def values(broker: EmbeddedBroker, topic: str, count: int) -> list[bytes | None]:
    """Return the first values of partition 0."""
    return [message.value() for message in read(broker, topic, 0, count)]


class Failing(KafkaTransactions):
    """Transactions whose commit ends with an error of librdkafka."""

    def __init__(self, bootstrap_servers: str, code: int) -> None:
        super().__init__(bootstrap_servers, NAME)
        self.code = code

    def finish(self) -> None:
        """Fail."""
        raise KafkaException(KafkaError(self.code, "told so"))


def test_a_commit_writes_all_of_it(broker: EmbeddedBroker, topics: tuple[str, str]) -> None:
    """To several topics and partitions; key, value and headers as given, and nothing stays nothing."""
    one, two = topics
    headers = (("log-offset", b"7"), ("log-offset", b""))

    async def write() -> None:
        writer = KafkaTransactions(broker.bootstrap, NAME)
        await writer.open()
        await writer.commit(
            [
                Outgoing(one, 0, b"key", b"first", headers),
                Outgoing(two, 3, None, b"other"),
                Outgoing(one, 0, b"", None),
            ]
        )
        writer.close()

    asyncio.run(write())
    first, deleted = read(broker, one, 0, 2)
    assert (first.key(), first.value(), first.headers()) == (b"key", b"first", list(headers))
    assert (deleted.key(), deleted.value(), deleted.headers()) == (b"", None, None)
    (other,) = read(broker, two, 3, 1)
    assert (other.key(), other.value()) == (None, b"other")


def test_records_of_a_partition_keep_their_order(broker: EmbeddedBroker, topics: tuple[str, str]) -> None:
    """Within a transaction and from one to the next, however many there are."""

    async def write() -> None:
        writer = KafkaTransactions(broker.bootstrap, NAME)
        await writer.open()
        for start in range(0, 6000, 2000):
            numbers = range(start, start + 2000)
            await writer.commit([Outgoing(topics[0], 0, None, str(number).encode()) for number in numbers])
        writer.close()

    asyncio.run(write())
    assert values(broker, topics[0], 6000) == [str(number).encode() for number in range(6000)]


def test_two_names_are_used_in_turns(broker: EmbeddedBroker, topics: tuple[str, str]) -> None:
    """Under one the broker would refuse the next transaction until all of the last is marked.

    The first transaction is under the name that was fenced first: who lost that one writes nothing.
    """
    producers: dict[str, Producer] = {}

    class Noting(KafkaTransactions):
        def _fenced(self, name: str, end_s: float) -> Producer:
            producers[name] = super()._fenced(name, end_s)
            return producers[name]

    async def write() -> list[Producer]:
        writer = Noting(broker.bootstrap, NAME)
        await writer.open()
        used = []
        for number in range(4):
            used.append(writer.producer)
            await writer.commit([Outgoing(topics[0], 0, None, b"%d" % number)])
        writer.close()
        return used

    used = asyncio.run(write())
    assert list(producers) == [NAME, f"{NAME}-b"]
    assert used == [*producers.values()] * 2
    assert values(broker, topics[0], 4) == [b"0", b"1", b"2", b"3"]


def test_a_record_as_large_as_a_chunk_of_a_snapshot_is_taken(
    broker: EmbeddedBroker, topics: tuple[str, str]
) -> None:
    """Several of them in one transaction."""
    chunk = bytes(range(256)) * 3515  # 899,840 bytes

    async def write() -> None:
        writer = KafkaTransactions(broker.bootstrap, NAME)
        await writer.open()
        await writer.commit([Outgoing(topics[0], 0, str(number).encode(), chunk) for number in range(4)])
        writer.close()

    asyncio.run(write())
    assert values(broker, topics[0], 4) == [chunk] * 4


def test_the_name_can_be_opened_again(broker: EmbeddedBroker, topics: tuple[str, str]) -> None:
    """A successor under the same name writes on, whatever its predecessor left open."""

    async def write() -> None:
        first = KafkaTransactions(broker.bootstrap, NAME)
        await first.open()
        await first.commit([Outgoing(topics[0], 0, None, b"first")])
        second = KafkaTransactions(broker.bootstrap, NAME)
        await second.open()
        first.close()
        await second.commit([Outgoing(topics[0], 0, None, b"second")])
        second.close()

    asyncio.run(write())
    assert values(broker, topics[0], 2) == [b"first", b"second"]


def test_the_event_loop_goes_on_meanwhile(broker: EmbeddedBroker, topics: tuple[str, str]) -> None:
    """Heartbeats and other partitions do not wait for a commit."""

    async def write() -> int:
        writer = KafkaTransactions(broker.bootstrap, NAME)
        await writer.open()
        commit = asyncio.create_task(writer.commit([Outgoing(topics[0], 0, None, b"v")]))
        turns = 0
        while not commit.done():
            turns += 1
            await asyncio.sleep(0)
        await commit
        writer.close()
        return turns

    assert asyncio.run(write()) > 1


@pytest.mark.parametrize(
    ("code", "help_text"),
    [
        (KafkaError._FENCED, "another worker has the partition now, this one has to start anew"),
        (KafkaError.INVALID_PRODUCER_EPOCH, "another worker has the partition now"),
        (KafkaError.PRODUCER_FENCED, "another worker has the partition now"),
        (KafkaError._TIMED_OUT, "see transaction.state.log.* in its settings"),
        (KafkaError.COORDINATOR_NOT_AVAILABLE, "a new start mends it once the broker answers"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "has to allow Write and Describe"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "access control has to allow"),
        (KafkaError._INCONSISTENT, "a new start mends it if the cause is gone"),
    ],
)
def test_an_error_is_one_line_that_helps_and_exit_code_75(
    broker: EmbeddedBroker, topics: tuple[str, str], code: int, help_text: str
) -> None:
    """Who wrote, what librdkafka calls it and says of it, and what to make of it."""

    async def write() -> None:
        writer = Failing(broker.bootstrap, code)
        await writer.open()
        await writer.commit([Outgoing(topics[0], 0, None, b"v")])

    name = KafkaError(code).name()
    with pytest.raises(
        TransactionError, match=rf"^transactions of 'app-engine-0' failed \({name}: told so\); "
    ) as caught:
        asyncio.run(write())
    assert help_text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.exit_code, caught.value.retriable) == (75, True)


def test_what_cannot_be_handed_to_the_producer_is_a_transaction_error(
    broker: EmbeddedBroker, topics: tuple[str, str]
) -> None:
    """A partition that is not there, say; and nothing is written after it under this name."""

    async def write() -> list[TransactionError]:
        errors = []
        writer = KafkaTransactions(broker.bootstrap, NAME)
        await writer.open()
        for _ in range(2):
            await writer.commit([Outgoing(topics[0], 0, None, b"v")])  # makes the topic known, to both
        for partition in (broker.partitions + 95, 0):
            with pytest.raises(TransactionError) as caught:
                await writer.commit([Outgoing(topics[0], partition, None, b"v")])
            errors.append(caught.value)
        return errors

    first, second = asyncio.run(write())
    assert "_UNKNOWN_PARTITION" in str(first)
    assert second.exit_code == 75


def test_no_broker_is_a_transaction_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time for fencing is over. The text says which setting of the broker may be to blame."""
    monkeypatch.setattr(module, "FENCE_WITHIN_S", 0.1)
    writer = KafkaTransactions("127.0.0.1:1", NAME)
    expected = r"^transactions of 'app-engine-0' could not be begun \(_TIMED_OUT: .*transaction\.state\.log\."
    with pytest.raises(TransactionError, match=expected):
        asyncio.run(writer.open())


def test_a_broker_that_goes_away_is_a_transaction_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether the transaction came to its end; the next start finds out."""
    monkeypatch.setattr(module, "COMMIT_WITHIN_S", 0.5)

    async def write() -> None:
        with EmbeddedBroker() as broker:
            writer = KafkaTransactions(broker.bootstrap, NAME)
            await writer.open()
            await writer.commit([Outgoing("one", 0, None, b"v")])
        await writer.commit([Outgoing("one", 0, None, b"v")])

    with pytest.raises(TransactionError, match=r"^transactions of 'app-engine-0' failed \("):
        asyncio.run(write())
