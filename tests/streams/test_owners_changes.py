"""Engines taken over when something is missing, was made anew, or was ordered."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import (
    ColdStartError,
    LogReplacedError,
    StateError,
)
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import GENERATION_KEY
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from pg_streaming_machine_learning.wire.log import decode
from tests.logs import config
from tests.streams.clusters import (
    OFTEN,
    STATE,
    change,
    cluster_of,
    generations,
    stored,
    trim,
    worked,
)
from tests.streams.stand_ins import fleet_log
from tests.streams.workers import LOG, SETTINGS, MemoryWorker


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    return fleet_log()


@pytest.fixture(scope="module")
def undisturbed(log: list[bytes]) -> list[bytes | None]:
    """Return the predictions of a run that nothing disturbs."""
    worker = MemoryWorker(cluster_of(log))
    worker.take_over(LOG)
    worker.read(LOG)
    return worker.predictions()


def test_a_log_trimmed_behind_the_snapshot_is_no_hole(
    log: list[bytes], undisturbed: list[bytes | None]
) -> None:
    """What was deleted is in the snapshot."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    newest = stored(cluster).slots[0].manifest
    assert newest is not None
    trim(cluster, LOG, newest.position)
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    worker.read(LOG)
    assert worker.predictions() == undisturbed


def test_a_log_trimmed_beyond_the_snapshot_is_a_hole(log: list[bytes]) -> None:
    """How many records, and from where to where."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    newest = stored(cluster).slots[0].manifest
    assert newest is not None
    trim(cluster, LOG, newest.position + 3)
    worker = MemoryWorker(cluster, OFTEN)
    with pytest.raises(
        TrimmedError,
        match=rf"^3 records of log\[0\] from offset {newest.position} to {newest.position + 3} were deleted",
    ):
        asyncio.run(worker.owners.engine(LOG))


@pytest.mark.parametrize("behind", [2, 25])
def test_a_hole_is_passed_when_it_is_allowed(
    log: list[bytes], behind: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With what the snapshot knows, as a new generation; also if the hole goes beyond what was sent."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    sent = len(cluster.records("predictions"))
    newest = stored(cluster).slots[0].manifest
    assert newest is not None
    trim(cluster, LOG, newest.position + behind)
    worker = MemoryWorker(cluster, replace(OFTEN, allow_holes=True))
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == newest.position + behind
    assert f"log[0]: going on behind {behind} deleted records of the log, as ALLOW_HOLES says" in caplog.text
    worker.read(LOG)
    assert generations(cluster) == [1, 2]
    later = worker.predictions()[sent:]
    assert later
    assert all(model_version(2).encode() in (value or b"") for value in later)
    assert worker.host().engine.counts.learned > 0


@pytest.mark.parametrize(("behind", "to"), [(2, 75), (25, 100), (25, 0)])
def test_after_a_hole_was_passed_nothing_has_to_be_allowed_any_more(
    log: list[bytes], behind: int, to: int
) -> None:
    """The state behind it is in a snapshot at once; nothing is sent twice, the generation stays."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    newest = stored(cluster).slots[0].manifest
    assert newest is not None
    trim(cluster, LOG, newest.position + behind)
    worker = MemoryWorker(cluster, replace(OFTEN, allow_holes=True))
    worker.take_over(LOG)
    worker.read(LOG, 10, max(to, newest.position + behind))
    again = MemoryWorker(cluster, OFTEN)
    again.take_over(LOG)
    assert again.assignment.stopped() == {}
    again.read(LOG)
    assert again.host().engine.generation == 2
    causes = [(record.headers, record.partition) for record in cluster.records("predictions")]
    assert len(causes) == len(set(causes))


def test_neither_snapshot_nor_beginning_is_an_error(log: list[bytes]) -> None:
    """The state is lost. It says how to go on without."""
    cluster = cluster_of(log)
    worked(cluster, to=70, settings=SETTINGS)
    trim(cluster, LOG, 5)
    with pytest.raises(ColdStartError, match=r"^log\[0\]: .*offset 5 .*ALLOW_COLD_START") as caught:
        MemoryWorker(cluster).take_over(LOG)
    assert caught.value.exit_code == 4


