"""What is fetched is what was parsed: as aiokafka would return it, in all that is used of it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.fetched import ParsedRecords, hand_on_as_parsed
from pg_streaming_machine_learning.streams.positions import Positions

PLACE = TopicPartition("input", 0)
THEIRS = inspect.unwrap(ParsedRecords.__mro__[1])
ROWS: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
    (b"key", b"value", []),
    (None, b"", []),
    (b"", None, []),
    (b"key", b"value", [("trace", b"1"), ("trace", b"")]),
]


def fetched() -> bytes:
    """Return what a broker sends for the rows above, offsets 5 to 8."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10**6)
    for number, (key, value, headers) in enumerate(ROWS):
        assert builder.append(number, 1_700_000_000_000 + number, key, value, headers) is not None
    data = bytearray(builder.build())
    data[:8] = (5).to_bytes(8, "big")
    return bytes(data)


def read(kind: Any, begin: int) -> Any:
    return kind(PLACE, MemoryRecords(fetched()), [], begin, None, None, True, fetcher.READ_COMMITTED)


def used(record: Any) -> tuple[Any, ...]:
    """Return what is used of a record (`FetchedRecord`)."""
    return record.offset, record.timestamp, record.key, record.value, tuple(record.headers)


@pytest.mark.parametrize("begin", [5, 7])
def test_all_that_is_used_of_a_record_is_as_aiokafka_has_it(begin: int) -> None:
    """Also where a fetch begins within a batch, and how far it comes."""
    ours, theirs = read(ParsedRecords, begin), read(THEIRS, begin)
    assert [used(record) for record in ours] == [used(record) for record in theirs]
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 9


def test_records_are_not_copied() -> None:
    """Which is what the hook is for; those with headers are aiokafka's own."""
    assert [type(record) is ConsumerRecord for record in read(ParsedRecords, 5)] == [False] * 3 + [True]


def test_aiokafka_still_makes_its_records_where_the_hook_is() -> None:
    """The hook was made for these lines of 0.14.0."""
    assert "partition_records = PartitionRecords(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "self._consumer_record(tp, record)" in inspect.getsource(THEIRS._unpack_records)


def test_the_consumer_has_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there before anything is fetched."""
    monkeypatch.setattr(fetcher, "PartitionRecords", THEIRS)
    app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())

    async def create() -> None:
        consumer = app.batch_consumer._thread._create_worker_consumer(app.transport)  # type: ignore[arg-type]
        await consumer.stop()

    asyncio.run(create())
    assert fetcher.PartitionRecords is ParsedRecords
    hand_on_as_parsed()
    assert fetcher.PartitionRecords is ParsedRecords
