"""A writer's two names on a real Kafka: whoever opened them last is the only one who can write.

The embedded broker fences nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import count

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.operations.state_writer import KafkaStateWriter
from pg_streaming_machine_learning.streams.transactions import KafkaTransactions, Outgoing
from services.topics import create_topic

_NUMBERS = count(1)


class Scene:
    """A topic of one partition, and a writer's name."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.topic = self.name = f"fencing-{os.getpid()}-{next(_NUMBERS)}"
        create_topic(bootstrap, self.topic, 1)

    def writer(self) -> KafkaTransactions:
        return KafkaTransactions(self.bootstrap, self.name)

    def write(self, writer: KafkaTransactions, *values: int) -> None:
        """Write each value in a transaction of its own."""
        for value in values:
            writer.write([Outgoing(self.topic, 0, None, str(value).encode())])

    def read(self, wanted: int) -> list[int]:
        """Return the committed values, as many as are wanted and whatever else there is."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.name,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        found: list[int] = []
        while len(found) < wanted:
            message = consumer.poll(10)
            assert message is not None, f"{found}, and no more of {wanted}"
            found.append(int(message.value() or b""))
        more = consumer.poll(1)
        consumer.close()
        return found if more is None else [*found, int(more.value() or b"")]


@pytest.fixture
def scene(brokers: Callable[[str], str], real_broker: str) -> Scene:
    """Return a scene on each real Kafka."""
    return Scene(brokers(real_broker))


def test_transactions_under_two_names_keep_their_order(scene: Scene) -> None:
    """Although the next one begins before the broker has marked the records of the last."""
    writer = scene.writer()
    writer.fence()
    scene.write(writer, *range(60))
    assert scene.read(60) == list(range(60))


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_former_owner_cannot_write_whichever_name_has_its_turn(scene: Scene, written: int) -> None:
    former, owner = scene.writer(), scene.writer()
    former.fence()
    scene.write(former, *range(written))
    owner.fence()
    with pytest.raises(TransactionError, match="another worker has the partition now"):
        scene.write(former, 100)
    scene.write(owner, *range(written, 5))
    assert scene.read(5) == list(range(5))


@pytest.mark.parametrize("written", [0, 1])
def test_a_command_fences_a_worker_whichever_name_has_its_turn(scene: Scene, written: int) -> None:
    worker = scene.writer()
    worker.fence()
    scene.write(worker, *range(written))
    KafkaStateWriter(scene.bootstrap, scene.topic, scene.name).fence()
    with pytest.raises(TransactionError, match="another worker has the partition now"):
        scene.write(worker, 100)


def test_of_two_who_fence_at_the_same_time_only_one_can_begin(scene: Scene) -> None:
    """The slow one gets the second name last, and has lost the first."""
    has_first, go_on = threading.Event(), threading.Event()

    class Slow(KafkaTransactions):
        def _fenced(self, name: str, end_s: float) -> Producer:
            if name != self.transactional_id:
                has_first.set()
                assert go_on.wait(30)
            return super()._fenced(name, end_s)

    slow, owner = Slow(scene.bootstrap, scene.name), scene.writer()
    fencing = threading.Thread(target=slow.fence)
    fencing.start()
    assert has_first.wait(30)
    owner.fence()
    go_on.set()
    fencing.join(30)
    with pytest.raises(TransactionError, match="another worker has the partition now"):
        scene.write(slow, 100)
    scene.write(owner, 0)
    with pytest.raises(TransactionError, match="another worker has the partition now"):
        scene.write(owner, 1)
    assert scene.read(1) == [0]
