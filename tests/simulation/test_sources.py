"""What a simulation writes is what the sources read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import pytest

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import DurationsUpdate, ReadingsUpdate, Update
from pg_streaming_machine_learning.simulation.messages import Grouping, line_messages, span_messages
from pg_streaming_machine_learning.simulation.plan import SimulationPlan
from pg_streaming_machine_learning.simulation.simulation import Cycle, Simulation
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import RefusedPart
from pg_streaming_machine_learning.sources.telegraf import TelegrafSource
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions, ZipkinSource

LIMITS = Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=86_400_000, max_record_bytes=1_000_000)


def cycles(named_hosts: bool = False) -> tuple[tuple[str, ...], list[Cycle]]:
    """Return hosts and four short episodes of a fleet that everything befalls."""
    plan = SimulationPlan(hosts=16, services=4, episode_ms=300_000, named_hosts=named_hosts)
    simulation = Simulation(plan)
    return simulation.fleet.hosts, list(simulation.cycles(120))


def record(topic: str, offset: int, key: str | None, value: str, at_ms: int) -> InputRecord:
    """Return a record of an input topic."""
    return InputRecord(
        topic=topic,
        partition=0,
        offset=offset,
        timestamp_ms=at_ms,
        key=None if key is None else key.encode(),
        value=value.encode(),
        headers=(),
    )


def updates(
    source: TelegrafSource | ZipkinSource, records: Iterable[InputRecord]
) -> list[ReadingsUpdate | DurationsUpdate]:
    """Return all updates of records; nothing is refused."""

    async def collect() -> list[Update | RefusedPart]:
        return [part for each in records async for part in _parts(source, each)]

    found = asyncio.run(collect())
    assert [part for part in found if isinstance(part, RefusedPart)] == []
    return [part for part in found if isinstance(part, (ReadingsUpdate, DurationsUpdate))]


async def _parts(
    source: TelegrafSource | ZipkinSource, each: InputRecord
) -> AsyncIterator[Update | RefusedPart]:
    async for part in source.parts(each):
        if part is not None:
            yield part


@pytest.mark.parametrize("grouping", list(Grouping))
def test_every_line_is_read(grouping: Grouping) -> None:
    """No line is refused, however they are grouped; each host gives all metrics of the mapping."""
    hosts, all_cycles = cycles()
    records = [
        record("pg-traces-telegraf", offset, key, value, cycle.at_ms)
        for offset, (cycle, key, value) in enumerate(
            (cycle, key, value) for cycle in all_cycles for key, value in line_messages(cycle, grouping)
        )
    ]
    found = updates(TelegrafSource(LIMITS, TelegrafMapping.from_json(BUILT_IN_MAPPING)), records)
    metrics: dict[str, Counter[str]] = {}
    counters = set()
    for update in found:
        assert isinstance(update, ReadingsUpdate)
        for reading in update.readings:
            metrics.setdefault(update.host, Counter())[reading.metric.metric] += 1
            counters.add(reading.counter.rpartition("/")[2])
    assert set(metrics) == set(hosts)
    expected = {"CPU", "MEMORY", "DISK_READ", "DISK_WRITE", "NETWORK_IN", "NETWORK_OUT"}
    assert all(set(counts) == expected for counts in metrics.values())
    assert not counters & {"sda1", "lo"}


@pytest.mark.parametrize(
    ("named_hosts", "host_from"),
    [(False, "remote.ipv4"), (False, "local.ipv4"), (True, "local.service"), (True, "tag:host.name")],
)
def test_every_span_names_its_host(named_hosts: bool, host_from: str) -> None:
    """By its address, as the JVM job has it, or by its name."""
    hosts, all_cycles = cycles(named_hosts)
    source = ZipkinSource(LIMITS, ZipkinOptions(host_from=host_from))
    records = [
        record("pg-traces-software", offset, None, value, cycle.at_ms)
        for offset, (cycle, value) in enumerate(
            (cycle, value) for cycle in all_cycles for value in span_messages(cycle)
        )
    ]
    found = updates(source, records)
    count = 0
    for update in found:
        assert isinstance(update, DurationsUpdate)
        count += len(update.durations)
    assert {update.host for update in found} == set(hosts)
    assert count == sum(len(spans) for cycle in all_cycles for spans in cycle.spans)
    assert source.skipped == Counter()
