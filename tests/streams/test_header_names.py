"""Records with header names that are no UTF-8 are records like any other."""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, legacy_records, memory_records, util
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.header_names import TolerantRecords, bear_any_header_name
from pg_streaming_machine_learning.streams.positions import Positions

Headers = Sequence[tuple[bytes, "bytes | None"]]

PARSERS = {"compiled": memory_records.MemoryRecords, "in Python": memory_records._MemoryRecordsPy}
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""All that Kafka has: inputs come as their producers compress them."""
CONTROL = 0x30


class AnyName(str):
    """A name that is sent as the bytes it is made of."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        """Return the bytes."""
        return bytes(ord(each) for each in self)


def batch(base: int, records: Sequence[Headers], *, codec: int = 0, producer: int = -1) -> bytes:
    """Return a batch as brokers send it, of records with these headers."""
    builder = default_records._DefaultRecordBatchBuilderPy(2, codec, producer >= 0, producer, 0, 0, 1_000_000)
    for index, headers in enumerate(records):
        named: Any = [(AnyName(name.decode("latin-1")), value) for name, value in headers]
        builder.append(index, 1_700_000_000_000 + index, b"key", b"value", named)
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def abort_marker(base: int, producer: int) -> bytes:
    """Return what a broker writes where a transaction was aborted."""
    builder = default_records._DefaultRecordBatchBuilderPy(2, 0, True, producer, 0, 0, 1000)
    builder.append(0, 1, struct.pack(">hh", 0, 0), bytes(6), [])
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", base)
    data[21:23] = struct.pack(">h", CONTROL)
    data[17:21] = struct.pack(">I", util.calc_crc32c(memoryview(data)[21:]))
    return bytes(data)


def read(data: bytes, begin: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> list[Any]:
    """Return what aiokafka makes of a fetch, up to where it fails."""
    place = TopicPartition("input", 0)
    records = fetcher.MemoryRecords(data)
    return list(
        fetcher.PartitionRecords(
            place, records, list(aborted), begin, None, None, True, fetcher.READ_COMMITTED
        )
    )


@pytest.fixture(params=PARSERS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiokafka parse as it does with and without its compiled half, with the hook in its place."""
    monkeypatch.setattr(memory_records, "MemoryRecords", PARSERS[request.param])
    if request.param == "in Python":
        monkeypatch.setattr(memory_records, "DefaultRecordBatch", default_records._DefaultRecordBatchPy)
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    bear_any_header_name()


def test_the_compiled_half_of_aiokafka_is_there() -> None:
    """Otherwise these tests would look at one parser twice."""
    assert memory_records.MemoryRecords is not memory_records._MemoryRecordsPy


def test_aiokafka_still_parses_where_the_hook_is() -> None:
    """The hook was made for these lines of 0.14.0."""
    assert "MemoryRecords(part_data[-1])" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    unpack = inspect.getsource(fetcher.PartitionRecords._unpack_records)
    assert "next_batch = records.next_batch()" in unpack
    assert "for record in next_batch" in unpack
    parse = inspect.getsource(default_records._DefaultRecordBatchPy._read_msg)
    assert '.decode("utf-8")' in parse
    assert "buffer = self._buffer" in parse


