"""Snapshots of an engine at work, and generations of the model, which begin with one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError, StateError
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.state.recovery import Recovered
from pg_streaming_machine_learning.streams import engine as engine_module
from pg_streaming_machine_learning.wire.log import decode
from tests.logs import config
from tests.streams.hosts import (
    PLACE,
    SIGNER,
    Stage,
    causes_of,
    fingerprint_at,
    progress_of,
    recovered,
)
from tests.streams.stand_ins import (
    fleet_log,
)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    return fleet_log()


def test_a_snapshot_is_taken_when_it_is_due_behind_the_outputs(log: list[bytes]) -> None:
    """In a transaction of its own, with the progress that it is of."""
    stage = Stage(every_updates=40)
    stage.take(log[:30])
    assert stage.stored().slots == ()
    stage.take(log[30:90], 30)
    outputs, snapshot = stage.transactions.committed[-2:]
    assert {record.topic for record in outputs} == {"predictions", "state"}
    assert [record.key for record in snapshot] == [b"slot-0/0000", b"slot-0/manifest", b"progress"]
    assert progress_of(snapshot) == progress_of(outputs)
    (slot,) = stage.stored().slots
    assert slot.manifest is not None
    assert (slot.manifest.application, slot.manifest.partition, slot.manifest.position) == ("app", 3, 90)


def test_an_engine_restored_from_the_snapshot_goes_on_the_same(log: list[bytes]) -> None:
    """From each of the two slots."""
    whole, stage = Stage(), Stage(every_updates=40)
    whole.read_on(log, 10)
    stage.read_on(log[:100], 10)
    slots = stage.stored().slots
    assert [slot.place for slot in slots] == ["slot-1", "slot-0"]
    for slot in slots:
        assert slot.manifest is not None
        engine = Engine(config())
        engine.restore(slot.payload(2**28, SIGNER))
        last = stage.progress()[-1]
        found = replace(recovered(slot.manifest.position, last.end, last.fingerprint), engine=engine)
        restarted = Stage(found)
        restarted.begin()
        restarted.read_on(log, 10)
        assert stage.values() + restarted.values() == whole.values()


def test_snapshots_are_taken_in_turns(log: list[bytes]) -> None:
    """One that is cut short never takes the place of the last good one."""
    stage = Stage(replace(recovered(), snapshot_number=1), every_updates=20)
    stage.read_on(log[:80], 20)
    manifests = [
        record.key
        for record in stage.transactions.records("state")
        if (record.key or b"").endswith(b"manifest")
    ]
    assert manifests == [b"slot-1/manifest", b"slot-0/manifest"] * 2


def test_a_snapshot_is_taken_behind_a_batch_without_outputs(log: list[bytes]) -> None:
    """Its progress is written with it, whatever the second says."""
    stage = Stage(every_updates=2)
    stage.take(log[:1])
    stage.take(log[1:2], 1)
    assert stage.values() == []
    assert [progress.end for progress in stage.progress()] == [1, 2]
    assert len(stage.stored().slots) == 1


def test_reading_again_counts_for_the_next_snapshot(log: list[bytes]) -> None:
    """Worker after worker that leaves early would otherwise read ever more again."""
    stage = Stage(recovered(0, 40, fingerprint_at(log, 40)), every_updates=41)
    stage.read_on(log[:50], 10)
    assert [slot.manifest.position for slot in stage.stored().slots if slot.manifest] == [50]


def test_a_new_generation_begins_with_its_state_in_one_transaction(log: list[bytes]) -> None:
    """Progress of a generation never lies there without the state of that generation."""
    stage = Stage(replace(recovered(0, 40, None), generation=5))
    stage.read_on(log[:45], 15)
    first = stage.transactions.committed[0]
    assert [record.key for record in first] == [b"slot-0/0000", b"slot-0/manifest", b"progress"]
    progress = progress_of(first)
    assert (progress.end, progress.generation, progress.model_version) == (40, 5, model_version(5))
    (slot,) = stage.stored().slots
    assert slot.manifest is not None
    assert (slot.manifest.position, slot.manifest.generation) == (40, 5)
    engine = Engine(config())
    engine.restore(slot.payload(2**28, SIGNER))
    assert (engine.generation, engine.fingerprint()) == (5, progress.fingerprint)


class EngineWithoutSnapshot(Engine):
    """An engine whose state cannot be stored."""

    def snapshot(self) -> bytes:
        """Refuse."""
        raise SnapshotError("it has a part that no model has")


def test_a_generation_does_not_begin_without_its_state() -> None:
    """What it learns would be lost with the next crash, and read again by the generation before."""
    stage = Stage(replace(recovered(), engine=EngineWithoutSnapshot(config()), generation=2))
    expected = (
        rf"^{PLACE[0]}\[{PLACE[1]}\]@0: generation 2 cannot begin, .* written: .*; set SNAPSHOT_MAX_BYTES"
    )
    with pytest.raises(StateError, match=expected):
        stage.begin()
    assert stage.transactions.committed == []


def test_progress_goes_on_without_a_snapshot_within_a_generation(log: list[bytes]) -> None:
    """The log has it all."""
    stage = Stage(replace(recovered(), engine=EngineWithoutSnapshot(config())), every_updates=10)
    stage.read_on(log[:40], 20)
    assert stage.stored().slots == ()
    assert stage.progress()[-1].end == 40


def test_a_new_generation_is_in_the_predictions_from_there_on(log: list[bytes]) -> None:
    """And in none before; nothing else of them changes, if the model does not."""
    whole, stage = Stage(), Stage(replace(recovered(0, 40, None), generation=2))
    whole.take(log)
    sent = len([place for place in causes_of(whole.transactions.records("predictions")) if place.offset < 40])
    stage.read_on(log, 15)
    others = [value or b"" for value in whole.values()[sent:]]
    assert [(value or b"").replace(b"/g2", b"/g1") for value in stage.values()] == others
    assert all(b"/g2" in (value or b"") for value in stage.values())


def test_a_new_generation_begins_at_once_where_nothing_is_to_be_read_again() -> None:
    """With the first look at the partition, not with the next record."""
    stage = Stage(replace(recovered(), generation=2))
    stage.begin()
    assert stage.host.is_restored
    assert [(progress.end, progress.generation) for progress in stage.progress()] == [(0, 2)]


def test_a_new_generation_goes_on_with_the_model_it_was_given(log: list[bytes]) -> None:
    """Its windows and its watermark stay those of the log."""
    other = Engine(config())
    other.process(decode(value) for value in log)
    stage = Stage(replace(recovered(0, 40, fingerprint_at(log, 40)), generation=2, learner=other.snapshot()))
    stage.read_on(log[:50], 20)
    plain = Stage(replace(recovered(0, 40, fingerprint_at(log, 40)), generation=2))
    plain.read_on(log[:50], 20)
    found, expected = stage.host.engine, plain.host.engine
    assert (found.watermark_ms, found.open_windows) == (expected.watermark_ms, expected.open_windows)
    assert found.counts.learned > expected.counts.learned
    assert found.counts.learned >= other.counts.learned


PART_BYTES = 2_000_000


class LargeEngine(Engine):
    """An engine whose snapshot is large and cannot be made smaller."""

    def snapshot(self) -> bytes:
        """Return noise, another one for each state."""
        return random.Random(self.fingerprint()).randbytes(PART_BYTES * 5 // 2)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Recovered:
    """Return an engine whose snapshots have three parts."""
    monkeypatch.setattr(engine_module, "TRANSACTION_BYTES", PART_BYTES)
    return replace(recovered(), engine=LargeEngine(config()))


def test_a_large_snapshot_is_written_in_several_transactions(log: list[bytes], large: Recovered) -> None:
    """The broker aborts what takes long. Manifest and progress are in the last: before it there is none."""
    stage = Stage(large, every_updates=40)
    stage.take(log[:40])
    *ahead, last = stage.transactions.committed[1:]
    assert len(ahead) == 2
    for records in [*ahead, last]:
        assert sum(len(record.value or b"") for record in records) <= PART_BYTES + 10_000
    assert [record.key for record in last[-2:]] == [b"slot-0/manifest", b"progress"]
    assert all((record.key or b"").startswith(b"slot-0/0") for records in ahead for record in records)
    (slot,) = stage.stored().slots
    assert slot.payload(2**28, SIGNER) == stage.host.engine.snapshot()


def test_a_large_snapshot_cut_short_leaves_the_one_before(log: list[bytes], large: Recovered) -> None:
    """It lies in the place of the oldest."""
    stage = Stage(large, every_updates=30)
    stage.read_on(log[:90], 30)
    assert stage.transactions.committed[-1][-2].key == b"slot-0/manifest"
    stage.transactions.committed.pop()
    newest, older = stage.stored().slots
    assert [slot.manifest.position for slot in (newest, older) if slot.manifest] == [60, 30]
    assert newest.payload(2**28, SIGNER)
    with pytest.raises(SnapshotError, match=r"damaged"):
        older.payload(2**28, SIGNER)


def test_a_partition_given_up_between_the_parts_of_a_snapshot_writes_no_more(
    log: list[bytes], large: Recovered
) -> None:
    """Its next owner has fenced us by then."""
    stage = Stage(large, every_updates=40)

    def give_up_in_the_second() -> None:
        if len(stage.transactions.committed) == 1:
            stage.host.close()

    stage.transactions.when_committing = give_up_in_the_second
    stage.take(log[:40])
    assert len(stage.transactions.committed) == 2
    assert stage.places.next(PLACE) == 0
