"""Snapshots are kept under names, found, carried and deleted; nothing unusable or foreign is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.snapshots import (
    StoredSnapshot,
    admit,
    check_free,
    check_name,
    deletions,
    find_named,
    keep_newest,
    kept_names,
    records_of,
    whole,
)
from pg_streaming_machine_learning.state.layout import StateRecord
from tests.operations.state_store import KEY, MAX_BYTES, StateStore, judge, trained

OTHER_KEY = b"another key, just as long"


def with_named(store: StateStore, name: str) -> StateStore:
    """Keep the newest snapshots under a name."""
    kept = keep_newest(store.states(), judge())
    for partition, records in records_of(store.states(), name, kept).items():
        store.put(partition, *records)
    return store


def exported(store: StateStore, name: str) -> list[StoredSnapshot]:
    """Return what a file of a kept snapshot has."""
    slots = find_named(store.states(), name)
    return [whole(slots[partition], MAX_BYTES) for partition in sorted(slots)]


def test_what_is_kept_is_the_newest_snapshot_with_its_signature() -> None:
    """Chunks and manifest are the same bytes under another place."""
    store = with_named(StateStore(partitions=2).at_work(), "golden")
    for state in store.states():
        named, newest = state.stored.named["golden"], state.stored.slots[0]
        assert newest.place == "slot-1"
        assert named.manifest == newest.manifest
        assert named.chunks == newest.chunks
        assert judge().model_fault(named) is None


def test_the_older_is_kept_if_the_newest_is_damaged() -> None:
    """As a worker would start."""
    store = StateStore().at_work()
    store.put(0, StateRecord(b"slot-1/0000", b"something else"))
    assert keep_newest(store.states(), judge())[0].manifest.position == 100


def test_nothing_is_kept_if_a_partition_has_nothing_usable() -> None:
    """The reason names each snapshot and what is wrong with it."""
    store = StateStore(partitions=2).at_work()
    store.put(1, StateRecord(b"slot-0/0000", b"something else"))
    store.put_snapshot(1, trained(220), 220, 1, key=OTHER_KEY)
    with pytest.raises(SnapshotError, match="partition 1 has no snapshot that can be used") as caught:
        keep_newest(store.states(), judge())
    assert "slot-1: it is signed with another key" in str(caught.value)
    assert "slot-0: it is damaged" in str(caught.value)


def test_a_partition_without_snapshots_says_when_there_will_be_one() -> None:
    """A new place: it is not a fault."""
    with pytest.raises(SnapshotError, match=r"no snapshot yet.*SNAPSHOT_EVERY_S"):
        keep_newest(StateStore().states(), judge())


def test_a_larger_snapshot_that_is_replaced_leaves_nothing_behind() -> None:
    """Chunks beyond those of the new one are deleted; so are chunks whose manifest is gone."""
    store = with_named(StateStore().at_work(), "golden")
    store.put(0, StateRecord(b"named/golden/0007", b"a chunk of a larger one"))
    store.put(0, StateRecord(b"named/golden-too/0000", b"of another name"))
    (state,) = with_named(store, "golden").states()
    assert b"named/golden/0007" not in state.values
    assert b"named/golden-too/0000" in state.values
    assert judge().model_fault(state.stored.named["golden"]) is None


def test_deleting_leaves_no_record_of_the_name() -> None:
    """Values of None, which compaction removes; the manifest goes first."""
    store = with_named(with_named(StateStore(partitions=2).at_work(), "golden"), "other")
    records = deletions(store.states(), "golden")
    assert {partition: some[0].key for partition, some in records.items()} == {
        0: b"named/golden/manifest",
        1: b"named/golden/manifest",
    }
    for partition, some in records.items():
        store.put(partition, *some)
    assert kept_names(store.states()) == ["other"]
    assert all(state.keys_of("golden") == [] for state in store.states())


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    """Or with all there are, or with how to keep one."""
    store = StateStore().at_work()
    for find in (find_named, deletions):
        with pytest.raises(SnapshotError, match="none is kept yet"):
            find(store.states(), "golden")
    with_named(store, "before-the-upgrade")
    with pytest.raises(SnapshotError, match="did you mean 'before-the-upgrade'"):
        find_named(store.states(), "before-the-upgrad")
    with pytest.raises(SnapshotError, match="there are 'before-the-upgrade'"):
        deletions(store.states(), "golden")


def test_a_snapshot_of_fewer_partitions_is_not_used_in_part() -> None:
    """After LOG_PARTITIONS was raised."""
    kept = with_named(StateStore().at_work(), "golden")
    store = StateStore(partitions=2).at_work()
    store.put(0, *kept.records[0])
    with pytest.raises(SnapshotError, match="'golden' has nothing for partition 1"):
        find_named(store.states(), "golden")


def test_names_are_not_replaced_by_accident() -> None:
    """Only if it was said."""
    store = with_named(StateStore().at_work(), "golden")
    with pytest.raises(SnapshotError, match="'golden' already"):
        check_free(store.states(), "golden", may_replace=False)
    check_free(store.states(), "golden", may_replace=True)
    check_free(store.states(), "silver", may_replace=False)


def test_a_snapshot_that_a_generation_waits_for_stays() -> None:
    """Without it no worker could start."""
    store = with_named(StateStore().at_work(), "golden")
    store.put_order(0, 2, "named/golden")
    with pytest.raises(SnapshotError, match="generation 2 is to begin with snapshot 'golden'"):
        check_free(store.states(), "golden", may_replace=True)
    store.put_progress(0, trained(240, generation=2), 240)
    check_free(store.states(), "golden", may_replace=True)


@pytest.mark.parametrize("name", ["a", "0", "before-the-upgrade", "v1.2_3", "x" * 64])
def test_names_that_can_be(name: str) -> None:
    """Letters, digits and a few signs."""
    check_name(name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a/b", "-a", ".", "slot-0", "é", "a b", "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    """The error says what is expected."""
    with pytest.raises(SnapshotError, match="expected 1 to 64 letters"):
        check_name(name)


def test_what_was_kept_elsewhere_with_the_same_key_is_admitted_as_it_is() -> None:
    """Another application, other offsets: the model is what counts."""
    snapshots = exported(with_named(StateStore(partitions=2).at_work(), "golden"), "golden")
    elsewhere = judge(application="another")
    admitted = admit(snapshots, 2, elsewhere, trust=False)
    assert [admitted[partition] for partition in (0, 1)] == snapshots


def test_another_key_is_refused_and_the_way_out_named() -> None:
    """Either the key, or trust."""
    snapshots = exported(with_named(StateStore().at_work(), "golden"), "golden")
    with pytest.raises(SnapshotError, match=r"another key.*SNAPSHOT_KEY.*--trust"):
        admit(snapshots, 1, judge(OTHER_KEY), trust=False)
    with pytest.raises(SnapshotError, match="no key to check it"):
        admit(snapshots, 1, judge(None), trust=False)


def test_trust_signs_with_the_key_of_here() -> None:
    """And changes nothing else."""
    snapshots = exported(with_named(StateStore().at_work(), "golden"), "golden")
    admitted = admit(snapshots, 1, judge(OTHER_KEY), trust=True)
    manifest = admitted[0].manifest
    assert manifest.signature != snapshots[0].manifest.signature
    assert replace(manifest, signature="") == replace(snapshots[0].manifest, signature="")
    assert admit([admitted[0]], 1, judge(OTHER_KEY), trust=False) == admitted
    with pytest.raises(SnapshotError, match="no key to sign with: set SNAPSHOT_KEY"):
        admit(snapshots, 1, judge(None), trust=True)


def test_a_good_signature_is_left_alone_by_trust() -> None:
    """Nothing is signed that need not be."""
    snapshots = exported(with_named(StateStore().at_work(), "golden"), "golden")
    assert admit(snapshots, 1, judge(KEY), trust=True) == {0: snapshots[0]}


def test_an_unsigned_snapshot_is_admitted_where_the_settings_say_so() -> None:
    """As workers do it."""
    snapshots = exported(with_named(StateStore().at_work(), "golden"), "golden")
    bare = [replace(one, manifest=replace(one.manifest, signature="")) for one in snapshots]
    with pytest.raises(SnapshotError, match="not signed"):
        admit(bare, 1, judge(), trust=False)
    assert admit(bare, 1, judge(accept_unsigned=True), trust=False) == {0: bare[0]}


def test_the_number_of_partitions_has_to_fit() -> None:
    """Hosts are in other partitions otherwise."""
    snapshots = exported(with_named(StateStore(partitions=2).at_work(), "golden"), "golden")
    with pytest.raises(SnapshotError, match="2 partitions, LOG_PARTITIONS is 3"):
        admit(snapshots, 3, judge(), trust=False)


def test_what_a_worker_could_not_load_is_not_admitted_even_in_trust() -> None:
    """Bytes that are no snapshot, bytes of another hash."""
    (snapshot,) = exported(with_named(StateStore().at_work(), "golden"), "golden")
    damaged = replace(snapshot, payload=snapshot.payload[:-1] + b"\0")
    with pytest.raises(SnapshotError, match="partition 0 of the file cannot be used here: it is damaged"):
        admit([damaged], 1, judge(OTHER_KEY), trust=True)
