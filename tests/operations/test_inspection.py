"""Records of each of our topics can be read by people."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import METRICS, Revision
from pg_streaming_machine_learning.errors import RegistryUnreachable
from pg_streaming_machine_learning.operations.inspection import Inspector, TopicKind
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    LabelUpdate,
    ProgressMark,
    Reading,
    ReadingsUpdate,
    SourcePlace,
    Update,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.wire import log
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import STREAMING_NAMESPACE, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.system_trace import SystemTrace
from pg_streaming_machine_learning.wire.target import encode_target, encode_target_key
from tests.window_updates import together

KINDS = {
    "in": TopicKind.WINDOWED,
    "targets": TopicKind.TARGETS,
    "traces": TopicKind.SYSTEM_TRACES,
    "lines": TopicKind.TEXT,
    "log": TopicKind.LOG,
    "out": TopicKind.PREDICTIONS,
    "dead": TopicKind.DEAD_LETTERS,
}
CPU = {"metric": "CPU", "measure": "UTILIZATION", "unit": "PERCENT"}
STATISTICS = (1.0, 2.0, 1.5, 0.5, 1.0, 1.5, 2.0, math.nan, -1.0, 0.1, 0.2)


class Bench:
    """An inspector beside a registry with the schemas of keys, values and predictions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ids = asyncio.run(self._register())

    async def _register(self) -> list[int]:
        registry = Registry(self.url)
        return [
            await registry.register(subject, schema_of(model))
            for subject, model in (
                ("in-key", FeatureKey),
                ("in-value", LabeledFeature),
                ("out-value", BottleneckPrediction),
                ("traces-value", SystemTrace),
            )
        ]

    def window(self) -> tuple[bytes, bytes]:
        """Return key and value of a window of labeled data."""
        encoder = WindowEncoder(self.ids[0], self.ids[1], partitions=1)
        window = encoder.encode(Revision("cart", METRICS["CPU"], 1_600_000_000_000, STATISTICS, 1, True))
        return window.key, window.value

    def describe(self, record: InputRecord) -> dict[str, Any]:
        """Return the description after a way through JSON."""

        async def inspect() -> dict[str, Any]:
            return await Inspector(KINDS, Registry(self.url)).describe(record)

        described: dict[str, Any] = json.loads(json.dumps(asyncio.run(inspect()), allow_nan=False))
        return described


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Return the bench, once for all tests: they only read."""
    with DemoRegistry.start_in_thread() as registry:
        yield Bench(registry.url)


def test_a_window_of_labeled_data(bench: Bench) -> None:
    """Host, metric and window of the key; statistics by name, missing ones as null."""
    key, value = bench.window()
    described = bench.describe(InputRecord("in", 2, 7, 1_600_000_010_000, key, value, (("h", b"x"),)))
    assert described == {
        "topic": "in",
        "partition": 2,
        "offset": 7,
        "timestamp": "2020-09-13T12:26:50.000+00:00",
        "headers": {"h": "x"},
        "key": {
            "hostname": "cart",
            "metric": "CPU",
            "measure": "UTILIZATION",
            "unit": "PERCENT",
            "window_start_ms": 1_600_000_000_000,
            "window_start": "2020-09-13T12:26:40.000+00:00",
        },
        "value": {
            "minimum": 1.0,
            "maximum": 2.0,
            "mean": 1.5,
            "standard_deviation": 0.5,
            "percentile25": 1.0,
            "median": 1.5,
            "percentile75": 2.0,
            "skewness": None,
            "kurtosis": -1.0,
            "slope": 0.1,
            "pearsons_correlation": 0.2,
            "label": 1,
        },
    }


def test_an_update_of_the_log(bench: Bench) -> None:
    """The log's own encoding, with the place the update came from."""
    update = WindowUpdate(
        SourcePlace("in", 2, 7), "cart", METRICS["CPU"], 1_600_000_000_000, STATISTICS, None
    )
    value = bench.describe(InputRecord("log", 0, 0, 0, b"cart", log.encode_update(update)))["value"]
    assert value["type"] == "WindowUpdate"
    assert value["place"] == {"topic": "in", "partition": 2, "offset": 7, "index": 0}
    assert (value["host"], value["label"], value["statistics"][7]) == ("cart", None, None)


