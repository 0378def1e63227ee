"""Records of input topics lead to the predictions of an engine that has read all before any window closes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import RefusedRecord, RegistryUnreachable
from pg_streaming_machine_learning.operations.backfill.inputs import InputRouting
from pg_streaming_machine_learning.operations.backfill.learning import Learning
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, Update
from pg_streaming_machine_learning.sources.source import RefusedPart, read_whole
from pg_streaming_machine_learning.wire.partition import partition_of
from tests.operations.backfill.written import (
    CONFIG,
    HOSTS,
    LINES,
    START_MS,
    WINDOWS,
    records,
    sources,
    stretches,
)

DAY_MS = 86_400_000


def learned(
    found: list[InputRecord], batch: int, partitions: int = 1, *, most: int = 1_000_000
) -> tuple[Learning, list[Prediction]]:
    """Return what a backfill learned of records, routed so many at a time, of the first so many."""
    predictions: list[Prediction] = []
    learning = Learning(CONFIG, partitions, predictions.extend)
    read = stretches(found)
    numbers = {(each.topic, each.partition): number for number, each in enumerate(read)}
    left = Counter((record.topic, record.partition) for record in found)

    async def run() -> None:
        routing = InputRouting(read, sources(), WINDOWS, learning)
        for begin in range(0, min(most, len(found)), batch):
            some = found[begin : begin + batch]
            left.subtract((record.topic, record.partition) for record in some)
            ended = frozenset(number for place, number in numbers.items() if left[place] == 0)
            await routing.take([(numbers[each.topic, each.partition], each) for each in some], ended)

    asyncio.run(run())
    return learning, predictions


async def updates_of(found: Sequence[InputRecord]) -> list[Update]:
    """Return the updates of records, by the sources alone."""
    updates: list[Update] = []
    reading = sources()
    for record in found:
        try:
            parts = await read_whole(reading[record.topic], record)
        except RefusedRecord:
            continue
        updates += [part for part in parts if not isinstance(part, RefusedPart)]
    return updates


def expected(found: Sequence[InputRecord], partitions: int = 1, number: int = 0) -> list[Prediction]:
    """Return what an engine says that has read all of its hosts' updates before any window closes."""
    updates = asyncio.run(updates_of(found))
    end = [ProgressMark(InputPartition(topic, 0), 1, START_MS + DAY_MS, True, 0) for topic in CONFIG.inputs]
    ours: list[SingleRecord] = [
        each for each in updates if partition_of(each.host.encode(), partitions) == number
    ]
    return Engine(CONFIG).process([*ours, *end])


@pytest.mark.parametrize("batch", [1, 7, 100, 10_000])
def test_predictions_do_not_depend_on_batches(batch: int) -> None:
    """Windows close earlier or later, with the same contents and in the same order."""
    found = records()
    learning, predictions = learned(found, batch)
    assert predictions == expected(found)
    assert len(predictions) > 80
    assert {each.label for each in predictions} == {0, 1, None}
    assert (learning.counts.late, learning.open_windows) == (0, 0)


def test_every_partition_of_the_log_has_a_model_for_its_hosts() -> None:
    """As the router distributes them."""
    found = records()
    _, predictions = learned(found, 50, partitions=3)
    by_partition = [
        [each for each in predictions if partition_of(each.host.encode(), 3) == number] for number in range(3)
    ]
    assert by_partition == [expected(found, 3, number) for number in range(3)]
    assert sum(bool(some) for some in by_partition) > 1


def test_windows_close_on_the_way() -> None:
    """What is in memory is what is open: after each batch, a few windows of each host."""
    found = records()
    learning, predictions = learned(found, 20, most=len(found) // 2)
    assert predictions == expected(found)[: len(predictions)]
    assert len(predictions) > 30
    assert 0 < learning.open_windows <= 6 * len(HOSTS)


def test_what_is_refused_is_counted_and_the_first_ones_are_named() -> None:
    """By reason, with place and detail, as dead letters have it."""
    found = records()
    learning, _ = learned(found, 100)
    bad = [record for record in found if record.value == b"no line"]
    account = learning.account
    assert account.refused == {"bad-line": len(bad)}
    assert len(bad) >= 3
    assert account.refused_first[0].startswith(f"{LINES}[{bad[0].partition}]@{bad[0].offset}: bad-line: ")
    assert account.records == len(found)


def test_what_comes_too_late_is_counted_and_named() -> None:
    """A line of the first minute behind those of the second."""
    found = records()
    early = found[0]
    offset = max(record.offset for record in found if record.topic == LINES and record.partition == 0) + 1
    learning, _ = learned([*found, replace(early, offset=offset)], 50)
    assert learning.counts.late == 1
    (late,) = learning.account.latest
    assert (late.host, late.late_ms > 60_000) == ("web", True)


def test_a_partition_that_is_behind_holds_windows_open() -> None:
    """Its records come after all others were read, and still count."""
    found = records()
    ahead = [record for record in found if record.topic == LINES]
    behind = [record for record in found if record.topic != LINES]
    learning, predictions = learned([*ahead, *behind], 30)
    assert predictions == expected(found)
    assert learning.counts.late == 0


def test_a_registry_that_does_not_answer_is_waited_for_and_then_named() -> None:
    """For as long as was said; in between it can be ended."""
    waited: list[float] = []
    checks: list[None] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    async def run() -> None:
        routing = InputRouting(
            [Stretch("in", 0, 0, 1)],
            sources(**{"labeled-data": "in"}),
            WINDOWS,
            Learning(CONFIG, 1),
            registry_patience_s=3.0,
            check=lambda: checks.append(None),
            pause=pause,
        )
        key = bytes(5) + b"\x06web\x00\x00\x10" + bytes(8)
        await routing.take([(0, InputRecord("in", 0, 0, START_MS, key, bytes(20)))], frozenset())

    with pytest.raises(RegistryUnreachable, match="start the Schema Registry, or set SCHEMA_REGISTRY_URL"):
        asyncio.run(run())
    assert (sum(waited), len(checks)) == (3.0, 3)
