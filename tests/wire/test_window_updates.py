"""Many window updates in one record of the log: the format, which is never to change, and damage to it."""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import InputPartition, Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import METRICS, ROW, WindowUpdates
from pg_streaming_machine_learning.wire.log import decode, encode_update
from tests.window_updates import bits, row, together

MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
RECEIVED = Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND")
VALUES = (35.0, 45.0, 40.0, 5.0, 37.5, 40.0, 42.5, 0.0, -1.5, 0.25, 0.5)
UPDATES = (
    WindowUpdate(SourcePlace("in", 2, 1_000, 0), "web", MEMORY, 1_600_000_000_000, VALUES, 1),
    WindowUpdate(SourcePlace("in", 2, 1_002, 0), "db", RECEIVED, 60_000, (0.0,) * 11, None),
)
GOLDEN_ROWS = bytes.fromhex(
    "e8 03 00 00 00 00 00 00"  # offset
    "00 80 6e 87 74 01 00 00"  # window start
    "01 00 00 00  08 00 03 00  01"  # host, metric (unit, measure, metric), label
    "00 00 00 00 00 80 41 40  00 00 00 00 00 80 46 40  00 00 00 00 00 00 44 40  00 00 00 00 00 00 14 40"
    "00 00 00 00 00 c0 42 40  00 00 00 00 00 00 44 40  00 00 00 00 00 40 45 40  00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 f8 bf  00 00 00 00 00 00 d0 3f  00 00 00 00 00 00 e0 3f"
    "ea 03 00 00 00 00 00 00"
    "60 ea 00 00 00 00 00 00"
    "00 00 00 00  03 01 04 00  02"  # no label
) + bytes(88)
GOLDEN = (
    bytes.fromhex(
        "01 06"  # format, kind
        "04 69 6e  04"  # topic, partition
        "04 04 64 62 06 77 65 62 00"  # two hosts, no more of them
        "c4 03"  # 226 bytes of rows
    )
    + GOLDEN_ROWS
)
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "WindowUpdates",
        "fields": [
            {"name": "topic", "type": "string"},
            {"name": "partition", "type": "int"},
            {"name": "hosts", "type": {"type": "array", "items": "string"}},
            {"name": "rows", "type": "bytes"},
        ],
    }
)


def test_the_golden_updates() -> None:
    assert encode_update(together(UPDATES)).hex(" ") == GOLDEN.hex(" ")
    found = decode(GOLDEN)

    assert isinstance(found, WindowUpdates)
    assert (found.input, found.hosts, len(found)) == (InputPartition("in", 2), ("db", "web"), 2)
    assert [bits(update) for update in found] == [bits(update) for update in UPDATES]


def test_the_golden_updates_by_their_schema_alone() -> None:
    """So does whoever reads the log in another language, or by another library."""
    fields = fastavro.schemaless_reader(BytesIO(GOLDEN[2:]), SCHEMA, None)

    assert fields == {"topic": "in", "partition": 2, "hosts": ["db", "web"], "rows": GOLDEN_ROWS}


def test_a_row_has_no_gaps() -> None:
    """As `struct` packs it, little-endian."""
    assert ROW.itemsize == struct.calcsize("<qqIIB11d") == 113
    assert row(1_000, 1_600_000_000_000, 1, 0x030008, 1, VALUES) == GOLDEN_ROWS[:113]


def test_every_metric_has_the_number_of_its_symbols_places() -> None:
    """Which are places in enums that only grow at their ends."""
    assert METRICS[0x030008] == MEMORY
    assert METRICS[0x040103] == RECEIVED
    assert len(METRICS) == len(set(METRICS.values())) == 7 * 4 * 12
    assert max(METRICS) < 2**24


metrics = st.builds(
    Metric,
    st.sampled_from([metric.value for metric in TraceMetric]),
    st.sampled_from([measure.value for measure in TraceMeasure]),
    st.sampled_from([unit.value for unit in TraceUnit]),
)
NANS = (
    bytes.fromhex("01 00 00 00 00 00 f8 7f  ef be ad de 00 00 f8 ff  00 00 00 00 00 00 f0 7f")
    + bytes(7)
    + b"\x80"
)
statistics = st.builds(
    lambda some, place: struct.unpack("<11d", some[: 8 * place] + NANS + some[8 * place + len(NANS) :]),
    st.binary(min_size=88, max_size=88),
    st.integers(0, 7),
)
int64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def many(draw: st.DrawFn, most: int = 5) -> list[WindowUpdate]:
    """Draw the updates of some records of a partition, at least one."""
    offsets = draw(
        st.sets(
            st.integers(0, 20) | st.integers(0, 2**63 - 1) | st.just(2**63 - 1), min_size=1, max_size=most
        )
    )
    topic, partition = draw(st.text()), draw(st.integers(0, 2**31 - 1))
    hosts = st.sampled_from(draw(st.lists(st.text(), min_size=1, max_size=3)))
    return [
        WindowUpdate(
            SourcePlace(topic, partition, offset),
            draw(hosts),
            draw(metrics),
            draw(int64),
            draw(statistics),
            draw(st.none() | st.integers(0, 1)),
        )
        for offset in sorted(offsets)
    ]


@settings(max_examples=60)
@given(many())
def test_decoding_many_updates_undoes_encoding(updates: list[WindowUpdate]) -> None:
    """Bit by bit, whatever is not a number and why, and with labels that are whole numbers or none."""
    written = together(updates)
    found = decode(encode_update(written))

    assert isinstance(found, WindowUpdates)
    assert (found.input, found.hosts) == (written.input, written.hosts)
    assert [bits(update) for update in found] == [bits(update) for update in updates]
    assert encode_update(found) == encode_update(written)


