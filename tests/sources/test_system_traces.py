"""Readings of the collection: one Avro record each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric, Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.system_traces import SystemTracesSource
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.system_trace import SystemTrace

SCHEMA_ID = 4
AT_MS = 1_600_000_000_000
TRACE = SystemTrace(AT_MS, "web", TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT, "12.5")
LIMITS = Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=3_600_000, max_record_bytes=5_000)
RECORD = InputRecord("traces", 1, 9, AT_MS + 500, key=b"nagios", value=None)


class OneSchema:
    """The schema of system traces, under its id alone."""

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        if schema_id != SCHEMA_ID:
            raise RefusedRecord(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known")
        return fastavro.parse_schema(schema_of(SystemTrace))


SOURCE = SystemTracesSource(OneSchema(), LIMITS)
ENCODER = AvroEncoder(SystemTrace, SCHEMA_ID)


def test_a_trace_becomes_a_reading() -> None:
    assert parts(record(TRACE)) == [
        ReadingsUpdate(
            SourcePlace("traces", 1, 9),
            "web",
            (Reading(Metric("CPU", "UTILIZATION", "PERCENT"), AT_MS, 12.5),),
        )
    ]


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_the_key_says_nothing(key: bytes | None) -> None:
    assert parts(replace(record(TRACE), key=key)) == parts(record(TRACE))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("-3", -3.0),
        ("+3", 3.0),
        ("12.50", 12.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.0E10", 1e10),  # as Java writes it
        ("1e-3", 0.001),
        ("1234567890123456789", 1.2345678901234568e18),
    ],
)
def test_a_value_is_a_number_as_text(text: str, value: float) -> None:
    (part,) = parts(record(replace(TRACE, value=text)))

    assert isinstance(part, ReadingsUpdate)
    assert part.readings[0].value == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "n/a", "NaN", "nan", "Infinity", "-Infinity", "inf", "1e999", "12,5", "1_000", "0x10"),
        *("12.5 ", "12.5%", "١٢", "--1", "1\n"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    refused = refusal(record(replace(TRACE, value=text)))

    assert refused.reason is Reason.BAD_VALUE
    assert refused.detail == f"value is {text!r}, expected a finite number as text, such as '12.5'"


def test_a_metric_that_is_not_known_is_refused() -> None:
    refused = refusal(record(replace(TRACE, metric=TraceMetric.UNKNOWN)))

    assert refused.reason is Reason.BAD_VALUE
    assert refused.detail == "metric is UNKNOWN, expected one that is known"


def test_a_measure_or_unit_that_is_not_known_is_read() -> None:
    """As of windows: it is a metric like any other."""
    trace = replace(TRACE, measure=TraceMeasure.UNKNOWN, unit=TraceUnit.UNKNOWN)

    (part,) = parts(record(trace))

    assert isinstance(part, ReadingsUpdate)
    assert part.readings[0].metric == Metric("CPU", "UNKNOWN", "UNKNOWN")


@pytest.mark.parametrize("host", ["", "h" * 1025])
def test_a_host_without_a_sensible_name_is_refused(host: str) -> None:
    refused = refusal(record(replace(TRACE, hostname=host)))

    assert refused.reason is Reason.BAD_HOST
    assert refused.detail == f"host has {len(host)} characters, expected 1 to 1024"


@pytest.mark.parametrize(
    ("timestamp_ms", "detail"),
    [
        (-1, "time is -1 ms, before the epoch"),
        (
            AT_MS + 3_600_501,
            "time is 1600003600501 ms, expected at most 1600003600500 ms: MAX_AHEAD_S, 3600000 ms, "
            "after the record's timestamp",
        ),
    ],
)
def test_a_time_that_cannot_be_is_refused(timestamp_ms: int, detail: str) -> None:
    refused = refusal(record(replace(TRACE, timestamp=timestamp_ms)))

    assert refused.reason is Reason.BAD_TIME
    assert refused.detail == detail


def test_a_record_without_value_is_refused() -> None:
    assert refusal(RECORD).reason is Reason.NULL_VALUE


def test_a_record_that_is_too_large_is_refused() -> None:
    assert refusal(replace(RECORD, value=b"x" * 5_001)).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.BAD_FRAMING),
        (b'{"hostname": "web"}', Reason.BAD_FRAMING),
        (frame(5, b""), Reason.UNKNOWN_SCHEMA),
        (frame(SCHEMA_ID, b""), Reason.BAD_AVRO),
        (ENCODER.encode(TRACE) + b"\x00", Reason.BAD_AVRO),
    ],
)
def test_bytes_that_are_no_trace_are_refused(value: bytes, reason: Reason) -> None:
    assert refusal(replace(RECORD, value=value)).reason is reason


mutated = st.builds(
    lambda place, byte: bytes(byte if at == place else kept for at, kept in enumerate(ENCODER.encode(TRACE))),
    st.integers(0, 30),
    st.integers(0, 255),
)


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary() | st.builds(frame, st.just(SCHEMA_ID), st.binary()) | mutated,
    timestamp_ms=st.integers(-1, 2**62),
)
def test_any_bytes_are_a_reading_or_refused(
    key: bytes | None, value: bytes | None, timestamp_ms: int
) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        (part,) = parts(replace(RECORD, key=key, value=value, timestamp_ms=timestamp_ms))
    except RefusedRecord:
        return
    assert isinstance(part, ReadingsUpdate)
    assert part.host


def record(trace: SystemTrace) -> InputRecord:
    return replace(RECORD, value=ENCODER.encode(trace))


def parts(record: InputRecord) -> list[Part]:
    async def gather() -> list[Part]:
        return [part async for part in SOURCE.parts(record)]

    return asyncio.run(gather())


def refusal(record: InputRecord) -> RefusedRecord:
    with pytest.raises(RefusedRecord) as refused:
        parts(record)
    return refused.value
