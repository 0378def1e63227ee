"""What a worker publishes besides predictions: in the same transaction, and never twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from pg_streaming_machine_learning.config import PUBLISHED
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.records.update import Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.streams.transactions import Outgoing
from tests.logs import CPU, config
from tests.outputs.published import topics
from tests.streams.clusters import cluster_of
from tests.streams.hosts import Stage, fingerprint_at, progress_of, recovered
from tests.streams.stand_ins import encoded, fleet_log
from tests.streams.workers import LOG, MemoryWorker


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, and readings of a host among its records."""
    readings = [
        encoded(ReadingsUpdate(SourcePlace("raw", 0, number), "c", (Reading(CPU, 5000 * number, 1.5),)))
        for number in range(5)
    ]
    return [*readings, *fleet_log()]


def stage(emitted_to: int = 0, fingerprint: str | None = None) -> Stage:
    """Return a host that publishes everything, at the beginning of its log."""
    telling = Engine(dataclasses.replace(config(), tell_measured=True))
    begun = dataclasses.replace(recovered(0, emitted_to, fingerprint), engine=telling)
    return Stage(begun, publish=PUBLISHED)


def published(records: Sequence[Outgoing]) -> list[Outgoing]:
    return [record for record in records if record.topic in PUBLISHED]


def test_everything_is_published_in_the_transaction_of_its_batch(log: list[bytes]) -> None:
    """With the predictions and the progress; without headers, as other writers of these topics do."""
    one = stage()
    one.take(log)
    (records,) = one.transactions.committed
    assert {record.topic for record in records} == {*PUBLISHED, "predictions", "state"}
    assert {record.headers for record in published(records)} == {()}
    assert len([record for record in records if record.topic == "system-traces"]) == 5
    keys = [record.key for record in records if record.topic == "features"]
    assert len(set(keys)) == len(keys) > len(one.values())


def test_records_lie_in_the_partition_of_their_key_and_not_in_that_of_the_log(log: list[bytes]) -> None:
    one = stage()
    one.take(log)
    partitions = {record.partition for record in published(one.transactions.records())}
    assert partitions == {0, 1, 2}
    assert {record.partition for record in one.transactions.records("predictions")} == {3}


def test_predictions_are_the_same_whatever_is_published(log: list[bytes]) -> None:
    """And so are their causes and the state: PUBLISH can be changed at any time."""
    silent, telling = Stage(), stage()
    for each in (silent, telling):
        each.read_on(log, 11)
    assert telling.transactions.records("predictions") == silent.transactions.records("predictions")
    assert telling.progress()[-1] == silent.progress()[-1]
    assert telling.progress()[-1].fingerprint == fingerprint_at(log, len(log))


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_what_was_published_before_is_not_published_again(log: list[bytes], size: int) -> None:
    """A restart after any transaction goes on byte for byte as if it had never stopped."""
    whole = stage()
    whole.read_on(log, 11)
    sent: list[Outgoing] = []
    for records in whole.transactions.committed:
        sent += published(records)
        progress = progress_of(records)
        restarted = stage(progress.end, progress.fingerprint)
        restarted.begin()
        restarted.read_on(log, size)
        again = published(restarted.transactions.records())
        assert sent + again == published(whole.transactions.records())


def test_engines_publish_what_the_start_found_out(log: list[bytes]) -> None:
    """Whoever takes a partition over later does, too."""
    cluster = cluster_of(log)
    worker = MemoryWorker(cluster)
    worker.owners.published = Publisher(topics("features"))
    worker.take_over(LOG)
    worker.read(LOG)
    found = [record for number in range(3) for record in cluster.records("features", number)]
    assert len(found) > len(worker.predictions()) > 0
