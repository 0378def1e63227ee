"""Routers of inputs taken over: each record is routed once, whoever crashes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.errors import StateError, TopicError
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from tests.streams.clusters import (
    PROGRESS,
    cluster_of,
    trim,
)
from tests.streams.stand_ins import Cluster
from tests.streams.workers import INPUT, LOG, OTHER, SETTINGS, MemoryWorker

LINES = [b"web %d" % (60_000 * (number * 7 % 40)) if number % 5 else b"bad" for number in range(40)]
"""Not in the order of their event time, which must not fall."""


def routed(cluster: Cluster) -> list[tuple[str, bytes | None, bytes | None]]:
    """Return what the input became: updates and dead letters."""
    records = [*cluster.records(*LOG), *cluster.records("dead")]
    return [(record.topic, record.key, record.value) for record in records]


@pytest.mark.parametrize("seed", range(5))
def test_routers_that_crash_again_and_again_leave_what_one_would(seed: int) -> None:
    """Each record is in the log once or is a dead letter once, in order; so is the event time."""
    alone = MemoryWorker(cluster_of(lines=LINES))
    alone.take_over(INPUT)
    alone.read(INPUT)
    rng = random.Random(seed)
    cluster = cluster_of(lines=LINES)
    reached = 0
    while reached < len(LINES):
        worker = MemoryWorker(cluster)
        worker.take_over(INPUT)
        assert worker.positions.next(INPUT) == reached
        reached = rng.randrange(reached, len(LINES) + 1)
        worker.read(INPUT, rng.randrange(1, 9), reached)
    assert routed(cluster) == routed(alone.cluster)
    assert cluster.records(*PROGRESS)[-1].value == alone.cluster.records(*PROGRESS)[-1].value


@pytest.mark.parametrize(("before", "now"), [(1, 2), (3, 1)])
def test_another_number_of_partitions_of_the_log_is_refused(before: int, now: int) -> None:
    """Lowered, records in the others would never be read; raised, windows of a host would be split."""
    cluster = cluster_of(lines=LINES)
    worker = MemoryWorker(cluster, replace(SETTINGS, log_partitions=before))
    worker.take_over(INPUT)
    worker.read(INPUT, 5, 10)
    again = MemoryWorker(cluster, replace(SETTINGS, log_partitions=before))
    again.take_over(INPUT)
    again.read(INPUT, 5, 20)
    expected = (
        rf"^LOG_PARTITIONS is {now}, and hosts were spread over {before} partitions of 'log' before: .*"
    )
    with pytest.raises(
        TopicError, match=rf"{expected} Set it to {before} again, or begin anew, with another"
    ):
        MemoryWorker(cluster, replace(SETTINGS, log_partitions=now)).take_over(INPUT)


def test_the_number_of_partitions_is_found_where_only_other_inputs_have_progress() -> None:
    """A worker may get new inputs first; what they bring must not be spread otherwise either."""
    cluster = cluster_of(lines=LINES)
    worker = MemoryWorker(cluster)
    worker.owners.progress_partitions = 16
    worker.take_over(INPUT)
    worker.read(INPUT)
    other = MemoryWorker(cluster, replace(SETTINGS, log_partitions=2))
    other.owners.progress_partitions = 16
    with pytest.raises(TopicError, match=r"^LOG_PARTITIONS is 2, "):
        other.take_over(OTHER)


def test_a_crash_before_anything_was_written_leaves_the_number_open() -> None:
    """Nothing was spread over anything yet; nor does progress of a former release say how many there were."""
    cluster = cluster_of(lines=LINES)
    MemoryWorker(cluster).take_over(INPUT)
    MemoryWorker(cluster, replace(SETTINGS, log_partitions=2)).take_over(INPUT)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(9, None).to_bytes())
    MemoryWorker(cluster, replace(SETTINGS, log_partitions=2)).take_over(INPUT)


def test_an_input_without_progress_begins_at_the_first_record_there_is() -> None:
    """A new application reads what retention has left; nobody had read it before."""
    cluster = cluster_of(lines=LINES)
    trim(cluster, INPUT, 7)
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 7


def test_progress_of_a_router_that_cannot_be_read_is_an_error() -> None:
    """Going on without it would route everything twice."""
    cluster = cluster_of(lines=LINES)
    cluster.put(PROGRESS, router_key(*INPUT), b"what is this")
    with pytest.raises(StateError, match=r"^input\[0\]: .* are no progress of a router; start the release"):
        MemoryWorker(cluster).take_over(INPUT)


def test_deleted_progress_is_no_progress() -> None:
    """An operator may want an input to be read again."""
    cluster = cluster_of(lines=LINES)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(9, None).to_bytes())
    cluster.put(PROGRESS, router_key(*INPUT), None)
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 0


def test_progress_of_other_partitions_is_theirs() -> None:
    """One partition of the topic holds the progress of all."""
    cluster = cluster_of(lines=LINES)
    cluster.put(PROGRESS, router_key(*OTHER), RouterProgress(0, None).to_bytes())
    cluster.put(PROGRESS, router_key("inputs", 0), RouterProgress(5, None).to_bytes())
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(9, None).to_bytes())
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 9


def test_a_hole_in_an_input_is_passed_when_it_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log as an error: records are lost."""
    cluster = cluster_of(lines=LINES)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(3, 60_000).to_bytes())
    trim(cluster, INPUT, 7)
    worker = MemoryWorker(cluster, replace(SETTINGS, allow_holes=True))
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 7
    assert worker.assignment.stopped() == {}
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith(
        "going on behind a hole, as ALLOW_HOLES says: 4 records of input[0] from offset 3 to 7"
    )


