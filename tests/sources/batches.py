"""Batches of records with window statistics, good and bad in every way, and sources that know nothing yet."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import fastavro
from hypothesis import strategies as st

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.sources.features import FeaturesSource
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import RowSource
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from tests.sources.conftest import FEATURE_ID, KEY_ID, LABELED_ID, LIMITS, ContractSchemas
from tests.sources.test_sources import START_MS, VALUES

__all__ = [
    "FLOATS_ID",
    "KINDS",
    "LABELED_AGAIN_ID",
    "NOW_MS",
    "PLACE",
    "Drawn",
    "batches",
    "inner",
    "new_source",
    "value_of",
]

PLACE = InputPartition("in", 2)
LABELED_AGAIN_ID, FEATURE_AGAIN_ID, FLOATS_ID, KEY_AGAIN_ID = 12, 13, 14, 11
NOW_MS = START_MS + 1_800_000


class MoreSchemas(ContractSchemas):
    """The contract's schemas, and others that writers may have."""

    def __init__(self) -> None:
        super().__init__()
        label_first = schema_of(LabeledFeature)
        label_first["fields"].insert(0, label_first["fields"].pop())
        floats = schema_of(LabeledFeature)
        for field in floats["fields"][:11]:
            field["type"] = "float"
        self._schemas |= {
            KEY_AGAIN_ID: fastavro.parse_schema(schema_of(FeatureKey)),
            LABELED_AGAIN_ID: fastavro.parse_schema(label_first),
            FEATURE_AGAIN_ID: fastavro.parse_schema(schema_of(Feature)),
            FLOATS_ID: fastavro.parse_schema(floats),
        }


def new_source(kind: str, limits: Limits = LIMITS) -> RowSource:
    """Return a source that knows nothing yet."""
    if kind == "labeled":
        return LabeledDataSource(MoreSchemas(), limits)
    return FeaturesSource(MoreSchemas(), limits, is_joined=kind == "tolerant")


KINDS = ["labeled", "plain", "tolerant"]


def inner(host: str, metric: TraceMetric = TraceMetric.CPU, schema_id: int = KEY_ID) -> bytes:
    """Return a key without its window."""
    key = FeatureKey(host, metric, TraceMeasure.UTILIZATION, TraceUnit.PERCENT)
    return AvroEncoder(FeatureKey, schema_id).encode(key)


def zigzag(number: int) -> bytes:
    """Return a whole number as Avro writes it."""
    raw, found = (number << 1) ^ (number >> 63), bytearray()
    while raw > 127:
        found.append(raw & 127 | 128)
        raw >>= 7
    return bytes((*found, raw))


def value_of(kind: str, schema_id: int, numbers: Sequence[float], label: int) -> bytes:
    """Return a value by one of the schemas of a source, whatever is in it."""
    if kind != "labeled":
        return frame(FEATURE_AGAIN_ID if schema_id == LABELED_AGAIN_ID else FEATURE_ID, packed("d", numbers))
    if schema_id == LABELED_AGAIN_ID:
        return frame(schema_id, zigzag(label) + packed("d", numbers))
    if schema_id == FLOATS_ID:
        return frame(
            schema_id, packed("f", [each if abs(each) < 1e30 else 0.0 for each in numbers]) + zigzag(label)
        )
    return frame(LABELED_ID, packed("d", numbers) + zigzag(label))


