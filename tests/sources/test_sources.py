"""Records of the input topics become updates, or are refused with a reason."""

from __future__ import annotations

import asyncio
import math
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.config import SOURCE_TOPICS
from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources import SOURCES, Source
from pg_streaming_machine_learning.sources.source import read_whole
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key

START_MS = 1_600_000_020_000  # on the grid of minutes; the contract's golden key is not
VALUES = (35.0, 45.0, 40.0, 5.0, 37.5, 40.0, 42.5, 0.0, -1.5, 0.25, 0.5)
KEY = FeatureKey("web", TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT)
INNER = AvroEncoder(FeatureKey, 1).encode(KEY)
LONGER_INNER = AvroEncoder(FeatureKey, 1).encode(replace(KEY, hostname="192.168.0.101"))
LABELED = LabeledFeature(*VALUES, label=1)
RECORD = InputRecord(
    topic="labeled",
    partition=2,
    offset=1_000,
    timestamp_ms=START_MS + 1_800_000,
    key=encode_windowed_key(INNER, START_MS),
    value=AvroEncoder(LabeledFeature, 2).encode(LABELED),
)
UPDATE = WindowUpdate(
    place=SourcePlace("labeled", 2, 1_000, 0),
    host="web",
    metric=Metric("CPU", "UTILIZATION", "PERCENT"),
    window_start_ms=START_MS,
    statistics=VALUES,
    label=1,
)


def test_the_sources_are_made_by_name(sources: dict[str, Source]) -> None:
    assert list(SOURCES) == list(SOURCE_TOPICS)
    assert {topic: source.name for topic, source in sources.items()} == {
        "labeled": "labeled-data",
        "plain": "features",
    }


@pytest.mark.parametrize(("off_ms", "is_near"), [(15_000, True), (-15_000, True), (15_001, False)])
def test_beside_targets_windows_a_quarter_of_a_hop_off_the_grid_are_moved_to_it(
    sources: dict[str, Source], joined: dict[str, Source], off_ms: int, is_near: bool
) -> None:
    """They are meant for the same window; without targets they are refused, as labeled data are."""
    off = replace(RECORD, topic="plain", **started(START_MS + off_ms))
    off = replace(off, value=AvroEncoder(Feature, 3).encode(Feature(*map(float, range(11)))))
    with pytest.raises(RefusedRecord, match="expected a multiple of WINDOW_HOP_S"):
        updates(sources["plain"], off)
    if is_near:
        (update,) = updates(joined["plain"], off)
        assert update.window_start_ms == START_MS
    else:
        with pytest.raises(RefusedRecord, match="window"):
            updates(joined["plain"], off)


def test_a_labeled_record_becomes_an_update_with_its_label(sources: dict[str, Source]) -> None:
    assert updates(sources["labeled"], RECORD) == [UPDATE]


def test_a_record_without_a_label_becomes_an_update_without(sources: dict[str, Source]) -> None:
    record = replace(RECORD, topic="plain", value=AvroEncoder(Feature, 3).encode(Feature(*VALUES)))

    expected = replace(UPDATE, place=SourcePlace("plain", 2, 1_000, 0), label=None)
    assert updates(sources["plain"], record) == [expected]


def test_missing_statistics_stay_missing(sources: dict[str, Source]) -> None:
    feature = replace(LABELED, skewness=math.nan, kurtosis=math.nan, label=0)

    (update,) = updates(sources["labeled"], with_value(feature))

    assert [math.isnan(value) for value in update.statistics] == [False] * 7 + [True] * 2 + [False] * 2
    assert update.label == 0


@pytest.mark.parametrize(
    ("start_ms", "timestamp_ms"),
    [
        (0, 0),  # the epoch is a time
        (START_MS, 0),  # no timestamp: nothing to compare with
        (START_MS, -1),
        (START_MS, START_MS - 3_600_000),  # as far ahead as may be
        (START_MS, START_MS + 10**12),  # decades late is late, not refused
    ],
)
def test_windows_within_the_limits_are_taken(
    sources: dict[str, Source], start_ms: int, timestamp_ms: int
) -> None:
    record = replace(RECORD, key=encode_windowed_key(INNER, start_ms), timestamp_ms=timestamp_ms)

    assert updates(sources["labeled"], record) == [replace(UPDATE, window_start_ms=start_ms)]


