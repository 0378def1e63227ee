"""Snapshots as records of the state topic: whole, signed, in turns, of bounded size."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.layout import CHUNK_BYTES, Slot, StateRecord, StoredState
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule, SnapshotSettings
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.wire.log import decode
from tests.logs import config
from tests.streams.stand_ins import Clock, fleet_log

PLACE = ("log", 3)
SIGNER = Signer(b"0123456789abcdef", accept_unsigned=False)


class LargeEngine(Engine):
    """An engine whose snapshot is large and cannot be made smaller."""

    def snapshot(self) -> bytes:
        """Return two and a half chunks of noise."""
        return random.Random(1).randbytes(CHUNK_BYTES * 5 // 2)


class UnsuitableEngine(Engine):
    """An engine whose model has parts that no snapshot may hold."""

    def snapshot(self) -> bytes:
        """Fail."""
        raise SnapshotError("os.system is no part of a model")


@dataclass
class Stage:
    """A writer with everything around it."""

    signer: Signer = SIGNER
    max_bytes: int = 2**28
    number: int = 0
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.schedule = SnapshotSchedule(SnapshotSettings(10, 60), monotonic=self.clock)
        self.writer = SnapshotWriter(
            PLACE,
            "app",
            "state",
            self.signer,
            self.max_bytes,
            self.number,
            self.schedule,
            monotonic=self.clock,
            now=lambda: 1600.5,
        )

    def take(self, engine: Engine, position: int) -> list[Outgoing]:
        """Return the records of a snapshot."""
        return asyncio.run(self.writer.records(engine, position))


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return an engine that has learned something."""
    engine = Engine(config(), generation=4)
    engine.process(map(decode, fleet_log()))
    return engine


def slot_of(records: Sequence[Outgoing]) -> Slot:
    """Return the only snapshot that records hold."""
    (slot,) = StoredState.from_records(StateRecord(each.key or b"", each.value) for each in records).slots
    return slot


def test_a_snapshot_goes_to_the_partition_of_its_engine(engine: Engine) -> None:
    """In the state topic; nothing else is written."""
    records = Stage().take(engine, 12)
    assert {(record.topic, record.partition) for record in records} == {("state", 3)}
    assert [record.key for record in records] == [b"slot-0/0000", b"slot-0/manifest"]


def test_the_manifest_says_what_it_is(engine: Engine) -> None:
    """Whose, of what position and generation, by which versions, how good the model was; and it is signed."""
    slot = slot_of(Stage().take(engine, 12))
    manifest = slot.manifest
    assert manifest is not None
    assert (manifest.application, manifest.partition, manifest.position) == ("app", 3, 12)
    assert (manifest.generation, manifest.created_ms) == (4, 1_600_500)
    assert manifest.versions.keys() == {"package", "river", "python", "format"}
    assert manifest.versions["package"] == __version__
    assert manifest.figures == engine.figures()
    assert manifest.figures["samples_learned"] > 0
    SIGNER.check(manifest.signed_bytes(), manifest.signature)


def test_an_engine_restored_from_it_is_the_same(engine: Engine) -> None:
    """By its fingerprint."""
    restored = Engine(config())
    restored.restore(slot_of(Stage().take(engine, 12)).payload(2**28, SIGNER))
    assert (restored.fingerprint(), restored.generation) == (engine.fingerprint(), 4)


def test_position_zero_is_a_position(engine: Engine) -> None:
    """The state before the first record may be kept too."""
    manifest = slot_of(Stage().take(engine, 0)).manifest
    assert manifest is not None
    assert manifest.position == 0


def test_each_has_a_name_of_its_own(engine: Engine) -> None:
    """Two of the same state are two."""
    stage = Stage()
    names = {
        manifest.snapshot
        for manifest in (slot_of(stage.take(engine, 12)).manifest for _ in range(3))
        if manifest is not None
    }
    assert len(names) == 3


@pytest.mark.parametrize(
    ("number", "places"), [(0, ["slot-0", "slot-1", "slot-0"]), (1, ["slot-1", "slot-0", "slot-1"])]
)
def test_they_take_turns_with_two_places(engine: Engine, number: int, places: list[str]) -> None:
    """The last good one stays until the next is whole."""
    stage = Stage(number=number)
    assert [slot_of(stage.take(engine, position)).place for position in (1, 2, 3)] == places


def test_a_large_one_is_cut_into_chunks_that_kafka_takes() -> None:
    """The manifest comes last: without it there is no snapshot."""
    stage = Stage()
    engine = LargeEngine(config())
    records = stage.take(engine, 12)
    assert [record.key for record in records] == [
        b"slot-0/0000",
        b"slot-0/0001",
        b"slot-0/0002",
        b"slot-0/manifest",
    ]
    assert max(len(record.value or b"") for record in records) <= CHUNK_BYTES
    slot = slot_of(records)
    assert slot.manifest is not None
    assert slot.manifest.chunks == 3
    assert slot.payload(2**28, SIGNER) == engine.snapshot()


def test_a_smaller_one_after_a_larger_one_is_whole(engine: Engine) -> None:
    """Chunks of the former that lie in the same place are no part of it."""
    stage = Stage()
    former, other = stage.take(LargeEngine(config()), 1), stage.take(engine, 2)
    again = stage.take(engine, 3)
    records = [StateRecord(each.key or b"", each.value) for each in (*former, *other, *again)]
    newest = StoredState.from_records(records).slots[0]
    assert newest.place == "slot-0"
    restored = Engine(config())
    restored.restore(newest.payload(2**28, SIGNER))
    assert restored.fingerprint() == engine.fingerprint()


def test_without_a_key_it_is_not_signed(engine: Engine) -> None:
    """And is used only where a setting says so."""
    unsigned = Signer(None, accept_unsigned=True)
    slot = slot_of(Stage(signer=unsigned).take(engine, 12))
    assert slot.payload(2**28, unsigned)
    with pytest.raises(SnapshotError, match=r"not signed"):
        slot.payload(2**28, SIGNER)


def test_one_that_is_too_large_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """It is said with partition, position, size and the setting; the work goes on."""
    stage = Stage(max_bytes=65_536)
    assert stage.take(LargeEngine(config()), 12) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("no snapshot of log[3]@12: it has 22")
    assert line.endswith("bytes, SNAPSHOT_MAX_BYTES is 65536")


def test_one_that_cannot_be_taken_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """The state can be rebuilt from the log; predictions are not stopped for it."""
    assert Stage().take(UnsuitableEngine(config()), 12) == []
    assert caplog.messages == ["no snapshot of log[3]@12: os.system is no part of a model"]


def test_one_that_was_not_written_takes_no_turn(engine: Engine) -> None:
    """Two in vain must not come between two in the same place."""
    stage = Stage()
    assert slot_of(stage.take(engine, 1)).place == "slot-0"
    assert stage.take(UnsuitableEngine(config()), 2) == []
    assert slot_of(stage.take(engine, 3)).place == "slot-1"


@pytest.mark.parametrize("make", [Engine, UnsuitableEngine])
def test_the_next_is_due_after_the_interval(make: type[Engine]) -> None:
    """Also if there was none: it is not tried again with each batch."""
    stage = Stage()
    stage.schedule.worked(10, 0.0)
    assert stage.schedule.is_due()
    stage.take(make(config()), 10)
    stage.schedule.worked(9, 0.0)
    assert not stage.schedule.is_due()
    stage.schedule.worked(1, 0.0)
    assert stage.schedule.is_due()