def test_a_cold_start_goes_on_with_an_empty_model_when_it_is_allowed(
    log: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """As a new generation, which learns what is left of the log; nothing is sent twice."""
    cluster = cluster_of(log)
    worked(cluster, to=70, settings=SETTINGS)
    sent = len(cluster.records("predictions"))
    trim(cluster, LOG, 5)
    worker = MemoryWorker(cluster, replace(SETTINGS, allow_cold_start=True))
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 5
    assert "as ALLOW_COLD_START says" in caplog.text
    worker.read(LOG, to=70)
    assert len(worker.predictions()) == sent
    worker.read(LOG)
    assert generations(cluster) == [1, 2]
    assert worker.host().engine.counts.learned > 0


def test_a_log_made_anew_is_an_error(log: list[bytes]) -> None:
    """Its offsets mean other records than the state knows."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    cluster.topics[LOG] = cluster.records(*LOG)[:69]
    with pytest.raises(LogReplacedError, match=r"^log\[0\]: the log ends at offset 69 .*LOG_TOPIC") as caught:
        MemoryWorker(cluster, OFTEN).take_over(LOG)
    assert caught.value.exit_code == 4


def test_a_new_generation_that_was_ordered_is_learned_again_from_the_log(log: list[bytes]) -> None:
    """Its predictions begin where those of the former ended, and say so."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    sent = len(cluster.records("predictions"))
    change(cluster, GENERATION_KEY, GenerationOrder(2, FROM_LOG, 0).to_bytes())
    worker = MemoryWorker(cluster, OFTEN, replace(config(), seed=77))
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    worker.read(LOG)
    assert generations(cluster) == [1, 2]
    alone = Engine(replace(config(), seed=77), generation=2)
    expected = [each.probability for each in alone.process(map(decode, log))][sent:]
    assert len(worker.predictions()) == sent + len(expected)
    assert worker.host().engine.fingerprint() == alone.fingerprint()


def test_an_order_is_carried_out_once(log: list[bytes]) -> None:
    """It stays in the topic; who starts afterwards goes on with the generation it led to."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    change(cluster, GENERATION_KEY, GenerationOrder(2, FROM_LOG, 0).to_bytes())
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    worker.read(LOG, 10, 80)
    again = MemoryWorker(cluster, OFTEN)
    again.take_over(LOG)
    position = again.positions.next(LOG)
    assert position is not None
    assert position > 0
    again.read(LOG)
    assert again.host().engine.generation == 2
    assert generations(cluster) == [1, 2]


def test_a_generation_can_go_back_to_a_snapshot_kept_under_a_name(log: list[bytes]) -> None:
    """The model is that of the name; windows and watermark are those of the log."""
    cluster = cluster_of(log)
    worked(cluster, to=50)
    kept = stored(cluster).slots[0]
    for record in cluster.read_state(*STATE):
        if record.key.startswith(kept.place.encode()):
            change(cluster, record.key.replace(kept.place.encode(), b"named/good"), record.value)
    worked(cluster, to=80)
    change(cluster, GENERATION_KEY, GenerationOrder(2, "named/good", 0).to_bytes())
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    worker.read(LOG, 10, 80)
    engine = Engine(config())
    engine.restore(kept.payload(2**28, worker.signer))
    assert worker.host().engine.generation == 2
    assert worker.host().engine.counts.learned == engine.counts.learned
    assert generations(cluster) == [1, 2]


def test_an_order_that_cannot_be_carried_out_is_an_error(log: list[bytes]) -> None:
    """The snapshot it names is gone."""
    cluster = cluster_of(log)
    change(cluster, GENERATION_KEY, GenerationOrder(2, "named/gone", 0).to_bytes())
    with pytest.raises(
        StateError, match=r"^log\[0\]: generation 2 .*'named/gone', which is gone; put it back"
    ):
        MemoryWorker(cluster).take_over(LOG)
