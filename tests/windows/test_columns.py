"""Columns and tables: golden bytes, and what is refused."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.windows.columns import ColumnReader, ColumnWriter

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")


def written(*steps: Callable[[ColumnWriter], None]) -> bytes:
    writer = ColumnWriter("part", 3)
    for step in steps:
        step(writer)
    return writer.to_bytes()


def count(number: int) -> bytes:
    return number.to_bytes(8, "little")


HEADER = b"PGSC\x04part\x03"


def test_the_bytes_of_columns_and_names() -> None:
    data = written(lambda out: out.column("q", [[1], [-2]]), lambda out: out.names(["ä", ""]))
    assert data == b"".join(
        [
            HEADER,
            count(2) + b"\x01" + bytes(7) + b"\xfe" + b"\xff" * 7,  # two numbers with sign
            count(2) + b"\x02\x00\x00\x00" + bytes(4),  # lengths of the names
            count(2) + "ä".encode(),
        ]
    )


def test_the_bytes_of_metrics() -> None:
    """Each symbol once, then three indices a metric."""
    data = written(lambda out: out.metrics([CPU, MEMORY]))
    indices = struct.pack("<6I", 0, 3, 2, 1, 3, 2)
    lengths = struct.pack("<4I", 3, 6, 7, 11)
    symbols = b"CPUMEMORYPERCENTUTILIZATION"
    assert data == HEADER + count(4) + lengths + count(len(symbols)) + symbols + count(6) + indices
    assert ColumnReader("part", 3, data).metrics() == [CPU, MEMORY]


@given(st.lists(st.floats()), st.lists(st.integers(0, 2**32 - 1)), st.lists(st.text(), unique=True))
def test_reading_undoes_writing(floats: list[float], numbers: list[int], names: list[str]) -> None:
    """Floats bit by bit, NaN among them."""
    reader = ColumnReader(
        "part",
        3,
        written(
            lambda out: out.column("d", [floats]),
            lambda out: out.column("I", [numbers]),
            lambda out: out.names(names),
        ),
    )
    assert list(map(repr, reader.column("d").tolist())) == list(map(repr, floats))
    assert reader.column("I").tolist() == numbers
    assert reader.names() == names
    reader.end()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are no state of 'part' version 3"),
        (b"PGSC\x04part\x02", "10 bytes are no state of 'part' version 3"),
        (HEADER + bytes(7), "state of 'part' is damaged: a column has no length"),
        (HEADER + count(2) + bytes(7), "a column has 2 values, and 7 bytes are left"),
        (HEADER + b"\xff" * 8, "a column has 18446744073709551615 values, and 0 bytes are left"),
        (
            HEADER + count(1) + b"\x02\x00\x00\x00" + count(1) + b"a",
            "names are longer or shorter than their text",
        ),
        (HEADER + count(1) + b"\x01\x00\x00\x00" + count(1) + b"\xff", "can't decode byte 0xff"),
        (HEADER + count(2) + b"\x01\x00\x00\x00" * 2 + count(2) + b"aa", "a name comes twice"),
    ],
)
def test_damaged_names_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        ColumnReader("part", 3, data).names()


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 1], "metrics have 2 symbols, expected three each"),
        ([0, 1, 2], "index 2 lies outside a table of 2"),
        ([0, 1, 1] * 2, "a metric comes twice"),
    ],
)
def test_damaged_metrics_are_refused(indices: list[int], message: str) -> None:
    data = written(lambda out: out.names(["CPU", "PERCENT"]), lambda out: out.column("I", [indices]))
    with pytest.raises(SnapshotError, match=message):
        ColumnReader("part", 3, data).metrics()


def test_a_column_of_another_length_than_the_others_is_refused() -> None:
    reader = ColumnReader("part", 3, written(lambda out: out.column("d", [[math.pi]])))
    with pytest.raises(SnapshotError, match="a column has 1 values, expected 2"):
        reader.column("d", 2)


def test_bytes_that_follow_are_refused() -> None:
    with pytest.raises(SnapshotError, match="state of 'part' is damaged: 2 bytes follow"):
        ColumnReader("part", 3, HEADER + b"ab").end()