def packed(code: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<11{code}", *numbers)


@dataclass(frozen=True)
class Drawn:
    """A record of a partition, and where it is."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    def record(self) -> InputRecord:
        return InputRecord(PLACE.topic, PLACE.partition, self.offset, self.timestamp_ms, self.key, self.value)


NAN_OF = struct.Struct("<Q")
numbers = st.one_of(
    st.just(VALUES),
    st.lists(st.floats(allow_infinity=False), min_size=11, max_size=11),
    st.binary(min_size=88, max_size=88).map(struct.Struct("<11d").unpack),
    st.sampled_from([0x7FF8_0000_0000_0001, 0xFFF8_0000_DEAD_BEEF, 0x7FF0_0000_0000_0001]).map(
        lambda raw: (*VALUES[:7], *struct.unpack("<d", NAN_OF.pack(raw)), *VALUES[8:])
    ),
)
infinite = st.tuples(st.integers(0, 10), st.sampled_from([float("inf"), float("-inf")])).map(
    lambda at: [*VALUES[: at[0]], at[1], *VALUES[at[0] + 1 :]]
)
hosts = st.sampled_from(["web", "db", "ü" * 5, "cache-7", "𝔥" * 20])
inners = st.builds(
    inner,
    hosts,
    st.sampled_from([TraceMetric.CPU, TraceMetric.MEMORY]),
    st.sampled_from([KEY_ID] * 5 + [KEY_AGAIN_ID]),
)
on_the_grid = st.integers(0, 5).map(lambda number: START_MS + number * 60_000)
BAD_KEYS = st.one_of(
    st.none(),
    st.binary(max_size=9),
    inners,  # not windowed
    st.builds(lambda key: encode_windowed_key(key, START_MS) + bytes(8), inners),  # of a session window
    st.builds(lambda key: encode_windowed_key(key, START_MS)[:-1], inners),
    st.just(encode_windowed_key(inner(""), START_MS)),
    st.just(encode_windowed_key(inner("h" * 1_025), START_MS)),
    st.just(encode_windowed_key(frame(KEY_ID, b"\x06web\x0e\x00\x10"), START_MS)),  # no symbol
    st.just(encode_windowed_key(frame(99, b"\x06web\x00\x00\x10"), START_MS)),
)
BAD_STARTS = st.sampled_from(
    [
        *(START_MS + off_ms for off_ms in (1, -1, 14_999, 15_000, 15_001, -15_000, -15_001, 30_000)),
        *(-60_000, -1, -(2**63), 0, 1, 45_000),
        *(60_000 * 4_223_371_704, 60_000 * 4_223_371_705, 60_000 * 10**10, 2**63 - 1),
        *(NOW_MS + 3_600_000 - NOW_MS % 60_000 + hops * 60_000 for hops in (-1, 0, 1)),
    ]
)
BAD_TIMESTAMPS = st.sampled_from(
    [0, -1, -(2**62), 1, START_MS - 3_600_000, START_MS - 3_600_001, 2**62, 2**63 - 1]
)


@st.composite
def drawn(draw: st.DrawFn, kind: str, offset: int) -> Drawn:
    """Draw a record: two of three are good, the others have something that is not, or is not usual."""
    key: bytes | None
    value: bytes | None
    schema_id = draw(st.sampled_from([LABELED_ID] * 6 + [LABELED_AGAIN_ID, FLOATS_ID]))
    about, start_ms, timestamp_ms = draw(inners), draw(on_the_grid), NOW_MS
    statistics, label = draw(numbers), draw(st.integers(0, 1))
    odd = draw(
        st.sampled_from(["", "", "key", "value", "start", "timestamp", "label", "infinite"] + [""] * 8)
    )
    if odd == "start":
        start_ms = draw(BAD_STARTS)
    elif odd == "timestamp":
        timestamp_ms = draw(BAD_TIMESTAMPS)
    elif odd == "label":
        label = draw(st.sampled_from([-1, 2, 3, 63, 64, -64, 255, 256, 257, -300, 2**31 - 1]))
    elif odd == "infinite":
        statistics = tuple(draw(infinite))
    key, value = encode_windowed_key(about, start_ms), value_of(kind, schema_id, statistics, label)
    if odd == "key":
        key = draw(BAD_KEYS)
    elif odd == "value":
        other = "plain" if kind == "labeled" else "labeled"
        value = draw(
            st.sampled_from(
                [
                    *(None, b"", bytes(89 + 5), b"{}", value[:-1], value + b"\x00", value + bytes(1_000)),
                    *(frame(99, value[5:]), frame(KEY_ID, value[5:]), b"\x01" + value[1:]),
                    value_of(other, LABELED_ID, VALUES, 1),
                ]
            )
        )
    return Drawn(offset, timestamp_ms, key, value)


@st.composite
def batches(draw: st.DrawFn, kind: str) -> list[Drawn]:
    """Draw the records of a batch, with gaps between their offsets."""
    offset, found = draw(st.sampled_from([0, 1_000, 2**62])), []
    for _ in range(draw(st.integers(0, 14))):
        found.append(draw(drawn(kind, offset)))
        offset += draw(st.sampled_from([1, 1, 1, 2, 700]))
    return found
