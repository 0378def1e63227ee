"""What is said of snapshots is what a worker does with them."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.snapshot_judge import Judge, PartitionReport
from pg_streaming_machine_learning.operations.snapshots import keep_newest, records_of
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StateRecord
from pg_streaming_machine_learning.state.recovery import LogBounds, RecoveryRules, recover
from pg_streaming_machine_learning.state.signing import Signer
from tests.logs import config
from tests.operations.state_store import APPLICATION, KEY, MAX_BYTES, StateStore, judge, trained


def report(store: StateStore, of: Judge | None = None) -> PartitionReport:
    """Return the report of partition 0."""
    return (of or judge()).report(store.states()[0])


def faults(store: StateStore, of: Judge | None = None) -> dict[str, str | None]:
    """Return what is wrong with each snapshot of partition 0, by name."""
    return {one.name: one.fault for one in report(store, of).snapshots}


def started_at(store: StateStore) -> int:
    """Return where a worker would begin to read the log."""
    rules = RecoveryRules(APPLICATION, 0, Signer(KEY, False), MAX_BYTES)
    (state,) = store.states()
    return recover(state.stored, lambda number: Engine(config(), number), state.log, rules).position


def test_two_good_snapshots_and_what_a_start_reads_again() -> None:
    """The furthest first; a start takes it."""
    store = StateStore().at_work()
    found = report(store)
    assert [(one.name, one.fault, one.is_signed) for one in found.snapshots] == [
        ("slot-1", None, True),
        ("slot-0", None, True),
    ]
    assert (found.start.source, found.start.position, found.start.replays) == ("slot-1", 200, 40)
    assert started_at(store) == 200


def test_a_damaged_snapshot_is_named_and_the_older_one_taken() -> None:
    """It says what is damaged."""
    store = StateStore().at_work()
    store.put(0, StateRecord(b"slot-1/0000", b"something else"))
    found = report(store)
    assert "damaged" in (found.snapshots[0].fault or "")
    assert (found.start.source, found.start.position, found.start.replays) == ("slot-0", 100, 140)
    assert started_at(store) == 100


def test_each_reason_is_told() -> None:
    """A manifest that is none, another key, no signature, another application, a later offset."""
    store = StateStore().at_work()
    store.put(0, StateRecord(b"slot-1/manifest", b"{}"))
    assert "no manifest" in (faults(store)["slot-1"] or "")
    assert "another key" in (faults(store, judge(b"another key, just as long"))["slot-0"] or "")
    store.put_snapshot(0, trained(200), 200, 1, key=None)
    assert "not signed" in (faults(store)["slot-1"] or "")
    assert faults(store, judge(accept_unsigned=True))["slot-1"] is None
    store.put_snapshot(0, trained(200), 200, 1, application="another")
    assert "'another' partition 0" in (faults(store)["slot-1"] or "")
    store.put_snapshot(0, trained(240), 300, 1)
    assert "outputs were sent up to 240" in (faults(store)["slot-1"] or "")
    assert faults(store)["slot-0"] is None


def test_a_snapshot_of_another_generation_is_not_used() -> None:
    """After a reset the older slot is of the model before."""
    store = StateStore().at_work()
    store.put_snapshot(0, trained(240, generation=2), 240, 0)
    store.put_progress(0, trained(240, generation=2), 240)
    assert faults(store)["slot-0"] is None
    assert "generation 1, expected 2" in (faults(store)["slot-1"] or "")


def test_other_settings_are_told() -> None:
    """They belong to the state."""
    other = config(host_as_feature=True)
    foreign = Judge(APPLICATION, Signer(KEY, False), MAX_BYTES, lambda number: Engine(other, number))
    assert set(faults(StateStore().at_work(), foreign).values()) == {
        "snapshot is of an engine with other settings"
    }


def test_a_kept_snapshot_is_tried_as_a_model() -> None:
    """Its place in the log does not matter, nor does its generation."""
    store = StateStore().at_work()
    store.put(0, *records_of(store.states(), "golden", keep_newest(store.states(), judge()))[0])
    store.put_progress(0, trained(240, generation=7), 240)
    assert faults(store)["golden"] is None
    assert faults(store)["slot-0"] is not None
    assert "another key" in (faults(store, judge(b"another key, just as long"))["golden"] or "")
    store.put(0, StateRecord(b"named/golden/0000", None))
    assert "0 of its 1 chunks" in (faults(store)["golden"] or "")


def test_a_start_without_snapshot() -> None:
    """From the log's beginning, if it is there."""
    store = StateStore()
    store.put_progress(0, trained(240), 240)
    start = report(store).start
    assert (start.source, start.position, start.replays, start.problem) == ("log", 0, 240, "")
    store.log = LogBounds(50, 1000)
    assert "ALLOW_COLD_START" in report(store).start.problem


def test_a_start_after_an_order() -> None:
    """Learned from the log, a trimmed beginning is no problem; with a kept model the snapshot is used."""
    store = StateStore(log=LogBounds(50, 1000)).at_work()
    store.put_order(0, 2, "log")
    start = report(store).start
    assert (start.source, start.position, start.replays, start.problem) == ("log", 50, 190, "")
    store.put_order(0, 3, "named/golden")
    assert report(store).start.source == "slot-1"


def test_a_start_that_misses_records() -> None:
    """Deleted behind the snapshot; or the log is another."""
    store = StateStore(log=LogBounds(220, 1000)).at_work()
    start = report(store).start
    assert (start.position, start.replays) == (220, 20)
    assert "20 records behind the snapshot" in start.problem
    store.log = LogBounds(0, 10)
    assert "it was made anew" in report(store).start.problem
    assert report(store).snapshots[0].fault is None


def test_a_partition_of_which_nothing_is_known() -> None:
    """Nothing was sent, nothing is there."""
    found = report(StateStore())
    assert (found.snapshots, found.start.source, found.start.replays) == ((), "log", 0)


def test_progress_that_cannot_be_read_is_an_error_with_its_partition() -> None:
    """Without it nothing can be said."""
    store = StateStore()
    store.put(0, StateRecord(PROGRESS_KEY, b"?"))
    with pytest.raises(SnapshotError, match=r"partition 0: .*progress"):
        report(store)
