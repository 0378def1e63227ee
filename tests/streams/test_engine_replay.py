"""Reading the log again up to where outputs were sent: in silence, and to the same state."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import FingerprintError
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.records.update import (
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.wire.log import decode
from tests.logs import CPU, TOPIC, config
from tests.streams.hosts import (
    LATE,
    PLACE,
    Stage,
    fingerprint_at,
    progress_of,
    recovered,
)
from tests.streams.stand_ins import (
    batch_of,
    encoded,
    fleet_log,
)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    return fleet_log()


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_what_was_sent_before_is_not_sent_again(log: list[bytes], size: int) -> None:
    """A restart after any transaction goes on byte for byte as if it had never stopped, however it is cut."""
    whole = Stage()
    whole.read_on(log, 11)
    sent = 0
    for records in whole.transactions.committed:
        sent += len(records) - 1
        progress = progress_of(records)
        restarted = Stage(recovered(0, progress.end, progress.fingerprint))
        restarted.begin()
        restarted.read_on(log, size)
        assert restarted.values() == whole.values()[sent:]
        assert restarted.host.is_restored
        assert restarted.host.engine.fingerprint() == whole.progress()[-1].fingerprint


def test_reading_again_is_no_transaction(log: list[bytes]) -> None:
    """Up to where outputs were sent nothing is written; the position moves all the same."""
    stage = Stage(recovered(0, 40, fingerprint_at(log, 40)))
    stage.begin()
    stage.take(log[:39])
    assert stage.transactions.committed == []
    assert not stage.host.is_restored
    assert stage.places.next(PLACE) == 39
    stage.take(log[39:60], 39)
    assert stage.host.is_restored
    assert [progress.end for progress in stage.progress()] == [60]


def test_reading_again_ends_at_the_end_of_a_batch_that_covers_markers(log: list[bytes]) -> None:
    """The offset that outputs were sent to may have no record: a transaction's marker lies there."""
    stage = Stage(recovered(0, 45, fingerprint_at(log, 40)))
    batch = batch_of(stage.places, PLACE, log[:40])
    batch.end = 45
    asyncio.run(stage.host.take(batch))
    assert stage.host.is_restored


@pytest.mark.parametrize("cut", [40, 39, 7])
def test_another_state_than_before_is_an_error(log: list[bytes], cut: int) -> None:
    """The predictions after it would not belong to those before. It says both releases and what to do."""
    stage = Stage(recovered(0, 40, "0" * 32))
    with pytest.raises(
        FingerprintError,
        match=r"^log\[3\]: reading the log again from offset 0 to 40 gave another state \([0-9a-f]{12}\) "
        r"than the one whose predictions were sent \(000000000000, by '0\.0\.1/river 0\.1/g1'; this is ",
    ) as caught:
        stage.read_on(log, cut)
    assert caught.value.exit_code == 4
    for word in (repr(model_version(1)), "former one", "reset --generation", "docs/snapshots.md"):
        assert word in str(caught.value)
    assert stage.transactions.committed == []


def test_one_update_that_differs_is_another_state(log: list[bytes]) -> None:
    """Or one that is missing: the log was tampered with, or read wrongly."""
    stage = Stage(recovered(0, len(log) - 1, fingerprint_at(log, len(log))))
    with pytest.raises(FingerprintError):
        stage.take(log[:20] + log[21:])


def test_a_new_generation_need_not_be_the_same_state(log: list[bytes]) -> None:
    """It was ordered because the state is another one."""
    stage = Stage(replace(recovered(0, 40, None), generation=2))
    stage.read_on(log, 20)
    assert stage.host.is_restored


def test_where_nothing_is_to_be_read_again_the_state_is_checked_at_once(log: list[bytes]) -> None:
    """The next record may be hours away."""
    engine = Engine(config())
    engine.process(decode(value) for value in log[:40])
    found = replace(recovered(40, 40, fingerprint_at(log, 40)), engine=engine)
    stage = Stage(found)
    assert not stage.host.is_restored
    stage.begin()
    assert stage.host.is_restored
    assert stage.transactions.committed == []
    with pytest.raises(FingerprintError, match=r"^log\[3\]: "):
        Stage(replace(found, fingerprint="0" * 32)).begin()


def test_an_empty_log_is_restored_at_once() -> None:
    """A new application is ready before its first record."""
    stage = Stage()
    stage.begin()
    assert stage.host.is_restored


def test_a_restart_finds_the_same_state_after_batches_without_progress(log: list[bytes]) -> None:
    """What was read behind the last progress is read again, and had no outputs."""
    whole, stage = Stage(), Stage()
    whole.take(log)
    for base in range(50):
        stage.take(log[base : base + 1], base)
    last = stage.progress()[-1]
    restarted = Stage(recovered(0, last.end, last.fingerprint))
    restarted.read_on(log, 9)
    assert stage.values() + restarted.values() == whole.values()


def test_late_updates_are_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """They were when they came."""
    log = [encoded(record) for record in LATE]
    stage = Stage(recovered(0, 4, fingerprint_at(log, 4)))
    stage.take(log[:3])
    stage.take(log[3:], 3)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    stage.take([encoded(WindowUpdate(SourcePlace(TOPIC, 0, 9), "db", CPU, 0, (1.0,) * 11, 0))], 4)
    assert "count=1 " in caplog.text


def test_the_end_of_the_replay_is_logged(log: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    """Once, with how long it took and how much was read again."""
    stage = Stage(recovered(0, 10, fingerprint_at(log, 10)))
    with caplog.at_level(logging.INFO):
        stage.take(log[:5])
        assert "state restored" not in caplog.text
        stage.clock.now_s += 2.5
        stage.take(log[5:10], 5)
        stage.take(log[10:], 10)
    expected = (
        "state restored partition=log[3] offset=10 seconds=2.5 generation=1 read_again=10 EngineCounts("
    )
    assert caplog.text.count(expected) == 1
