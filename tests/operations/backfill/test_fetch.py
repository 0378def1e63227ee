"""Stretches are read at full speed, each to its end and no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Producer

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.operations.backfill import fetch as fetching
from pg_streaming_machine_learning.operations.backfill import inputs
from pg_streaming_machine_learning.operations.backfill.fetch import Fetch
from pg_streaming_machine_learning.operations.backfill.inputs import merged
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch
from pg_streaming_machine_learning.records.input import InputRecord

COUNT = 3_000
T = 1_700_000_000_000


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """Return a broker with numbered records in three partitions; those of the third are of a later time."""
    with EmbeddedBroker(topics=["numbers"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0, "batch.size": 4000})
        for partition in range(3):
            for number in range(COUNT):
                at_ms = T + number + (10 * COUNT if partition == 2 else 0)
                producer.produce("numbers", b"%d" % number, b"key", partition=partition, timestamp=at_ms)
        assert producer.flush(30) == 0
        yield broker.bootstrap


def read(bootstrap: str, stretches: Sequence[Stretch]) -> dict[int, list[InputRecord]]:
    """Return the records of each stretch."""
    found: dict[int, list[InputRecord]] = {number: [] for number in range(len(stretches))}
    with Fetch(bootstrap, stretches, check_crcs=False) as fetch:
        while not all(map(fetch.is_ended, found)):
            for number, records in fetch.take():
                found[number] += records
        assert [fetch.position(number) for number in found] == [each.end for each in stretches]
    return found


def test_every_stretch_is_read_from_its_first_offset_to_before_its_end(bootstrap: str) -> None:
    """Also to the end of the partition, and a stretch of nothing."""
    stretches = [Stretch("numbers", 0, 10, 20), Stretch("numbers", 1, 0, COUNT), Stretch("numbers", 2, 7, 7)]
    found = read(bootstrap, stretches)
    assert [record.offset for record in found[0]] == list(range(10, 20))
    assert [record.offset for record in found[1]] == list(range(COUNT))
    assert found[2] == []
    assert found[0][0] == InputRecord("numbers", 0, 10, T + 10, b"key", b"10")


def test_partitions_that_are_ahead_wait_and_nothing_is_lost(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third partition comes after the others: it is paused meanwhile, and read on where it was."""
    monkeypatch.setattr(inputs, "MOST_AHEAD", 100)
    monkeypatch.setattr(fetching, "_AT_ONCE", 500)
    stretches = [Stretch("numbers", partition, 0, COUNT) for partition in range(3)]
    paused: list[int] = []

    class Watched(Fetch):
        def pause(self, number: int) -> None:
            paused.append(number)
            super().pause(number)

    with Watched(bootstrap, stretches, check_crcs=False) as fetch:
        batches = list(merged(fetch, 3))
    found = [(number, record.offset) for batch, _ in batches for number, record in batch]
    both = [(number, offset) for offset in range(COUNT) for number in (0, 1)]
    assert found == [*both, *((2, offset) for offset in range(COUNT))]
    assert 2 in paused
    assert {len(batch) for batch, _ in batches[:-1]} == {inputs.BATCH_RECORDS}
    assert batches[-1][1] == {0, 1, 2}


def test_a_broker_that_is_silent_is_named(bootstrap: str) -> None:
    """An end that never comes is a transaction that is open, or no Kafka."""
    with (
        Fetch(bootstrap, [Stretch("numbers", 3, 0, 5)], check_crcs=False, timeout_s=0.3) as fetch,
        pytest.raises(BrokerUnreachable, match=r"numbers\[3\] gave nothing for 0.3 s at offset 0, 5 is to"),
    ):
        fetch.take()


def test_records_that_were_deleted_meanwhile_are_named(bootstrap: str) -> None:
    """Reading elsewhere would leave them out silently."""
    stretch = Stretch("numbers", 0, COUNT + 5, COUNT + 9)
    with (
        Fetch(bootstrap, [stretch], check_crcs=False) as fetch,
        pytest.raises(TopicError, match=r"numbers\[0\]: records were deleted before they were read"),
    ):
        fetch.take()


def test_whoever_waits_can_be_told_to_end(bootstrap: str) -> None:
    """Ctrl-C is looked for while nothing comes."""

    def told() -> None:
        raise KeyboardInterrupt

    with (
        Fetch(bootstrap, [Stretch("numbers", 3, 0, 5)], check_crcs=False, check=told) as fetch,
        pytest.raises(KeyboardInterrupt),
    ):
        fetch.take()
