"""Readings and durations of real hosts: the engine's samples are those of a plain loop over all of them.

The loop knows windows by the rule of Kafka Streams' `TimeWindows.windowsFor`, and goes through everything a
host has said for each of them. What it shares with the engine is how numbers are summarised.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.labels.objectives import Objectives, SpanObjective
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.prediction import Concluded, Sample
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    Metric,
    ProgressMark,
    Reading,
    ReadingsUpdate,
    SourcePlace,
)
from pg_streaming_machine_learning.windows.summary import percentile, summarize
from tests import nezha
from tests.logs import config, merged
from tests.oracle import FinalWindow, as_read, expected_predictions

READINGS, SPANS = "pg-traces-telegraf", "pg-traces-software"
SIZE_MS, HOP_MS, GRACE_MS = nezha.WINDOWS.size_ms, nezha.WINDOWS.hop_ms, 300_000
PARTITIONS = {READINGS: 3, SPANS: 2}
COUNTERS = ("NETWORK_IN", "NETWORK_OUT")
"""Sent as what had come and gone since the beginning, though the data set has their rates."""

LONGEST_GAP_MS = 3_600_000
TREE = ModelSpec("river.tree.HoeffdingTreeClassifier")

Symbols = tuple[str, str, str]
Minutes = Sequence[nezha.RecordedMinute]


@lru_cache
def minutes() -> tuple[nezha.RecordedMinute, ...]:
    """Return both days: 12 hours lie between them."""
    return tuple(_counted(nezha.minutes()))


def _counted(recorded: Iterable[nezha.RecordedMinute]) -> Iterator[nezha.RecordedMinute]:
    """Yield minutes whose network rates are counters."""
    last: dict[tuple[str, Symbols], tuple[int, float]] = {}
    for minute in recorded:
        readings = dict(minute.readings)
        for symbols, rate in minute.readings.items():
            if symbols[0] in COUNTERS:
                at_ms, count = last.get((minute.host, symbols), (minute.timestamp_ms, 0.0))
                readings[symbols] = count + rate * (minute.timestamp_ms - at_ms) / 1000
                last[minute.host, symbols] = (minute.timestamp_ms, readings[symbols])
        yield replace(minute, readings=readings)


# What goes in.


def raw_log(recorded: Minutes, order: random.Random) -> list[SingleRecord]:
    """Return the log of two topics, hosts spread over their partitions, these read in any order."""
    hosts = sorted({minute.host for minute in recorded})
    partitions: dict[tuple[str, int], list[SingleRecord]] = {}
    for topic, count in PARTITIONS.items():
        for number in range(count):
            own = [minute for minute in recorded if hosts.index(minute.host) % count == number]
            partitions[topic, number] = list(_partition(topic, number, own))
    return merged(list(partitions.values()), order)


def _partition(topic: str, number: int, own: Minutes) -> Iterator[SingleRecord]:
    """Yield the updates of a partition, and now and then how far it has come."""
    place = InputPartition(topic, number)
    yield ProgressMark(place, PARTITIONS[topic], None, False, 0)
    reached_ms = 0
    for offset, minute in enumerate(own):
        update = _update(SourcePlace(topic, number, offset), minute)
        if update is not None:
            yield update
            reached_ms = minute.timestamp_ms // HOP_MS * HOP_MS
        if offset % 37 == 0:
            yield ProgressMark(place, PARTITIONS[topic], reached_ms, False, 0)
    yield ProgressMark(place, PARTITIONS[topic], reached_ms, True, 0)


def _update(place: SourcePlace, minute: nezha.RecordedMinute) -> ReadingsUpdate | DurationsUpdate | None:
    if place.topic == SPANS:
        if minute.latency_us is None:
            return None
        duration = Duration(minute.service, minute.timestamp_ms, minute.latency_us)
        return DurationsUpdate(place, minute.host, (duration,))
    readings = tuple(
        Reading(Metric(*symbols), minute.timestamp_ms, value, "net/eth0" if symbols[0] in COUNTERS else "")
        for symbols, value in minute.readings.items()
    )
    return ReadingsUpdate(place, minute.host, readings) if readings else None


# What has to come out.


@dataclass
class Said:
    """All that one host has said, in order of arrival."""

    times_ms: dict[Symbols, list[int]] = field(default_factory=lambda: defaultdict(list))
    values: dict[Symbols, list[float]] = field(default_factory=lambda: defaultdict(list))
    spans_ms: list[int] = field(default_factory=list)
    spans: list[tuple[str, int]] = field(default_factory=list)


def windows_for(timestamp_ms: int) -> Iterator[int]:
    """Yield the starts of the windows that hold a timestamp."""
    start_ms = max(0, timestamp_ms - SIZE_MS + HOP_MS) // HOP_MS * HOP_MS
    while start_ms <= timestamp_ms:
        yield start_ms
        start_ms += HOP_MS


def said(recorded: Minutes) -> dict[str, Said]:
    """Return what each host has said, counters as their rates."""
    hosts: dict[str, Said] = defaultdict(Said)
    last: dict[tuple[str, Symbols], tuple[int, float]] = {}
    for minute in recorded:
        host = hosts[minute.host]
        for symbols, value in minute.readings.items():
            if symbols[0] in COUNTERS:
                before = last.get((minute.host, symbols))
                last[minute.host, symbols] = (minute.timestamp_ms, value)
                if before is None or minute.timestamp_ms - before[0] > LONGEST_GAP_MS or value < before[1]:
                    continue
                value = (value - before[1]) / (minute.timestamp_ms - before[0]) * 1000
            host.times_ms[symbols].append(minute.timestamp_ms)
            host.values[symbols].append(value)
        if minute.latency_us is not None:
            host.spans_ms.append(minute.timestamp_ms)
            host.spans.append((minute.service, minute.latency_us))
    return dict(hosts)


@dataclass(frozen=True)
class Expected:
    """A window of a host, and the durations in it: how many, mean, 50th, 90th, 99th percentile, maximum."""

    final: FinalWindow
    durations: tuple[float, ...] | None


def expected(recorded: Minutes, rule: str, least: int) -> list[Expected]:
    """Return every window of every host, by end, then by host."""
    found = []
    limits_us = {service: 1000 * each for service, each in nezha.thresholds_ms().items()}
    for name, host in said(recorded).items():
        moments = [*host.spans_ms, *(at_ms for times_ms in host.times_ms.values() for at_ms in times_ms)]
        for start_ms in sorted({start_ms for at_ms in moments for start_ms in windows_for(at_ms)}):
            end_ms = start_ms + SIZE_MS
            metrics = {}
            for symbols, times_ms in host.times_ms.items():
                values = host.values[symbols][bisect_left(times_ms, start_ms) : bisect_left(times_ms, end_ms)]
                if values:
                    metrics[symbols] = summarize(values)
            spans = host.spans[bisect_left(host.spans_ms, start_ms) : bisect_left(host.spans_ms, end_ms)]
            label = None
            if spans:
                [service] = {service for service, _ in spans}
                label = int(is_slow(sorted(us for _, us in spans), limits_us[service], rule, least))
            final = FinalWindow(name, start_ms, end_ms, metrics, label)
            found.append(Expected(final, summary([us for _, us in spans]) if spans else None))
    return sorted(found, key=lambda each: (each.final.end_ms, each.final.host))


def is_slow(durations_us: list[int], limit_us: float, rule: str, least: int) -> bool:
    """Say whether durations, ascending, break a rule."""
    if rule == "any":
        return durations_us[-1] > limit_us
    return len(durations_us) >= least and percentile(durations_us, float(rule[1:])) > limit_us


def summary(durations_us: list[int]) -> tuple[float, ...]:
    """Return how many durations there are, then their mean, percentiles and maximum, milliseconds."""
    ordered = sorted(durations_us)
    shares = (percentile(ordered, 50), percentile(ordered, 90), percentile(ordered, 99))
    return (len(ordered), *(us / 1000 for us in (sum(ordered) / len(ordered), *shares, float(ordered[-1]))))


def as_expected(sample: Sample) -> Expected:
    """Return a sample of the engine in the form of `expected`."""
    metrics = {(each.metric, each.measure, each.unit): values for each, values in sample.statistics.items()}
    summed = sample.durations
    durations = None if summed is None else (
        summed.count, summed.mean_ms, summed.p50_ms, summed.p90_ms, summed.p99_ms, summed.maximum_ms
    )  # fmt: skip
    window = sample.window
    return Expected(
        FinalWindow(sample.host, window.start_ms, window.end_ms, metrics, sample.label), durations
    )


def written(each: Expected) -> str:
    """Return all of a window as text, every bit of its numbers in it; NaN equals NaN."""
    final = each.final
    return repr((final.host, final.start_ms, sorted(final.metrics.items()), final.label, each.durations))


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "least"), [("any", 1), ("p90", 8)])
def test_real_readings_and_spans_become_the_samples_of_a_plain_loop(rule: str, least: int) -> None:
    """Both days of nezha-online-boutique: statistics, labels and durations of every window, bit by bit."""
    wanted = expected(minutes(), rule, least)
    objectives = Objectives(
        [
            SpanObjective(service=service, slower_than_us=1000 * limit_ms, rule=rule, least=least)
            for service, limit_ms in nezha.thresholds_ms().items()
        ],
        SpanObjective(),
    )
    settings = replace(
        config(TREE, inputs=(READINGS, SPANS)),
        size_ms=SIZE_MS,
        hop_ms=HOP_MS,
        grace_ms=GRACE_MS,
        seed=1,
        warm_up_samples=50,
        decision_threshold=0.5,
        objectives=objectives,
    )
    engine = Engine(settings)
    concluded = [
        each for each in engine.steps(raw_log(minutes(), random.Random(1))) if isinstance(each, Concluded)
    ]
    assert [written(as_expected(each.sample)) for each in concluded] == [written(each) for each in wanted]
    assert (engine.counts.late, engine.counts.repeated, engine.counts.strange_spans) == (0, 0, 0)
    finals = [each.final for each in wanted if each.final.metrics]
    predictions = [as_read(each.prediction) for each in concluded if each.prediction is not None]
    assert predictions == expected_predictions(finals, TREE)
    # Some of everything was there to be got wrong.
    assert len(wanted) > 3800
    assert {final.label for final in finals} >= {0, 1}
    assert len({len(final.metrics) for final in finals}) > 1