def test_a_progress_mark_of_the_log(bench: Bench) -> None:
    """Marks have no key."""
    mark = ProgressMark(InputPartition("in", 2), 4, None, True, 1_600_000_000_000)
    described = bench.describe(InputRecord("log", 0, 0, 0, None, log.encode_mark(mark)))
    assert described["key"] is None
    assert described["value"]["type"] == "ProgressMark"
    assert described["value"]["input"] == {"topic": "in", "partition": 2}
    assert described["value"]["idle"] is True


def test_a_target(bench: Bench) -> None:
    """Host and window of the key, the label of the value."""
    key, value = encode_target_key("cärt", 1_600_000_000_000), encode_target(1)
    described = bench.describe(InputRecord("targets", 0, 0, 1, key, value))
    window = {"window_start_ms": 1_600_000_000_000, "window_start": "2020-09-13T12:26:40.000+00:00"}
    assert (described["key"], described["value"]) == ({"host": "cärt", **window}, {"label": 1})


@pytest.mark.parametrize(
    ("part", "data", "why"),
    [
        ("key", b"\xff" + bytes(8), "bad-key: key has a host that is no UTF-8"),
        ("key", bytes(7), "bad-key: "),
        ("value", bytes(3), "bad-value: target has 3 bytes, expected 4"),
        ("value", b"\0\0\0\7", "bad-label: label is 7, expected 0 or 1"),
    ],
)
def test_a_target_that_is_none_is_said(bench: Bench, part: str, data: bytes, why: str) -> None:
    """The digits are shown, with what is wrong."""
    key, value = (data, None) if part == "key" else (None, data)
    described = bench.describe(InputRecord("targets", 0, 0, 1, key, value))[part]
    assert described["hex"] == data.hex(" ")
    assert described["refused"].startswith(why)


@pytest.mark.parametrize("key", [None, b"telegraf", bytes(5)])
def test_a_system_trace(bench: Bench, key: bytes | None) -> None:
    """The key is text or nothing, the value Avro."""
    trace = SystemTrace(
        1_600_000_000_000, "cart", TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT, "12.5"
    )
    value = AvroEncoder(SystemTrace, bench.ids[3]).encode(trace)
    described = bench.describe(InputRecord("traces", 0, 0, 1, key, value))
    assert described["key"] == (None if key is None else key.decode())
    assert described["value"] == {
        "timestamp": 1_600_000_000_000,
        "hostname": "cart",
        "metric": "CPU",
        "measure": "UTILIZATION",
        "unit": "PERCENT",
        "value": "12.5",
    }


@pytest.mark.parametrize("text", ["mem,host=cärt used_percent=5\n", '[{"duration":5}]', "\0\0\0\0\1"])
def test_what_agents_send_is_text(bench: Bench, text: str) -> None:
    """Even where the first bytes could be those of Avro."""
    described = bench.describe(InputRecord("lines", 0, 0, 1, b"cart", text.encode()))
    assert (described["key"], described["value"]) == ("cart", text)


