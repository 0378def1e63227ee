"""The format of the log, which is never to change."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    LabelUpdate,
    Metric,
    ProgressMark,
    Reading,
    ReadingsUpdate,
    SourcePlace,
    Update,
    WindowUpdate,
)
from pg_streaming_machine_learning.wire.log import decode, encode_mark, encode_update

UPDATE = WindowUpdate(
    place=SourcePlace("in", 2, 1_000, 0),
    host="web",
    metric=Metric("MEMORY", "UTILIZATION", "PERCENT"),
    window_start_ms=1_600_000_000_000,
    statistics=(35.0, 45.0, 40.0, 5.0, 37.5, 40.0, 42.5, 0.0, -1.5, 0.25, 0.5),
    label=1,
)
GOLDEN_UPDATE = bytes.fromhex(
    "01 01"  # format, kind
    "04 69 6e  04  d0 0f  00"  # topic, partition, offset, index
    "06 77 65 62  06 00 10"  # host, metric, measure, unit
    "80 80 f4 f6 90 5d"  # window start
    "16"  # eleven statistics
    "00 00 00 00 00 80 41 40  00 00 00 00 00 80 46 40  00 00 00 00 00 00 44 40  00 00 00 00 00 00 14 40"
    "00 00 00 00 00 c0 42 40  00 00 00 00 00 00 44 40  00 00 00 00 00 40 45 40  00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 f8 bf  00 00 00 00 00 00 d0 3f  00 00 00 00 00 00 e0 3f"
    "00"  # no more of them
    "02 02"  # label: the second branch, 1
)
MARK = ProgressMark(InputPartition("in", 2), partitions=3, event_ms=1_000, idle=True, sent_ms=2_000)
GOLDEN_MARK = bytes.fromhex("01 02  04 69 6e  04  06  02 d0 0f  01  a0 1f")
READINGS = ReadingsUpdate(
    place=SourcePlace("in", 2, 1_000, 0),
    host="web",
    readings=(
        Reading(Metric("CPU", "UTILIZATION", "PERCENT"), 1_600_000_000_000, 35.0),
        Reading(Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"), 1_000, 5.0, "diskio/sda"),
    ),
)
GOLDEN_READINGS = bytes.fromhex(
    "01 03"  # format, kind
    "04 69 6e  04  d0 0f  00  06 77 65 62"  # topic, partition, offset, index, host
    "04"  # two of them
    "00 00 10  80 80 f4 f6 90 5d  00 00 00 00 00 80 41 40  00"  # metric, time, value, no counter
    "02 02 06  d0 0f  00 00 00 00 00 00 14 40  14 64 69 73 6b 69 6f 2f 73 64 61"
    "00"  # no more of them
)
DURATIONS = DurationsUpdate(
    place=SourcePlace("in", 2, 1_000, 1),
    host="web",
    durations=(Duration("shop", 1_600_000_000_000, 1_000, is_error=True),),
)
GOLDEN_DURATIONS = bytes.fromhex(
    "01 04  04 69 6e  04  d0 0f  02  06 77 65 62"
    "02  08 73 68 6f 70  80 80 f4 f6 90 5d  d0 0f  01  00"  # service, start, duration, error
)
LABEL = LabelUpdate(SourcePlace("in", 2, 1_000, 0), "web", 1_600_000_000_000, 1)
GOLDEN_LABEL = bytes.fromhex("01 05  04 69 6e  04  d0 0f  00  06 77 65 62  80 80 f4 f6 90 5d  02")


@pytest.mark.parametrize(
    ("update", "golden"),
    [(READINGS, GOLDEN_READINGS), (DURATIONS, GOLDEN_DURATIONS), (LABEL, GOLDEN_LABEL)],
)
def test_the_golden_readings_durations_and_label(update: Update, golden: bytes) -> None:
    assert encode_update(update).hex(" ") == golden.hex(" ")
    assert decode(golden) == update


def test_the_golden_update() -> None:
    assert encode_update(UPDATE).hex(" ") == GOLDEN_UPDATE.hex(" ")
    assert decode(GOLDEN_UPDATE) == UPDATE


def test_the_golden_mark() -> None:
    assert encode_mark(MARK).hex(" ") == GOLDEN_MARK.hex(" ")
    assert decode(GOLDEN_MARK) == MARK


int32 = st.integers(0, 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
places = st.builds(SourcePlace, st.text(), int32, int64, int32)
metrics = st.builds(
    Metric,
    st.sampled_from([metric.value for metric in TraceMetric]),
    st.sampled_from([measure.value for measure in TraceMeasure]),
    st.sampled_from([unit.value for unit in TraceUnit]),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
others = st.one_of(
    st.builds(
        ReadingsUpdate,
        place=places,
        host=st.text(),
        readings=st.lists(st.builds(Reading, metrics, int64, finite, st.text())).map(tuple),
    ),
    st.builds(
        DurationsUpdate,
        place=places,
        host=st.text(),
        durations=st.lists(st.builds(Duration, st.text(), int64, int64, st.booleans())).map(tuple),
    ),
    st.builds(LabelUpdate, places, st.text(), int64, st.integers(0, 1)),
)
updates = st.builds(
    WindowUpdate,
    place=places,
    host=st.text(),
    metric=metrics,
    window_start_ms=int64,
    statistics=st.tuples(*[st.floats()] * 11),
    label=st.none() | st.integers(0, 1),
)
marks = st.builds(
    ProgressMark,
    input=st.builds(InputPartition, st.text(), int32),
    partitions=int32,
    event_ms=st.none() | int64,
    idle=st.booleans(),
    sent_ms=int64,
)


@given(updates)
def test_decoding_updates_undoes_encoding(update: WindowUpdate) -> None:
    found = decode(encode_update(update))

    assert isinstance(found, WindowUpdate)
    assert bits(found.statistics) == bits(update.statistics)
    assert without_nan(found) == without_nan(update)


@given(others)
def test_decoding_readings_durations_and_labels_undoes_encoding(update: Update) -> None:
    assert decode(encode_update(update)) == update


@given(marks)
def test_decoding_marks_undoes_encoding(mark: ProgressMark) -> None:
    assert decode(encode_mark(mark)) == mark


@pytest.mark.parametrize("length", range(len(GOLDEN_UPDATE)))
def test_a_cut_record_is_an_error(length: int) -> None:
    with pytest.raises(LogFormatError, match="record of the log"):
        decode(GOLDEN_UPDATE[:length])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "begins with nothing, expected format version 01"),
        (b"\x02" + GOLDEN_MARK[1:], "begins with 02 02, expected format version 01"),
        (b"\x01\x07" + GOLDEN_MARK[2:], "has kind 7, expected one of 1, 2, 3, 4, 5, 6"),
        (GOLDEN_MARK + b"\x00", "is damaged: 1 bytes left over"),
        (GOLDEN_UPDATE.replace(b"web\x06\x00\x10", b"web\x0e\x00\x10"), "has symbol 7 of 7"),
        (GOLDEN_UPDATE.replace(b"web\x06\x00\x10", b"web\x01\x00\x10"), "has symbol -1 of 7"),
    ],
)
def test_what_this_release_cannot_read_is_an_error(value: bytes, message: str) -> None:
    with pytest.raises(LogFormatError, match=message):
        decode(value)


@given(st.binary() | st.binary().map(lambda body: b"\x01\x01" + body) | st.binary().map(b"\x01\x02".__add__))
def test_any_other_bytes_are_an_error(value: bytes) -> None:
    """Or a record by chance."""
    try:
        record = decode(value)
    except LogFormatError:
        return
    assert isinstance(record, WindowUpdate | ProgressMark)


def bits(statistics: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{len(statistics)}d", *statistics)


def without_nan(update: WindowUpdate) -> list[object]:
    """Return the update as a list that equals itself."""
    values = [None if math.isnan(value) else value for value in update.statistics]
    return [update.place, update.host, update.metric, update.window_start_ms, values, update.label]
