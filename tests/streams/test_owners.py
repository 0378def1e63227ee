"""Engines and routers for partitions taken over: fence first, then go on where the last owner stopped."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.errors import (
    FingerprintError,
    StateError,
    TransactionError,
)
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY
from pg_streaming_machine_learning.state.signing import Signer
from tests.logs import config
from tests.streams.clusters import (
    OFTEN,
    change,
    cluster_of,
    stored,
    worked,
)
from tests.streams.stand_ins import fleet_log, run_on, until_done
from tests.streams.workers import INPUT, LOG, OTHER, SETTINGS, MemoryWorker


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


def test_former_owners_are_fenced_before_their_last_word_is_read(log: list[bytes]) -> None:
    """What they write afterwards is refused; what they wrote before is read."""
    worker = MemoryWorker(cluster_of(log, [b"web 0"]))
    worker.take_over(LOG, INPUT, OTHER)
    steps = worker.cluster.steps
    assert sorted(steps) == [
        "open app-engine-0",
        "open app-router-input-0",
        "open app-router-input-1",
        "read progress[0]",
        "read state[0]",
    ]
    assert steps.index("open app-engine-0") < steps.index("read state[0]")
    for router in ("open app-router-input-0", "open app-router-input-1"):
        assert steps.index(router) < steps.index("read progress[0]")


def test_each_step_of_a_take_over_shows_that_it_comes_on(log: list[bytes]) -> None:
    """Three fences, two partitions read, one state recovered: the watchdog waits anew after each."""
    worker = MemoryWorker(cluster_of(log, [b"web 0"]))
    assert worker.gate.steps == 0
    worker.take_over(LOG, INPUT, OTHER)
    assert worker.gate.steps == 6


def test_a_former_owner_that_missed_the_rebalance_writes_nothing_more(
    log: list[bytes], undisturbed: list[bytes | None]
) -> None:
    """It stood still for longer than the session, with a transaction on its way."""
    cluster = cluster_of(log)
    frozen = worked(cluster, to=40)
    writer = cluster.writers["app-engine-0"]
    writer.holds_back = True

    async def run() -> None:
        reading = asyncio.create_task(frozen.reading(LOG))
        await run_on()
        successor = MemoryWorker(cluster, OFTEN)
        await successor.taking_over([LOG])
        await successor.reading(LOG)
        writer.commit_held()
        await until_done(reading)
        assert isinstance(reading.exception(), TransactionError)

    asyncio.run(run())
    assert [record.value for record in cluster.records("predictions")] == undisturbed


def test_without_a_snapshot_the_log_is_read_from_its_beginning(
    log: list[bytes], undisturbed: list[bytes | None]
) -> None:
    """Nothing is sent twice, nothing is left out."""
    cluster = cluster_of(log)
    worked(cluster, to=50, settings=SETTINGS)
    worker = MemoryWorker(cluster)
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    worker.read(LOG)
    assert worker.predictions() == undisturbed


def test_the_position_is_that_of_the_newest_snapshot(
    log: list[bytes], undisturbed: list[bytes | None]
) -> None:
    """The log is read again from there to where outputs were sent, without sending."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    newest = stored(cluster).slots[0].manifest
    assert newest is not None
    assert 40 < newest.position < 70
    sent = len(cluster.records("predictions"))
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == newest.position
    worker.read(LOG, to=70)
    assert len(worker.predictions()) == sent
    worker.read(LOG)
    assert worker.predictions() == undisturbed


@pytest.mark.parametrize("seed", range(10))
def test_workers_that_crash_again_and_again_leave_what_one_would(
    log: list[bytes], undisturbed: list[bytes | None], seed: int
) -> None:
    """Wherever they crash, however a fetch cuts the log, however often snapshots are taken."""
    rng = random.Random(seed)
    cluster = cluster_of(log)
    reached = 0
    while reached < len(log):
        settings = replace(SETTINGS, snapshot_every_updates=rng.choice([3, 20, 10**9]))
        worker = MemoryWorker(cluster, settings)
        worker.take_over(LOG)
        position = worker.positions.next(LOG)
        assert position is not None
        reached = max(reached, rng.randrange(position, len(log) + 20))
        worker.read(LOG, rng.randrange(1, 40), min(reached, len(log)))
    assert [record.value for record in cluster.records("predictions")] == undisturbed


@pytest.mark.parametrize("reached", [70, 90])
def test_a_damaged_snapshot_gives_way_to_the_one_before(
    log: list[bytes], undisturbed: list[bytes | None], reached: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said which one, of what partition, and why; the next one takes its place, not the good one's."""
    cluster = cluster_of(log)
    worked(cluster, to=reached)
    newest, older = stored(cluster).slots
    assert older.manifest is not None
    change(cluster, f"{newest.place}/0000".encode(), b"damaged")
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == older.manifest.position
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"log[0]: snapshot {newest.place} at offset ")
    assert "damaged" in line
    worker.read(LOG, 30, reached)
    assert {slot.place: slot.manifest.position for slot in stored(cluster).slots if slot.manifest} == {
        newest.place: reached,
        older.place: older.manifest.position,
    }
    worker.read(LOG)
    assert worker.predictions() == undisturbed