def windowed(inner: bytes) -> dict[str, Any]:
    return {"key": encode_windowed_key(inner, START_MS)}


def started(start_ms: int) -> dict[str, Any]:
    return {"key": encode_windowed_key(INNER, start_ms)}


def host(name: str) -> dict[str, Any]:
    return windowed(AvroEncoder(FeatureKey, 1).encode(replace(KEY, hostname=name)))


def value(**changes: Any) -> dict[str, Any]:
    return {"value": AvroEncoder(LabeledFeature, 2).encode(replace(LABELED, **changes))}


START = struct.pack(">q", START_MS)
END = struct.pack(">q", START_MS + 1_800_000)
REFUSED: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "no key": ({"key": None}, Reason.NULL_KEY, "the record has no key"),
    "no value": ({"value": None}, Reason.NULL_VALUE, "the record has no value"),
    "neither": ({"key": None, "value": None}, Reason.NULL_KEY, "the record has no key"),
    "too long": ({"value": bytes(1_000)}, Reason.TOO_LARGE, "MAX_RECORD_BYTES is 1000"),
    "empty key": ({"key": b""}, Reason.BAD_KEY, "windowed key has 0 bytes"),
    "empty value": ({"value": b""}, Reason.BAD_FRAMING, "0 bytes, expected at least 5"),
    "key cut": ({"key": RECORD.key[:-1] if RECORD.key else b""}, Reason.BAD_KEY, "are no "),
    "key not windowed": ({"key": LONGER_INNER}, Reason.BAD_KEY, "key: "),
    "key of a changelog": ({"key": INNER + START + bytes(4)}, Reason.BAD_KEY, "4 bytes left over"),
    "key of a session": ({"key": INNER + END + START}, Reason.BAD_KEY, "8 bytes left over"),
    "two times and nothing else": ({"key": END + START}, Reason.UNKNOWN_SCHEMA, "key: schema id 95367"),
    "key of text": ({"key": b"web-of-a-longer-name"}, Reason.BAD_FRAMING, "key: begins with byte 0x77"),
    "value cut": ({"value": RECORD.value[:-1] if RECORD.value else b""}, Reason.BAD_AVRO, "88 bytes are no"),
    "value of JSON": ({"value": b'{"mean": 1.0, "label": 0}'}, Reason.BAD_FRAMING, "begins with byte 0x7b"),
    "unknown schema": ({"value": frame(99, bytes(89))}, Reason.UNKNOWN_SCHEMA, "schema id 99"),
    "unknown schema of the key": (windowed(frame(99, b"")), Reason.UNKNOWN_SCHEMA, "key: schema id 99"),
    "value of the other source": (
        {"value": AvroEncoder(Feature, 3).encode(Feature(*VALUES))},
        Reason.WRONG_SCHEMA,
        "expected pg.streaming.schema.LabeledFeature",
    ),
    "key and value changed over": ({"key": RECORD.value, "value": RECORD.key}, Reason.WRONG_SCHEMA, "key: "),
    "no symbol": (windowed(frame(1, b"\x06web\x0e\x00\x10")), Reason.BAD_KEY, "key: "),
    "label 2": (value(label=2), Reason.BAD_LABEL, "label is 2, expected 0 or 1"),
    "label -1": (value(label=-1), Reason.BAD_LABEL, "label is -1, expected 0 or 1"),
    "infinite": (value(mean=math.inf), Reason.NOT_FINITE, "mean is inf"),
    "infinitely small": (
        value(pearsons_correlation=-math.inf),
        Reason.NOT_FINITE,
        "pearsons_correlation is -inf",
    ),
    "off the grid": (
        started(START_MS + 1),
        Reason.BAD_WINDOW,
        "expected a multiple of WINDOW_HOP_S, 60000 ms",
    ),
    "before the epoch": (started(-60_000), Reason.BAD_WINDOW, "starts at -60000 ms, before the epoch"),
    "least start": (started(-(2**63)), Reason.BAD_WINDOW, "before the epoch"),
    "greatest start": (started(2**63 - 2**63 % 60_000 - 60_000), Reason.BAD_WINDOW, "MAX_AHEAD_S"),
    "too far ahead": (
        {"timestamp_ms": START_MS - 3_600_001},
        Reason.BAD_WINDOW,
        f"expected at most {START_MS - 1} ms: MAX_AHEAD_S, 3600000 ms, after the record's timestamp",
    ),
    "past all calendars": (
        {"timestamp_ms": 2**62, **started(60_000 * 10**10)},
        Reason.BAD_WINDOW,
        "expected at most 253402298999999 ms",
    ),
    "past all calendars, no timestamp": (
        {"timestamp_ms": -1, **started(60_000 * 10**10)},
        Reason.BAD_WINDOW,
        "expected at most 253402298999999 ms",
    ),
    "no host": (host(""), Reason.BAD_HOST, "hostname has 0 characters, expected 1 to 1024"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_why(sources: dict[str, Source], case: str) -> None:
    changes, reason, detail = REFUSED[case]

    with pytest.raises(RefusedRecord) as refused:
        updates(sources["labeled"], replace(RECORD, **changes))

    assert refused.value.reason is reason
    assert detail in refused.value.detail


def test_a_host_of_a_thousand_characters_is_enough(sources: dict[str, Source]) -> None:
    record = replace(RECORD, **host("h" * 800))
    assert updates(sources["labeled"], record)[0].host == "h" * 800


def test_a_key_seen_before_is_checked_again(sources: dict[str, Source]) -> None:
    """Keys are remembered, windows are not."""
    assert updates(sources["labeled"], RECORD) == [UPDATE]

    with pytest.raises(RefusedRecord, match="bad-window"):
        updates(sources["labeled"], replace(RECORD, **started(START_MS + 1)))


framed = st.builds(frame, st.sampled_from([1, 2, 3, 99]), st.binary(max_size=120))
keys = (
    st.none()
    | st.binary()
    | framed
    | st.builds(encode_windowed_key, framed, st.integers(-(2**63), 2**63 - 1))
)
mutated = st.builds(
    lambda data, place, byte: data[: place % len(data)] + bytes((byte,)) + data[place % len(data) + 1 :],
    st.sampled_from([RECORD.key, RECORD.value]),
    st.integers(0, 200),
    st.integers(0, 255),
)


@given(
    key=keys | mutated | st.just(RECORD.key),
    value=st.none() | st.binary() | framed | mutated | st.just(RECORD.value),
    timestamp_ms=st.integers(-1, 2**62),
    topic=st.sampled_from(["labeled", "plain"]),
)
def test_any_bytes_are_updates_or_refused(
    sources: dict[str, Source], key: bytes | None, value: bytes | None, timestamp_ms: int, topic: str
) -> None:
    """Nothing else comes out, whatever goes in."""
    record = InputRecord(topic, 0, 0, timestamp_ms, key, value)
    try:
        found = updates(sources[topic], record)
    except RefusedRecord:
        return
    for update in found:
        assert update.host
        assert update.window_start_ms >= 0
        assert update.window_start_ms % 60_000 == 0
        assert not any(math.isinf(statistic) for statistic in update.statistics)
        assert update.label in (None, 0, 1)


def updates(source: Source, record: InputRecord) -> list[WindowUpdate]:
    found = asyncio.run(read_whole(source, record))
    assert all(isinstance(update, WindowUpdate) for update in found)
    return found  # type: ignore[return-value]


def with_value(feature: LabeledFeature) -> InputRecord:
    return replace(RECORD, value=AvroEncoder(LabeledFeature, 2).encode(feature))
