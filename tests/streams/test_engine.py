"""The host of an engine: outputs and progress in one transaction, replay in silence, the state checked."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pg_streaming_machine_learning.errors import LogFormatError, TransactionError
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.state.progress import EngineProgress
from tests.streams.hosts import (
    LATE,
    PLACE,
    Stage,
    causes_of,
    fingerprint_at,
)
from tests.streams.stand_ins import (
    encoded,
    fleet_log,
    run_on,
    until_done,
)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    return fleet_log()


def test_predictions_leave_in_the_partition_of_the_log_with_their_cause(log: list[bytes]) -> None:
    """Each names the record that caused it; some records cause several."""
    stage = Stage()
    stage.take(log)
    sent = stage.transactions.records("predictions")
    causes = causes_of(sent)
    assert causes == sorted(set(causes))
    assert max(cause.index for cause in causes) >= 1
    assert {record.partition for record in sent} == {3}
    assert stage.places.next(PLACE) == len(log)


def test_a_batch_is_one_transaction_that_ends_with_its_progress(log: list[bytes]) -> None:
    """Where it ends, what the state is there, and who says so."""
    stage = Stage()
    stage.take(log)
    (progress,) = stage.progress()
    assert progress == EngineProgress(len(log), fingerprint_at(log, len(log)), 1, model_version(1))


def test_batches_make_no_difference(log: list[bytes]) -> None:
    """However a fetch cuts the log: the same predictions, the same state."""
    whole, cut = Stage(), Stage()
    whole.take(log)
    cut.read_on(log, 7)
    assert cut.values() == whole.values()
    assert cut.progress()[-1] == whole.progress()[-1]


def test_nothing_is_done_before_it_is_committed(log: list[bytes]) -> None:
    """The position moves after that."""
    stage = Stage()
    stage.transactions.holds_back = True

    async def run() -> None:
        taking = asyncio.create_task(stage.taking(log))
        await run_on()
        assert len(stage.transactions.held) == 1
        assert stage.places.next(PLACE) == 0
        stage.transactions.commit_held()
        await taking

    asyncio.run(run())
    assert stage.places.next(PLACE) == len(log)


def test_a_transaction_that_fails_is_an_error(log: list[bytes]) -> None:
    """It is raised, and the position stays."""
    stage = Stage()
    stage.transactions.error = TransactionError("gone")
    with pytest.raises(TransactionError, match=r"^gone$"):
        stage.take(log)
    assert stage.places.next(PLACE) == 0


def test_a_partition_given_up_in_the_middle_is_left_as_it_is(log: list[bytes]) -> None:
    """The position may belong to another engine by the time the transaction is through."""
    stage = Stage()
    stage.transactions.holds_back = True

    async def run() -> None:
        taking = asyncio.create_task(stage.taking(log))
        await run_on()
        stage.host.close()
        stage.transactions.commit_held()
        await taking

    asyncio.run(run())
    assert stage.places.next(PLACE) == 0


def test_no_commit_begins_while_partitions_change_hands(log: list[bytes]) -> None:
    """It goes on afterwards if the partition stays, and is never begun if it does not."""

    async def run(stage: Stage, *, is_lost: bool) -> None:
        await stage.gate.shut(1.0)
        taking = asyncio.create_task(stage.taking(log))
        await run_on()
        assert stage.transactions.committed == []
        if is_lost:
            stage.host.close()
        stage.gate.open(stage.gate.shuts)
        await taking

    kept, lost = Stage(), Stage()
    asyncio.run(run(kept, is_lost=False))
    asyncio.run(run(lost, is_lost=True))
    assert [progress.end for progress in kept.progress()] == [len(log)]
    assert lost.transactions.committed == []
    assert (kept.places.next(PLACE), lost.places.next(PLACE)) == (len(log), 0)


def test_a_partition_given_up_is_not_worked_on(log: list[bytes]) -> None:
    """A long batch does not keep a worker from its new partitions."""
    stage = Stage()
    stage.host.close()
    stage.take(log)
    assert stage.transactions.committed == []
    assert stage.transactions.is_closed


def test_an_engine_left_in_the_middle_is_not_used_again(log: list[bytes]) -> None:
    """It stands between two states."""
    stage = Stage()
    stage.transactions.holds_back = True

    async def run() -> None:
        taking = asyncio.create_task(stage.taking(log))
        await run_on()
        taking.cancel()
        await until_done(taking)
        await stage.taking(log)

    with pytest.raises(RuntimeError, match=r"^engine of log\[3\] was left in the middle of a batch$"):
        asyncio.run(run())


def test_records_done_before_are_not_learned_again(log: list[bytes]) -> None:
    """A batch fetched again after a rebalance begins before the position."""
    stage, whole = Stage(), Stage()
    whole.take(log)
    stage.take(log[:30])
    stage.take(log[10:], 10)
    assert stage.values() == whole.values()
    assert stage.host.engine.fingerprint() == whole.host.engine.fingerprint()


@pytest.mark.parametrize("value", [None, b"", b"\x01", b"\xff\x01\x00", b"\x01\x01\x00"])
def test_a_record_of_the_log_that_cannot_be_read_stops_it(value: bytes | None, log: list[bytes]) -> None:
    """Going on would be another state than everybody else's. The message says where."""
    stage = Stage()
    with pytest.raises(LogFormatError, match=r"^log\[3\]@2: "):
        stage.take([*log[:2], value])
    assert stage.places.next(PLACE) == 0
    assert stage.transactions.committed == []


def test_progress_without_outputs_is_written_once_a_second(log: list[bytes]) -> None:
    """It saves little; a log of many small batches would be doubled by it.

    ::

        seconds      0      0.5    1.0    1.4
        batch        0..1   1..2   2..3   3..4
        progress     1             3
    """
    stage = Stage()
    for base, now_s in enumerate([0.0, 0.5, 1.0, 1.4]):
        stage.clock.now_s = 1000 + now_s
        stage.take(log[base : base + 1], base)
    assert stage.values() == []
    assert [progress.end for progress in stage.progress()] == [1, 3]
    assert stage.places.next(PLACE) == 4


def test_outputs_are_never_waited_with(log: list[bytes]) -> None:
    """In the same second too."""
    stage, whole = Stage(), Stage()
    whole.take(log)
    for base in range(len(log)):
        stage.take(log[base : base + 1], base)
    assert stage.values() == whole.values()


def test_late_updates_are_a_line_for_each_batch(caplog: pytest.LogCaptureFixture) -> None:
    """With their number, and the one that was latest."""
    stage = Stage()
    stage.take([encoded(record) for record in LATE])
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("late updates not used partition=log[3] count=2 latest_ms=")
    assert "host=db" in line
