"""Published records, byte by byte those of the contract."""

from __future__ import annotations

import math

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.config import PUBLISHED
from pg_streaming_machine_learning.outputs.published import PUBLISHED_RECORDS, Publisher
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Concluded, Effect, Measured, Sample
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from tests.outputs.published import topics

HOST = "192.168.0.101"
AT_MS = 1_600_000_000_000
CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
STATISTICS = (35.0, 45.0, 40.0, 5.0, 37.5, 40.0, 42.5, 0.0, -1.5, 0.25, 0.5)

INNER_KEY = bytes.fromhex("00 00 00 00 01  1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31  00 00 10")
START = bytes.fromhex("00 00 01 74 87 6e 80 00")
DOUBLES = bytes.fromhex(
    "00 00 00 00 00 80 41 40  00 00 00 00 00 80 46 40  00 00 00 00 00 00 44 40  00 00 00 00 00 00 14 40"
    "00 00 00 00 00 c0 42 40  00 00 00 00 00 00 44 40  00 00 00 00 00 40 45 40  00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 f8 bf  00 00 00 00 00 00 d0 3f  00 00 00 00 00 00 e0 3f"
)


def concluded(label: int | None = 1, host: str = HOST, **metrics: tuple[float, ...] | None) -> Concluded:
    """Return a closed window of some metrics, that of the contract's golden records if none is named."""
    named = metrics or {"CPU": STATISTICS}
    statistics = {
        Metric(name, "UTILIZATION", "PERCENT"): row for name, row in named.items() if row is not None
    }
    window = Window(AT_MS, AT_MS + 1_800_000)
    return Concluded(
        Sample(host, window, {}, label, tuple(statistics), [*map(pack, statistics.values())]), None
    )


def published(effect: Effect, *names: str) -> list[Output]:
    """Return what is published of an effect to the topics of these names."""
    return list(Publisher(topics(*names)).encode(effect))


def partition(inner_key: bytes) -> int:
    return int(murmur2(inner_key) & 0x7FFFFFFF) % 3


def test_the_golden_feature_of_the_contract() -> None:
    value = bytes.fromhex("00 00 00 00 03") + DOUBLES
    assert published(concluded(), "features") == [
        Output("features", INNER_KEY + START, value, partition(INNER_KEY))
    ]


def test_the_golden_labeled_feature_of_the_contract() -> None:
    value = bytes.fromhex("00 00 00 00 02") + DOUBLES + bytes.fromhex("02")
    assert len(value) == 94
    assert published(concluded(), "labeled-data") == [
        Output("labeled-data", INNER_KEY + START, value, partition(INNER_KEY))
    ]


def test_the_golden_target_of_the_contract() -> None:
    assert published(concluded(), "targets") == [
        Output("targets", HOST.encode() + START, bytes.fromhex("00 00 00 01"), partition(HOST.encode()))
    ]


def test_the_golden_system_trace() -> None:
    """The key is the host's name, which keeps the readings of a host in one partition and in their order."""
    value = bytes.fromhex(
        "00 00 00 00 04"  # schema id 4
        "80 80 f4 f6 90 5d"  # timestamp: zigzag of 1600000000000, seven bits a byte
        "1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31"  # hostname, 13 bytes
        "06 00 10"  # MEMORY, UTILIZATION, PERCENT
        "08 32 38 2e 31"  # value, 4 bytes
    )
    assert published(Measured(HOST, MEMORY, AT_MS, 28.1), "system-traces") == [
        Output("system-traces", HOST.encode(), value, partition(HOST.encode()))
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, b"0.1"), (-0.0, b"-0.0"), (1e22, b"1e+22"), (5e-324, b"5e-324"), (7, b"7.0")]
)
def test_a_value_is_the_shortest_text_of_its_double(value: float, text: bytes) -> None:
    (output,) = published(Measured("web", CPU, 0, value), "system-traces")
    assert output.value is not None
    assert output.value.endswith(bytes([2 * len(text)]) + text)


def test_a_window_without_a_label_has_features_alone() -> None:
    effect = concluded(label=None)
    assert [each.topic for each in published(effect, *PUBLISHED)] == ["features"]


def test_a_window_without_a_metric_has_a_target_alone() -> None:
    """Of a host with spans and no readings: others may have its metrics."""
    effect = concluded(label=0, CPU=None)
    (output,) = published(effect, *PUBLISHED)
    assert (output.topic, output.value) == ("targets", bytes(4))


def test_every_metric_of_a_window_is_a_record() -> None:
    effect = concluded(CPU=STATISTICS, MEMORY=STATISTICS)
    keys = [each.key for each in published(effect, "labeled-data")]
    assert keys == [INNER_KEY + START, INNER_KEY[:-3] + bytes.fromhex("06 00 10") + START]


def test_nothing_is_published_that_is_not_asked_for() -> None:
    assert published(concluded()) == []
    assert published(Measured("web", CPU, 0, 1.0), "features", "targets", "labeled-data") == []
    assert published(concluded(), "system-traces") == []


def test_a_statistic_that_is_no_finite_number_is_missing() -> None:
    """Readers refuse records with an infinite one."""
    rows = [
        published(concluded(CPU=(value, *STATISTICS[1:])), "features")
        for value in (math.inf, -math.inf, math.nan)
    ]
    assert len({str(row) for row in rows}) == 1


def test_what_can_be_published_is_what_the_settings_know() -> None:
    assert tuple(PUBLISHED_RECORDS) == PUBLISHED


@given(st.text(min_size=1, max_size=20), st.integers(0, 10**12))
def test_all_windows_of_a_metric_lie_in_one_partition(host: str, start_ms: int) -> None:
    """As Kafka Streams has it: the window's start does not count."""
    publisher = Publisher(topics(*PUBLISHED, partitions=12))
    one = concluded(host=host)
    sample = Sample(host, Window(start_ms, start_ms + 1), {}, 1, one.sample.metrics, one.sample.packed)
    places = [
        {(each.topic, each.partition) for each in publisher.encode(effect)}
        for effect in (one, Concluded(sample, None))
    ]
    assert places[0] == places[1]
    assert len(places[0]) == 3
