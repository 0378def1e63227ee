"""System traces as bytes: the contract's record, framed."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.schema import to_parsing_canonical_form
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.wire.codec import AvroDecoder, AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.system_trace import SystemTrace
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

TRACE = SystemTrace(
    1_600_000_000_000,
    "192.168.0.101",
    TraceMetric.MEMORY,
    TraceMeasure.UTILIZATION,
    TraceUnit.PERCENT,
    "28.10",
)
GOLDEN = bytes.fromhex(
    "00 00 00 00 04"  # schema id 4
    "80 80 f4 f6 90 5d"  # timestamp: zigzag of 1600000000000, seven bits a byte
    "1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31"  # hostname, 13 bytes
    "06 00 10"  # MEMORY, UTILIZATION, PERCENT
    "0a 32 38 2e 31 30"  # value, 5 bytes
)


def test_the_golden_trace_is_encoded() -> None:
    assert AvroEncoder(SystemTrace, 4).encode(TRACE) == GOLDEN


def test_the_golden_trace_is_decoded() -> None:
    assert decode(GOLDEN) == TRACE
    assert decode(GOLDEN).about() == Metric("MEMORY", "UTILIZATION", "PERCENT")


def test_the_schema_is_that_of_the_contract() -> None:
    """Written down a second time, after the contract's text, in the form that decides compatibility."""

    def enum(name: str, kind: Any) -> str:
        symbols = ",".join(f'"{symbol.value}"' for symbol in kind)
        return f'{{"name":"pg.trace.model.{name}","type":"enum","symbols":[{symbols}]}}'

    assert to_parsing_canonical_form(fastavro.parse_schema(schema_of(SystemTrace))) == (
        '{"name":"pg.trace.model.SystemTrace","type":"record","fields":['
        '{"name":"timestamp","type":"long"},{"name":"hostname","type":"string"},'
        f'{{"name":"metric","type":{enum("TraceMetric", TraceMetric)}}},'
        f'{{"name":"measure","type":{enum("TraceMeasure", TraceMeasure)}}},'
        f'{{"name":"unit","type":{enum("TraceUnit", TraceUnit)}}},'
        '{"name":"value","type":"string"}]}'
    )


def test_a_writer_that_has_text_where_we_have_symbols_is_refused(writers: Path) -> None:
    schema = parse_writer_schema((writers / "system_trace.avsc").read_text())
    body = BytesIO()
    fields = {"timestamp": 0, "hostname": "web", "metric": "CPU", "measure": "UTILIZATION", "unit": "PERCENT"}
    fastavro.schemaless_writer(body, schema, fields | {"value": "1"})

    with pytest.raises(RefusedRecord) as refused:
        decode(frame(7, body.getvalue()), schema)

    assert refused.value.reason is Reason.WRONG_SCHEMA


@given(
    st.builds(
        SystemTrace,
        timestamp=st.integers(-(2**63), 2**63 - 1),
        hostname=st.text(),
        metric=st.sampled_from(TraceMetric),
        measure=st.sampled_from(TraceMeasure),
        unit=st.sampled_from(TraceUnit),
        value=st.text(),
    )
)
def test_decoding_undoes_encoding(trace: SystemTrace) -> None:
    assert decode(AvroEncoder(SystemTrace, 4).encode(trace)) == trace


class OneSchema:
    """One writer's schema, under any id."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        return self._schema


def decode(data: bytes, schema: Any = None) -> SystemTrace:
    writer = fastavro.parse_schema(schema_of(SystemTrace)) if schema is None else schema
    return asyncio.run(AvroDecoder(SystemTrace, OneSchema(writer)).decode(data))