def test_without_any_usable_snapshot_the_log_is_read_from_its_beginning(
    log: list[bytes], undisturbed: list[bytes | None], caplog: pytest.LogCaptureFixture
) -> None:
    """It takes long, and loses nothing; the operator hears of it."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    for slot in stored(cluster).slots:
        change(cluster, f"{slot.place}/manifest".encode(), b"{}")
    worker = MemoryWorker(cluster, OFTEN)
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    assert "log[0]: no snapshot can be used, the state is rebuilt from the log's beginning" in caplog.text
    worker.read(LOG)
    assert worker.predictions() == undisturbed


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        (Signer(b"another key of ours", accept_unsigned=False), "SNAPSHOT_KEY"),
        (Signer(None, accept_unsigned=True), "SNAPSHOT_KEY"),
    ],
)
def test_snapshots_signed_by_others_are_not_used(
    log: list[bytes], signer: Signer, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Reading one runs what it says."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    worker = MemoryWorker(cluster, OFTEN, signer=signer)
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    assert why in caplog.text


def test_snapshots_of_another_application_are_not_used(
    log: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody gave two of them one state topic."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    worker = MemoryWorker(cluster, replace(OFTEN, application_id="other"))
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    assert "it is of 'app' partition 0, expected 'other' partition 0" in caplog.text


def test_larger_snapshots_than_allowed_are_not_used(
    log: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """They would fill the memory."""
    cluster = cluster_of(log)
    worked(cluster, to=70)
    size = min(slot.manifest.size_bytes for slot in stored(cluster).slots if slot.manifest)
    worker = MemoryWorker(cluster, replace(OFTEN, snapshot_max_bytes=size - 1))
    worker.take_over(LOG)
    assert worker.positions.next(LOG) == 0
    assert "SNAPSHOT_MAX_BYTES" in caplog.text


def test_another_model_than_before_is_not_gone_on_with(log: list[bytes]) -> None:
    """The settings were changed: its predictions would not belong to those before. It says what to do.

    Seen where the two have predicted something else, which two seeds have not at the first windows.
    """
    cluster = cluster_of(log)
    worked(cluster, to=100)
    worker = MemoryWorker(cluster, OFTEN, replace(config(), seed=77))
    worker.take_over(LOG)
    with pytest.raises(FingerprintError, match=r"^log\[0\]: .*reset --generation"):
        worker.read(LOG)


def test_progress_that_cannot_be_read_is_an_error(log: list[bytes]) -> None:
    """Going on without it would send everything twice."""
    cluster = cluster_of(log)
    change(cluster, PROGRESS_KEY, b"what is this")
    with pytest.raises(StateError, match=r"^log\[0\]: .*; start the release that wrote it"):
        MemoryWorker(cluster).take_over(LOG)


def test_no_partition_is_taken_over_before_the_schema_is_known(log: list[bytes]) -> None:
    """The checks at start come first; anything else is a defect of ours."""
    worker = MemoryWorker(cluster_of(log))
    worker.owners.predictions = None
    with pytest.raises(RuntimeError, match=r"before the schema of the predictions was known$"):
        worker.take_over(LOG)


@pytest.mark.parametrize("is_given_out", [False, True])
def test_a_fence_that_outlasts_a_rebalance_is_not_kept(log: list[bytes], is_given_out: bool) -> None:
    """The partition may be another worker's by now; it is taken over anew if it is still ours.

    ::

        take-over     fences ...............................................  keeps nothing
        rebalance               shuts the gate    (gives partitions out)
    """
    worker = MemoryWorker(cluster_of(log, [b"web 0"]))

    async def rebalance() -> None:
        worker.cluster.when_fenced = nothing
        await worker.gate.shut(0.01)
        if is_given_out:
            worker.gate.settle()

    worker.cluster.when_fenced = rebalance
    worker.take_over(LOG, INPUT)
    assert worker.assignment.assigned() == []
    assert all(writer.is_closed for writer in worker.cluster.writers.values())
    worker.take_over(LOG, INPUT)
    assert worker.assignment.assigned() == ["input[0]", "log[0]"]


def test_a_rebalance_waits_for_a_fence_that_is_under_way(log: list[bytes]) -> None:
    """It would otherwise fence whoever is given the partition then."""
    worker = MemoryWorker(cluster_of(log))

    async def run() -> None:
        may_go_on = asyncio.Event()
        worker.cluster.when_fenced = may_go_on.wait
        taking = asyncio.create_task(worker.owners.engine(LOG))
        await run_on()
        releasing = asyncio.create_task(worker.assignment.release())
        await run_on()
        assert not releasing.done()
        may_go_on.set()
        await releasing
        assert await taking is None

    asyncio.run(run())


async def nothing() -> None:
    """Do nothing."""
