"""The host of an engine: outputs and progress in one transaction, replay without repeating, the state checked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import FingerprintError, LogFormatError, TransactionError
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StateRecord, StoredState
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.recovery import Recovered
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.cause import LogPlace
from pg_streaming_machine_learning.streams.engine import EngineHost, EngineOutlet
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule, SnapshotSettings
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.log import decode
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.logs import CPU, TOPIC, config
from tests.streams.stand_ins import (
    Clock,
    ListTransactions,
    batch_of,
    encoded,
    fleet_log,
    opened,
    positions_at,
    run_on,
    until_done,
)

PLACE = ("log", 3)
SIGNER = Signer(b"0123456789abcdef", accept_unsigned=False)
NEVER = 10**9


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    return fleet_log()


def recovered(position: int = 0, emitted_to: int = 0, fingerprint: str | None = None) -> Recovered:
    """Return a fresh engine as it is recovered without any snapshot."""
    return Recovered(
        engine=Engine(config()),
        position=position,
        emitted_to=emitted_to,
        fingerprint=fingerprint,
        generation=1,
        learner=None,
        model_version="0.0.1/river 0.1/g1",
        snapshot_number=0,
        hole=0,
        notes=(),
    )


@dataclass
class Stage:
    """A host with everything around it."""

    recovered: Recovered = field(default_factory=recovered)
    positions: Positions | None = None
    transactions: ListTransactions = field(default_factory=lambda: opened(ListTransactions()))
    gate: CommitGate = field(default_factory=CommitGate)
    clock: Clock = field(default_factory=Clock)
    every_updates: int = NEVER

    def __post_init__(self) -> None:
        self.places = self.positions or positions_at({PLACE: self.recovered.position})
        schedule = SnapshotSchedule(SnapshotSettings(self.every_updates, NEVER), monotonic=self.clock)
        self.host = EngineHost(
            PLACE,
            self.recovered,
            EngineOutlet(
                self.transactions,
                PredictionOutput("predictions", AvroEncoder(BottleneckPrediction, 7)),
                "state",
            ),
            SnapshotWriter(PLACE, "app", "state", SIGNER, 2**28, self.recovered.snapshot_number, schedule),
            self.places,
            self.gate,
            monotonic=self.clock,
        )

    async def taking(self, values: Sequence[bytes | None], base: int = 0) -> None:
        """Hand over a batch."""
        await self.host.take(batch_of(self.places, PLACE, values, base))

    def take(self, values: Sequence[bytes | None], base: int = 0) -> None:
        """Hand over a batch."""
        asyncio.run(self.taking(values, base))

    def begin(self) -> None:
        """Begin after the partition was taken over."""
        asyncio.run(self.host.begin())

    def read_on(self, log: Sequence[bytes], size: int) -> None:
        """Hand over the log from the position on, in batches; a second passes before each."""
        for base in range(self.places.next(PLACE) or 0, len(log), size):
            self.clock.now_s += 1
            self.take(log[base : base + size], base)

    def values(self) -> list[bytes | None]:
        """Return the predictions that left."""
        return [record.value for record in self.transactions.records("predictions")]

    def progress(self) -> list[EngineProgress]:
        """Return the progress of each transaction; it is its last record, and there is one."""
        return [progress_of(records) for records in self.transactions.committed]

    def stored(self) -> StoredState:
        """Return what the state topic holds."""
        records = self.transactions.records("state")
        assert {record.partition for record in records} == {PLACE[1]}
        return StoredState.from_records(StateRecord(record.key or b"", record.value) for record in records)


def progress_of(records: Sequence[Outgoing]) -> EngineProgress:
    """Return the progress that a transaction ends with."""
    assert [record.key for record in records if record.topic == "state"].count(PROGRESS_KEY) == 1
    last = records[-1]
    assert (last.topic, last.partition, last.key) == ("state", PLACE[1], PROGRESS_KEY)
    return EngineProgress.from_bytes(last.value or b"")


def causes_of(records: Sequence[Outgoing]) -> list[LogPlace]:
    """Return the causes of predictions, as readers of the topic see them."""
    headers = [dict(record.headers) for record in records]
    return [LogPlace(int(named["log-offset"]), int(named["log-index"])) for named in headers]


def fingerprint_at(log: Sequence[bytes], end: int) -> str:
    """Return the fingerprint of an undisturbed engine behind some records."""
    engine = Engine(config())
    engine.process(decode(value) for value in log[:end])
    return engine.fingerprint()


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
        match=r"^log\[3\]: reading the log again from offset 0 to 40 gave another state \([0-9a-f]{12}\) than the "
        r"one whose predictions were sent \(000000000000, by '0\.0\.1/river 0\.1/g1'; this is ",
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
        found = replace(
            recovered(slot.manifest.position, last.end, last.fingerprint), engine=engine
        )
        restarted = Stage(found)
        restarted.begin()
        restarted.read_on(log, 10)
        assert stage.values() + restarted.values() == whole.values()


def test_snapshots_are_taken_in_turns(log: list[bytes]) -> None:
    """One that is cut short never takes the place of the last good one."""
    stage = Stage(replace(recovered(), snapshot_number=1), every_updates=20)
    stage.read_on(log[:80], 20)
    manifests = [
        record.key for record in stage.transactions.records("state") if (record.key or b"").endswith(b"manifest")
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


LATE = [
    WindowUpdate(SourcePlace(TOPIC, 0, 1), "web", CPU, 100_000, (1.0,) * 11, 0),
    ProgressMark(InputPartition(TOPIC, 0), 1, 100_000, False, 0),
    WindowUpdate(SourcePlace(TOPIC, 0, 2), "web", CPU, 5_000, (1.0,) * 11, 0),
    WindowUpdate(SourcePlace(TOPIC, 0, 3), "db", CPU, 0, (1.0,) * 11, 0),
]


def test_late_updates_are_a_line_for_each_batch(caplog: pytest.LogCaptureFixture) -> None:
    """With their number, and the one that was latest."""
    stage = Stage()
    stage.take([encoded(record) for record in LATE])
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("late updates not used partition=log[3] count=2 latest_ms=")
    assert "host=db" in line


def test_late_updates_are_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """They were when they came."""
    log = [encoded(record) for record in LATE]
    stage = Stage(recovered(0, 4, fingerprint_at(log, 4)))
    stage.take(log[:3])
    stage.take(log[3:], 3)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    stage.take([encoded(replace(LATE[3], place=SourcePlace(TOPIC, 0, 9)))], 4)  # type: ignore[type-var]
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
    expected = "state restored partition=log[3] offset=10 seconds=2.5 generation=1 read_again=10 EngineCounts("
    assert caplog.text.count(expected) == 1