def test_an_input_made_anew_stands_still_whatever_is_allowed() -> None:
    """Its offsets mean other records; where to go on is for somebody to say."""
    cluster = cluster_of(lines=LINES[:5])
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(9, None).to_bytes())
    worker = MemoryWorker(cluster, replace(SETTINGS, allow_holes=True))
    worker.take_over(INPUT)
    assert worker.assignment.stopped() == {"input[0]": str(TrimmedError.replaced(INPUT, 9, 5))}


def test_an_input_read_to_its_end_is_neither() -> None:
    """The position is the end, and the beginning too if all was deleted after it had been read."""
    cluster = cluster_of(lines=LINES)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(len(LINES), None).to_bytes())
    trim(cluster, INPUT, len(LINES))
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    assert worker.assignment.stopped() == {}
    assert worker.positions.next(INPUT) == len(LINES)


def test_dead_letters_have_the_limit_found_at_the_start() -> None:
    """All routers share it."""
    cluster = cluster_of(lines=[b"bad"])
    worker = MemoryWorker(cluster)
    worker.owners.dead_letters.limit_bytes = 10
    worker.take_over(INPUT)
    worker.read(INPUT)
    (letter,) = cluster.records("dead")
    assert letter.value is None
    assert b"too many for this topic" in dict(letter.headers)["detail"]


def test_progress_lies_in_one_partition_for_each_input_partition() -> None:
    """Whoever takes over reads that one alone, and waits for no transaction of another router."""
    cluster = cluster_of(lines=LINES)
    first = MemoryWorker(cluster)
    first.owners.progress_partitions = 4
    first.take_over(INPUT)
    first.read(INPUT, to=7)
    (found,) = [number for number in range(4) if cluster.records("progress", number)]
    cluster.steps.clear()
    second = MemoryWorker(cluster)
    second.owners.progress_partitions = 4
    second.take_over(INPUT)
    assert cluster.steps == ["open app-router-input-0", f"read progress[{found}]"]
    assert second.positions.next(INPUT) == 7


def test_progress_that_lies_elsewhere_is_an_error() -> None:
    """The topic had fewer partitions when it was written; beginning anew would route everything twice."""
    cluster = cluster_of(lines=LINES)
    first = MemoryWorker(cluster)
    first.owners.progress_partitions = 3
    first.take_over(INPUT)
    first.read(INPUT, to=7)
    second = MemoryWorker(cluster)
    second.owners.progress_partitions = 4
    expected = (
        r"^the progress of 'router/input/0' does not lie in its partition of 'progress': .* PROGRESS_TOPIC"
    )
    with pytest.raises(TopicError, match=expected) as caught:
        second.take_over(INPUT)
    assert caught.value.exit_code == 4


def test_an_input_partition_that_is_new_has_progress_nowhere() -> None:
    """That of others does not matter."""
    cluster = cluster_of(lines=LINES)
    for partition in range(4):
        cluster.put(("progress", partition), router_key(*OTHER), RouterProgress(5, None).to_bytes())
    worker = MemoryWorker(cluster)
    worker.owners.progress_partitions = 4
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 0