def test_a_record_without_updates_is_one() -> None:
    """No router writes it, and nothing is wrong with it."""
    nothing = WindowUpdates(InputPartition("in", 2), (), np.zeros(0, ROW))
    found = decode(encode_update(nothing))

    assert encode_update(nothing) == bytes.fromhex("01 06  04 69 6e  04  00  00")
    assert isinstance(found, WindowUpdates)
    assert list(found) == []


@pytest.mark.parametrize("length", range(2, len(GOLDEN)))
def test_a_cut_record_is_an_error(length: int) -> None:
    with pytest.raises(LogFormatError, match="record of the log is damaged"):
        decode(GOLDEN[:length])


def of_rows(*rows: bytes, hosts: tuple[bytes, ...] = (b"db", b"web")) -> bytes:
    """Return a record of these rows, whatever they are."""
    data = b"".join(rows)
    body = BytesIO()
    fields = {"topic": "in", "partition": 2, "hosts": [host.decode() for host in hosts], "rows": data}
    fastavro.schemaless_writer(body, SCHEMA, fields)
    return b"\x01\x06" + body.getvalue()


def a_row(offset: int = 5, host: int = 1, metric: int = 0, label: int = 0) -> bytes:
    """Return a row of which nothing else is of interest."""
    return row(offset, 0, host, metric, label, VALUES)


def test_rows_put_together_by_hand_are_a_record() -> None:
    """Else all that is refused below might be so for another reason; offsets have gaps, hosts repeat."""
    found = decode(of_rows(a_row(5), a_row(7, label=1), a_row(2**63 - 1, host=0, label=2)))

    assert isinstance(found, WindowUpdates)
    assert [(each.place.offset, each.host, each.label) for each in found] == [
        (5, "web", 0),
        (7, "web", 1),
        (2**63 - 1, "db", None),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [a_row(host=2)],
        [a_row(host=2**32 - 1)],
        [a_row(5), a_row(6, host=2), a_row(7)],
        [a_row(label=3)],
        [a_row(label=255)],
        [a_row(5), a_row(6, label=3)],
        [a_row(metric=7 << 16)],
        [a_row(metric=4 << 8)],
        [a_row(metric=12)],
        [a_row(metric=2**24)],
        [a_row(metric=2**32 - 1)],
        [a_row(5), a_row(5)],
        [a_row(5), a_row(4)],
        [a_row(5), a_row(6), a_row(6)],
        [a_row(6), a_row(5), a_row(7)],
        [a_row(2), a_row(2 - 2**63)],
        [a_row(2**63 - 1), a_row(-(2**63))],
        [a_row(2**62), a_row(-(2**62) - 1)],
    ],
)
def test_rows_that_cannot_be_are_an_error(rows: list[bytes]) -> None:
    """Hosts, labels and metrics that do not exist, offsets that repeat or fall, however far."""
    with pytest.raises(
        LogFormatError, match="has rows with offsets that do not ascend, or hosts, metrics or"
    ):
        decode(of_rows(*rows))


@pytest.mark.parametrize("more", [1, 8, 112])
def test_a_part_of_a_row_is_an_error(more: int) -> None:
    for rows in ([bytes(more)], [a_row(), bytes(more)]):
        with pytest.raises(LogFormatError, match=r"is damaged: rows of 113 bytes each have \d+"):
            decode(of_rows(*rows))


def test_bytes_behind_the_rows_are_an_error() -> None:
    with pytest.raises(LogFormatError, match="is damaged: 1 bytes left over"):
        decode(GOLDEN + b"\x00")


def test_a_row_without_any_host_is_an_error() -> None:
    with pytest.raises(LogFormatError, match="or hosts, metrics or labels that do not exist"):
        decode(of_rows(a_row(host=0), hosts=()))


def found_in(value: bytes) -> LogRecord | None:
    """Return the record that a value of the log holds, None if that is damaged."""
    with contextlib.suppress(LogFormatError):
        return decode(value)
    return None


flips = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3)


@given(many(3), flips, st.booleans())
def test_damaged_bytes_are_an_error_or_other_updates(
    updates: list[WindowUpdate], places: list[tuple[int, int]], is_early: bool
) -> None:
    """And those can be gone through: nothing is found out later, in the middle of an engine's work."""
    value = bytearray(encode_update(together(updates)))
    end = min(40, len(value)) if is_early else len(value)
    for place, byte in places:
        value[2 + place % (end - 2)] = byte
    found = found_in(bytes(value))

    if found is not None:
        assert isinstance(found, WindowUpdates)
        assert len([bits(update) for update in found]) == len(found)
        offsets = [update.place.offset for update in found]
        assert offsets == sorted(set(offsets))
        assert list(map(bits, found)) == list(map(bits, _decoded(encode_update(found))))


@given(st.binary(max_size=400).map(b"\x01\x06".__add__) | st.binary(max_size=113).map(of_rows))
def test_any_other_bytes_are_an_error(value: bytes) -> None:
    """Or a record by chance."""
    found = found_in(value)

    if found is not None:
        assert isinstance(found, WindowUpdates)
        assert all(update.metric in METRICS.values() for update in found)


def _decoded(value: bytes) -> WindowUpdates:
    found = decode(value)
    assert isinstance(found, WindowUpdates)
    return found