PLACE = SourcePlace("in", 2, 7, 1)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (
            ReadingsUpdate(
                PLACE, "cart", (Reading(METRICS["CPU"], 5, 12.5), Reading(METRICS["CPU"], 6, 1, "c"))
            ),
            {
                "type": "ReadingsUpdate",
                "readings": [
                    {"metric": CPU, "timestamp_ms": 5, "value": 12.5, "counter": ""},
                    {"metric": CPU, "timestamp_ms": 6, "value": 1.0, "counter": "c"},
                ],
            },
        ),
        (
            DurationsUpdate(PLACE, "cart", (Duration("shop", 5, 800, is_error=True),)),
            {
                "type": "DurationsUpdate",
                "durations": [{"service": "shop", "start_ms": 5, "duration_us": 800, "is_error": True}],
            },
        ),
        (
            LabelUpdate(PLACE, "cart", 5000, 1),
            {"type": "LabelUpdate", "window_start_ms": 5000, "label": 1},
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_updates_of_every_other_kind_of_the_log(
    bench: Bench, update: Update, expected: dict[str, object]
) -> None:
    """Readings, durations and labels, each with the place it came from."""
    described = bench.describe(InputRecord("log", 0, 0, 1, b"cart", log.encode_update(update)))
    place = {"topic": "in", "partition": 2, "offset": 7, "index": 1}
    assert described["value"] == {"place": place, "host": "cart", **expected}


def test_many_updates_of_the_log(bench: Bench) -> None:
    """One by one, each as if it were a record of its own."""
    single = [
        WindowUpdate(SourcePlace("in", 2, offset), "cart", METRICS["CPU"], 5000, (float(offset),) * 11, label)
        for offset, label in ((7, 1), (9, None))
    ]
    value = bench.describe(_logged(together(single)))["value"]
    alone = [bench.describe(_logged(each))["value"] for each in single]
    assert value["type"] == "WindowUpdates"
    assert [{"type": "WindowUpdate", **each} for each in value["updates"]] == alone


def _logged(update: Update | WindowUpdates) -> InputRecord:
    return InputRecord("log", 0, 0, 1, None, log.encode_update(update))


def test_a_prediction(bench: Bench) -> None:
    """Metrics and reasons nested in it are plain data, too."""
    prediction = BottleneckPrediction(
        id="cart@0+0",
        host="cart",
        window_start_ms=0,
        window_end_ms=10_000,
        horizon_ms=0,
        predicted_class=1,
        probability=0.75,
        decision_threshold=0.5,
        label=None,
        model_name="model",
        model_version="1",
        samples_learned=3,
        warming_up=True,
        metrics=[],
        reasons=[],
    )
    value = AvroEncoder(BottleneckPrediction, bench.ids[2]).encode(prediction)
    described = bench.describe(InputRecord("out", 0, 5, 1, b"cart", value))
    assert described["key"] == "cart"
    assert described["value"] == prediction.asdict()


def test_a_dead_letter_is_decoded_as_where_it_came_from(bench: Bench) -> None:
    """Its key may be sound while its value is not."""
    key, value = bench.window()
    headers = (("reason", b"bad-avro"), ("topic", b"in"), ("partition", b"2"), ("offset", b"7"))
    described = bench.describe(InputRecord("dead", 0, 0, 1, key, value[:-1], headers))
    assert described["headers"]["reason"] == "bad-avro"
    assert described["key"]["hostname"] == "cart"
    assert described["value"]["hex"] == value[:-1].hex(" ")
    assert described["value"]["refused"].startswith("bad-avro: ")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, None),
        (b"", ""),
        ("grüß Gott".encode(), "grüß Gott"),
        (b"\xff\xfe", {"hex": "ff fe"}),
        (b"\x00\x00\x00\x00\x63!", "\x00\x00\x00\x00c!"),
    ],
)
def test_a_topic_that_is_not_ours(bench: Bench, data: bytes | None, expected: object) -> None:
    """Text where it is text, digits where it is not; no schema is needed."""
    assert bench.describe(InputRecord("theirs", 0, 0, 1, None, data))["value"] == expected


def test_avro_of_a_topic_that_is_not_ours(bench: Bench) -> None:
    """A framed record is decoded if the registry knows its schema."""
    key, value = bench.window()
    described = bench.describe(InputRecord("theirs", 0, 0, 1, key[:-8], value))
    assert (described["key"]["hostname"], described["value"]["label"]) == ("cart", 1)
    assert STREAMING_NAMESPACE not in json.dumps(described)


def test_an_unknown_schema_is_said(bench: Bench) -> None:
    """The registry is there, and does not know the id."""
    key, value = bench.window()
    described = bench.describe(InputRecord("in", 0, 0, 1, key, value[:1] + b"\x00\x01\x00\x00" + value[5:]))
    assert "schema id 65536 is not known" in described["value"]["refused"]


@pytest.mark.parametrize("data", [b"", b"\x02\x01", b"\x01\x07abc", b"\x01\x01\xff"])
def test_a_damaged_log_record_is_said(bench: Bench, data: bytes) -> None:
    """The digits are shown, with what is wrong."""
    value = bench.describe(InputRecord("log", 0, 0, 1, None, data))["value"]
    assert value["hex"] == data.hex(" ")
    assert value["refused"]


def test_a_time_beyond_all_years_is_a_number(bench: Bench) -> None:
    """An absurd window start must not end the inspection."""
    key, value = bench.window()
    described = bench.describe(InputRecord("in", 0, 0, 1, key[:-8] + b"\x7f" + b"\xff" * 7, value))
    assert described["key"]["window_start"] == f"{2**63 - 1} ms"


def test_no_registry_is_an_error_of_its_own(bench: Bench) -> None:
    """Nothing can be said of Avro without a registry; the address is named."""
    key, value = bench.window()

    async def inspect() -> None:
        await Inspector(KINDS, Registry("http://127.0.0.1:1")).describe(
            InputRecord("in", 0, 0, 1, key, value)
        )

    with pytest.raises(RegistryUnreachable, match=r"http://127\.0\.0\.1:1"):
        asyncio.run(inspect())
