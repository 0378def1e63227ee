"""What agents send: messages for input topics, and what a worker has to make of them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import Producer

from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.prediction import Concluded, Measured
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, Update
from pg_streaming_machine_learning.simulation.messages import Grouping, line_messages, span_messages
from pg_streaming_machine_learning.simulation.plan import SimulationPlan
from pg_streaming_machine_learning.simulation.simulation import Simulation
from pg_streaming_machine_learning.sources import SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import RefusedPart, Source, read_whole
from pg_streaming_machine_learning.wire.registry import Registry
from tests.oracle import as_read

__all__ = ["Message", "Outcome", "Refused", "fleet_messages", "in_process", "send"]

_MOST_QUEUED = 50_000
_DAY_MS = 86_400_000

Refused = tuple[str, bytes | None, bytes | None, str]
"""Topic, key, value and reason of a dead letter."""


@dataclass(frozen=True)
class Message:
    """A record to send, with Kafka's timestamp."""

    topic: str
    partition: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Outcome:
    """What becomes of messages.

    Parameters
    ----------
    predictions : dict
        By id, as a reader of their topic sees them.
    refused : list of Refused
        What of them is a dead letter.
    published : dict of str to int
        How many records each topic that can be published would have.
    """

    predictions: dict[str, dict[str, object]]
    refused: list[Refused]
    published: dict[str, int] = field(default_factory=dict)


def fleet_messages(
    plan: SimulationPlan, cycles: int, lines: tuple[str, int], spans: tuple[str, int]
) -> Iterator[Message]:
    """Yield what a simulated fleet sends, as one line or all of a host a message in turns.

    Parameters
    ----------
    plan : SimulationPlan
        Which fleet.
    cycles : int
        For how long.
    lines, spans : (str, int)
        Topic of Telegraf's lines, of Zipkin's spans, and its partitions.
    """
    count = 0
    for number, cycle in enumerate(Simulation(plan).cycles(cycles)):
        grouping = Grouping.HOST if number % 2 else Grouping.METRIC
        for host, value in line_messages(cycle, grouping):
            partition = zlib.crc32(host.encode()) % lines[1]
            yield Message(lines[0], partition, cycle.at_ms, host.encode(), value.encode())
        for value in span_messages(cycle):
            count += 1
            yield Message(spans[0], count % spans[1], cycle.at_ms, None, value.encode())


def send(bootstrap: str, messages: Iterable[Message]) -> None:
    """Send messages in their order; return once all are acknowledged."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "acks": "all"})
    for each in messages:
        producer.produce(
            each.topic, each.value, each.key, partition=each.partition, timestamp=each.timestamp_ms
        )
        if len(producer) > _MOST_QUEUED:
            producer.flush(60)
    assert producer.flush(60) == 0


def in_process(environment: Mapping[str, str], messages: Sequence[Message]) -> Outcome:
    """Return what the sources and one engine make of messages, without Kafka.

    All is read before any window closes, so nothing is late.
    """
    settings = Settings.load(environment)
    updates, refused = asyncio.run(_read(settings, messages))
    end_ms = max(each.timestamp_ms for each in messages) + _DAY_MS
    marks: list[LogRecord] = [
        ProgressMark(InputPartition(topic, 0), 1, end_ms, True, 0) for topic in settings.input_topics.values()
    ]
    config = replace(engine_config(settings), tell_measured=True)
    effects = [effect for effect in Engine(config).steps([*updates, *marks]) if effect is not None]
    concluded = [effect for effect in effects if isinstance(effect, Concluded)]
    predictions = [as_read(each.prediction) for each in concluded if each.prediction is not None]
    labeled = [each.sample for each in concluded if each.sample.label is not None]
    published = {
        "system-traces": sum(isinstance(effect, Measured) for effect in effects),
        "features": sum(len(each.sample.statistics) for each in concluded),
        "targets": len(labeled),
        "labeled-data": sum(len(sample.statistics) for sample in labeled),
    }
    return Outcome({each["id"]: each for each in predictions}, refused, published)


async def _read(settings: Settings, messages: Sequence[Message]) -> tuple[list[Update], list[Refused]]:
    registry = Registry(settings.schema_registry_url)
    limits = Limits(
        size_ms=settings.window_size_s * 1000,
        hop_ms=settings.window_hop_s * 1000,
        max_ahead_ms=settings.max_ahead_s * 1000,
        max_record_bytes=settings.max_record_bytes,
    )
    sources = create_sources(settings.input_topics, SourceOptions(registry, limits))
    updates: list[Update] = []
    refused: list[Refused] = []
    try:
        for offset, message in enumerate(messages):
            one, bad = await _read_one(sources[message.topic], message, offset)
            updates += one
            refused += bad
    finally:
        await registry.aclose()
    return updates, refused


async def _read_one(source: Source, message: Message, offset: int) -> tuple[list[Update], list[Refused]]:
    updates: list[Update] = []
    bad: list[Refused] = []
    record = InputRecord(
        message.topic, message.partition, offset, message.timestamp_ms, message.key, message.value
    )
    try:
        for part in await read_whole(source, record):
            if isinstance(part, RefusedPart):
                bad.append((message.topic, message.key, part.value, part.refused.reason.value))
            else:
                updates.append(part)
    except RefusedRecord as refused:
        return [], [(message.topic, message.key, message.value, refused.reason.value)]
    return updates, bad
