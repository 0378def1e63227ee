"""What is written to the state topic beside the workers is written in transactions that do not take long."""

from __future__ import annotations

from pg_streaming_machine_learning.operations.state_writer import Records, parted
from pg_streaming_machine_learning.state.layout import StateRecord

MANIFEST = b"named/golden/manifest"


def snapshot(chunks: int, size: int = 10) -> list[StateRecord]:
    """Return a snapshot that takes the place of one with more chunks."""
    gone = StateRecord(b"named/golden/0099", None)
    some = [StateRecord(b"named/golden/%04d" % number, bytes(size)) for number in range(chunks)]
    return [gone, *some, StateRecord(MANIFEST, b"{}")]


def keys(group: Records) -> dict[int, list[bytes]]:
    """Return the keys in a group."""
    return {partition: [record.key for record in records] for partition, records in group.items()}


def test_small_ones_are_one_transaction() -> None:
    """Of all partitions; the manifests come last in each."""
    groups = parted({0: snapshot(1), 1: snapshot(2)}, 100)
    assert len(groups) == 1
    assert keys(groups[0]) == {
        0: [b"named/golden/0000", b"named/golden/0099", MANIFEST],
        1: [b"named/golden/0000", b"named/golden/0001", b"named/golden/0099", MANIFEST],
    }


def test_the_chunks_of_large_ones_go_ahead_and_all_manifests_last() -> None:
    """Before the last transaction there is no snapshot, of no partition."""
    records = {0: snapshot(5), 1: snapshot(4)}
    *ahead, last = parted(records, 30)
    assert [keys(group) for group in ahead] == [
        {0: [b"named/golden/0000", b"named/golden/0001", b"named/golden/0002"]},
        {0: [b"named/golden/0003", b"named/golden/0004"], 1: [b"named/golden/0000"]},
    ]
    found = keys(last)
    assert found[0] == [b"named/golden/0099", MANIFEST]
    assert found[1] == [*(b"named/golden/%04d" % number for number in (1, 2, 3, 99)), MANIFEST]


def test_nothing_is_left_out_or_written_twice() -> None:
    """Whatever the limit, one chunk alone larger than it too."""
    records = {0: snapshot(7), 2: snapshot(3)}
    for limit in (1, 10, 11, 35, 1000):
        found = [
            (partition, record)
            for group in parted(records, limit)
            for partition, some in group.items()
            for record in some
        ]
        expected = [(partition, record) for partition, some in records.items() for record in some]
        assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_a_deletion_is_one_transaction_in_its_order() -> None:
    """The manifest goes first."""
    records = [StateRecord(MANIFEST, None), StateRecord(b"named/golden/0000", None)]
    assert parted({3: records}, 1) == [{3: records}]
