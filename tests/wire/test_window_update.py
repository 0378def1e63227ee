"""Window updates are written and read by hand as fastavro writes and reads them, damaged ones as well."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.wire.log import decode, encode_update
from pg_streaming_machine_learning.wire.window_update import read_window_update, window_update_bytes
from pg_streaming_machine_learning.wire.zigzag import IRREGULAR

HEAD = b"\x01\x01"
PLACE = {"topic": "string", "partition": "int", "offset": "long", "index": "int", "host": "string"}
SYMBOLS = {
    "metric": [member.value for member in TraceMetric],
    "measure": [member.value for member in TraceMeasure],
    "unit": [member.value for member in TraceUnit],
}
KINDS: dict[str, Any] = {
    **PLACE,
    **dict.fromkeys(SYMBOLS, "int"),
    "window_start_ms": "long",
    "statistics": {"type": "array", "items": "double"},
    "label": ["null", "int"],
}
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "WindowUpdate",
        "fields": [{"name": name, "type": kind} for name, kind in KINDS.items()],
    }
)


def written(update: WindowUpdate) -> bytes:
    """Return the value of an update as fastavro writes it."""
    place = update.place
    fields = {
        **{name: getattr(place, name) for name in PLACE if name != "host"},
        **{name: symbols.index(getattr(update.metric, name)) for name, symbols in SYMBOLS.items()},
        "host": update.host,
        "window_start_ms": update.window_start_ms,
        "statistics": update.statistics,
        "label": update.label,
    }
    body = BytesIO()
    fastavro.schemaless_writer(body, SCHEMA, fields)
    return HEAD + body.getvalue()


def read(value: bytes) -> WindowUpdate:
    """Return the update that a value is to fastavro, or raise `LogFormatError`."""
    body = BytesIO(value)
    body.seek(len(HEAD))
    damaged = "record of the log is damaged:"
    try:
        fields: Any = fastavro.schemaless_reader(body, SCHEMA, None)
    except Exception as error:
        raise LogFormatError(f"{damaged} {type(error).__name__} {error}") from error
    if body.tell() < len(value):
        raise LogFormatError(f"{damaged} {len(value) - body.tell()} bytes left over")
    for name, symbols in SYMBOLS.items():
        if not 0 <= fields[name] < len(symbols):
            raise LogFormatError(
                f"record of the log has symbol {fields[name]} of {len(symbols)}: "
                "it is damaged or was written by a newer release"
            )
    return WindowUpdate(
        SourcePlace(*(fields[name] for name in PLACE if name != "host")),
        fields["host"],
        Metric(*(symbols[fields[name]] for name, symbols in SYMBOLS.items())),
        fields["window_start_ms"],
        tuple(fields["statistics"]),
        fields["label"],
    )


def outcome(decode: Callable[[bytes], LogRecord], value: bytes) -> object:
    """Return what comes out, bit by bit, or the error."""
    try:
        update = decode(value)
    except LogFormatError as error:
        return re.sub(r"0x[0-9a-f]+", "0x", str(error))  # fastavro tells the address of its buffer
    assert isinstance(update, WindowUpdate)
    bits = struct.pack(f"<{len(update.statistics)}d", *update.statistics)
    return update.place, update.host, update.metric, update.window_start_ms, bits, update.label


int32, int64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
offsets = int64 | st.integers(0, 10**13)
updates = st.builds(
    WindowUpdate,
    place=st.builds(SourcePlace, st.text(max_size=100), int32 | st.integers(0, 99), offsets, int32),
    host=st.text(max_size=100),
    metric=st.builds(Metric, *(st.sampled_from(symbols) for symbols in SYMBOLS.values())),
    window_start_ms=offsets,
    statistics=st.tuples(*[st.floats()] * 11) | st.lists(st.floats(), max_size=13).map(tuple),
    label=st.sampled_from([None, 0, 1, 2, -1]),
)


@given(updates)
def test_updates_have_the_bytes_that_fastavro_writes(update: WindowUpdate) -> None:
    assert encode_update(update).hex(" ") == written(update).hex(" ")


@given(updates)
def test_updates_are_what_fastavro_reads(update: WindowUpdate) -> None:
    value = written(update)

    assert outcome(decode, value) == outcome(read, value)


@settings(max_examples=1_000)
@given(updates, st.data())
def test_damaged_updates_are_what_they_are_to_fastavro(update: WindowUpdate, data: st.DataObject) -> None:
    """Cut, with a byte more, with another byte: the same update, or the same error."""
    value = written(update)
    place = data.draw(st.integers(len(HEAD), len(value) - 1))
    other = bytes((data.draw(st.integers(0, 255)),))
    damaged = data.draw(
        st.sampled_from(
            [
                value[:place],
                value + other,
                value[:place] + other + value[place:],
                value[:place] + other + value[place + 1 :],
                value[:place] + b"\x80" + value[place:],
            ]
        )
    )

    assert outcome(decode, damaged) == outcome(read, damaged)


USUAL = WindowUpdate(
    SourcePlace("pg-streaming-labeled-data", 11, 123_456_789, 0),
    "host-0001",
    Metric("CPU", "UTILIZATION", "PERCENT"),
    1_600_000_020_000,
    tuple(map(float, range(11))),
    None,
)


@pytest.mark.parametrize("length", range(len(HEAD), len(written(USUAL))))
def test_a_cut_update_is_not_read_by_hand(length: int) -> None:
    with pytest.raises(IRREGULAR):
        read_window_update(written(USUAL)[:length], len(HEAD))


def test_the_usual_update_is_written_and_read_by_hand() -> None:
    """Else nothing but time would tell that all went through fastavro."""
    assert HEAD + window_update_bytes(USUAL) == written(USUAL)
    assert read_window_update(written(USUAL), len(HEAD)) == USUAL


def test_a_metric_is_one_object_in_all_updates() -> None:
    """Engines compare metrics at every update."""
    first, second = (decode(encode_update(USUAL)) for _ in range(2))

    assert isinstance(first, WindowUpdate)
    assert isinstance(second, WindowUpdate)
    assert first.metric is second.metric


def test_what_cannot_be_written_is_an_error() -> None:
    update = WindowUpdate(USUAL.place, "web", Metric("GPU", "UTILIZATION", "PERCENT"), 0, (), None)

    with pytest.raises(ValueError, match=r"not in tuple"):
        encode_update(update)