@pytest.mark.parametrize("name", PARSERS)
def test_aiokafka_alone_stumbles_over_such_a_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day it does not, the hook can go."""
    monkeypatch.setattr(fetcher, "MemoryRecords", PARSERS[name])
    with pytest.raises((UnicodeDecodeError, CorruptRecordException)):
        read(batch(0, [[(b"\xff\xfe", b"1")]]))


def test_the_consumer_has_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there before anything is fetched."""
    monkeypatch.setattr(fetcher, "MemoryRecords", memory_records.MemoryRecords)
    app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())

    async def create() -> None:
        consumer = app.batch_consumer._thread._create_worker_consumer(app.transport)  # type: ignore[arg-type]
        await consumer.stop()

    asyncio.run(create())
    assert fetcher.MemoryRecords is TolerantRecords


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("codec", CODECS)
def test_a_name_that_is_no_text_is_read_with_escapes(codec: str) -> None:
    """Each record comes once and in its order, before and behind it, and in the batches around."""
    strange: Headers = [(b"caf\xe9", b"1"), ("café".encode(), None), (b"\xff\xfe", b"")]
    plain: Headers = [(b"trace", b"2")]
    data = b"".join(
        [
            batch(10, [plain, []], codec=CODECS[codec]),
            batch(12, [plain, strange, plain, strange], codec=CODECS[codec]),
            batch(16, [plain], codec=CODECS[codec]),
        ]
    )
    found = read(data, begin=10)
    assert [record.offset for record in found] == list(range(10, 17))
    assert [(record.key, record.value) for record in found] == [(b"key", b"value")] * 7
    assert found[3].headers == found[5].headers
    assert found[3].headers == (("caf\\xe9", b"1"), ("café", None), ("\\xff\\xfe", b""))
    assert {found[index].headers for index in (0, 2, 4, 6)} == {(("trace", b"2"),)}
    assert [record.timestamp - 1_700_000_000_000 for record in found[2:6]] == [0, 1, 2, 3]


@pytest.mark.usefixtures("parser")
def test_what_was_read_before_is_not_read_again() -> None:
    """A fetch may begin in the middle of a batch, behind such a record or at it."""
    data = batch(5, [[(b"\xff", None)]] * 4)
    assert [record.offset for record in read(data, begin=7)] == [7, 8]


@pytest.mark.usefixtures("parser")
def test_aborted_records_stay_unread_whatever_their_headers_are() -> None:
    """The markers of transactions are looked at through the hook, too."""
    data = b"".join(
        [
            batch(0, [[(b"\xff", b"kept")]]),
            batch(1, [[(b"\xfe", b"aborted")]], producer=7),
            abort_marker(2, producer=7),
            batch(3, [[(b"\xfd", b"kept too")]], producer=7),
        ]
    )
    assert [record.headers for record in read(data, aborted=[(7, 1)])] == [
        (("\\xff", b"kept"),),
        (("\\xfd", b"kept too"),),
    ]


@pytest.mark.usefixtures("parser")
def test_damage_is_still_damage() -> None:
    """Only names are borne with."""
    data = bytearray(batch(0, [[(b"ok", b"1")]]))
    data[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="Invalid CRC"):
        read(bytes(data))
    data = bytearray(batch(0, [[(b"\xff", b"1")]]))
    data[60:62] = data[60:62][::-1]
    data[61] = 9  # another length than the record has
    data[17:21] = struct.pack(">I", util.calc_crc32c(memoryview(data)[21:]))
    with pytest.raises(CorruptRecordException):
        read(bytes(data))


@pytest.mark.usefixtures("parser")
def test_a_batch_that_was_cut_is_left_for_the_next_fetch() -> None:
    """As brokers send it at the end of what they were allowed to send."""
    data = batch(0, [[(b"\xff", b"1")]]) + batch(1, [[]])
    assert [record.offset for record in read(data[:-3])] == [0]


@pytest.mark.usefixtures("parser")
def test_records_of_the_oldest_format_have_no_headers_and_are_read_as_ever() -> None:
    """Their batches are aiokafka's own."""
    builder = legacy_records._LegacyRecordBatchBuilderPy(1, 0, 1000)
    builder.append(0, 1, b"key", b"value")
    assert [(record.offset, record.value) for record in read(bytes(builder.build()))] == [(0, b"value")]


@given(st.lists(st.lists(st.tuples(st.binary(max_size=8), st.none() | st.binary(max_size=4))), min_size=1))
def test_any_headers_are_read(records: list[list[tuple[bytes, bytes | None]]]) -> None:
    """Names that are text come as they are, the others with escapes, values untouched."""
    found = list(TolerantRecords(batch(0, records)).next_batch())
    assert [[*record.headers] for record in found] == [
        [(name.decode(errors="backslashreplace"), value) for name, value in headers] for headers in records
    ]
