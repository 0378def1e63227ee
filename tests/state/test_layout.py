"""Snapshots cut into records, and put together again."""

from __future__ import annotations

import hashlib
import random
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.layout import (
    CHUNK_BYTES,
    GENERATION_KEY,
    PROGRESS_KEY,
    Slot,
    StateRecord,
    StoredState,
    compress,
    deletion_records,
    expand,
    named_place,
    slot_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.signing import Signer
from tests.state.stored import KEY, MAX_BYTES, SIGNER, changed, manifest_of, signed, stored

LARGE = random.Random(1).randbytes(2 * CHUNK_BYTES + 5)


def records_of(payload: bytes, position: int = 7, place: str = "slot-0") -> list[StateRecord]:
    return snapshot_records(place, manifest_of(payload, position), payload)


def slot_of(records: list[StateRecord]) -> Slot:
    (slot,) = stored(records).slots
    return slot


def refusal(records: list[StateRecord], max_bytes: int = MAX_BYTES, signer: Signer = SIGNER) -> str:
    with pytest.raises(SnapshotError) as caught:
        slot_of(records).payload(max_bytes, signer)
    return str(caught.value)


def test_keys_of_a_snapshot() -> None:
    """Golden keys: chunks from 0000, the manifest last."""
    assert [record.key for record in records_of(LARGE)] == [
        b"slot-0/0000",
        b"slot-0/0001",
        b"slot-0/0002",
        b"slot-0/manifest",
    ]
    assert (PROGRESS_KEY, GENERATION_KEY) == (b"progress", b"generation")
    assert [slot_place(number) for number in range(3)] == ["slot-0", "slot-1", "slot-0"]
    assert named_place("before") == "named/before"


def test_no_record_is_too_large_for_kafka() -> None:
    assert max(len(record.value or b"") for record in records_of(LARGE)) == CHUNK_BYTES < 2**20


@given(st.binary(max_size=200), st.sampled_from([1, 7, CHUNK_BYTES]))
@hypothesis_settings(max_examples=30)
def test_putting_together_undoes_cutting(snapshot: bytes, repeats: int) -> None:
    data = snapshot * min(repeats, 30_000)
    assert slot_of(records_of(compress(data))).payload(MAX_BYTES, SIGNER) == data


def test_a_snapshot_of_several_chunks_comes_back() -> None:
    payload = compress(LARGE)
    assert len(payload) > 2 * CHUNK_BYTES
    assert slot_of(records_of(payload)).payload(MAX_BYTES, SIGNER) == LARGE


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_chunk_is_told(missing: int) -> None:
    records = [record for record in records_of(LARGE) if record.key != f"slot-0/{missing:04d}".encode()]
    assert refusal(records) == "it has 2 of its 3 chunks"


def test_a_cut_chunk_is_told() -> None:
    assert refusal(changed(records_of(LARGE), b"slot-0/0001", b"short")).startswith(
        "it is damaged: its chunks"
    )


@given(st.integers(0, 3000), st.integers(1, 255))
def test_any_changed_byte_of_a_chunk_is_told(place: int, difference: int) -> None:
    payload = random.Random(2).randbytes(3001)
    damaged = bytearray(payload)
    damaged[place] ^= difference
    assert refusal(changed(records_of(payload), b"slot-0/0000", bytes(damaged))) == (
        "it is damaged: its hash is another"
    )


@given(st.data())
def test_any_changed_byte_of_a_manifest_is_told(data: st.DataObject) -> None:
    """By the key, if it can still be read at all."""
    records = records_of(compress(b"snapshot"))
    manifest = bytearray(records[-1].value or b"")
    place = data.draw(st.integers(0, len(manifest) - 1))
    manifest[place] ^= data.draw(st.integers(1, 255))
    refusal(changed(records, b"slot-0/manifest", bytes(manifest)))


def test_chunks_of_two_snapshots_are_told_apart() -> None:
    """The second was cut short by a crash: two of its chunks, and the manifest of the first."""
    second = random.Random(3).randbytes(len(LARGE))
    assert refusal([*records_of(LARGE), *records_of(second)[:2]]) == "it is damaged: its hash is another"


def test_a_snapshot_larger_than_allowed_is_refused_by_its_manifest_alone() -> None:
    records = [record for record in records_of(LARGE) if record.key.endswith(b"manifest")]
    assert refusal(records, max_bytes=1000) == f"it has {len(LARGE)} bytes, SNAPSHOT_MAX_BYTES is 1000"


def test_a_manifest_that_lies_about_its_size_does_not_help() -> None:
    payload = compress(LARGE)
    manifest = signed(replace(manifest_of(payload, 7), size_bytes=10))
    assert refusal(snapshot_records("slot-0", manifest, payload)).startswith("it is damaged: its chunks")
    huge = signed(replace(manifest, chunks=2**62))
    assert refusal(snapshot_records("slot-0", huge, payload)).startswith("it has 3 of its")


def test_a_bomb_is_refused_before_it_has_grown() -> None:
    """1 GB of zeros in 1 MB, signed with the right key."""
    packer = zlib.compressobj(9)
    zeros = bytes(2**20)
    bomb = b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()
    assert refusal(records_of(bomb)) == f"it expands to more than {100 * len(bomb)} bytes"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "it is cut, or something follows"),
        (b"no zlib", "it cannot be expanded: Error -3"),
        (compress(b"data")[:-1], "it is cut, or something follows"),
        (compress(b"data") + b"x", "it is cut, or something follows"),
    ],
)
def test_what_cannot_be_expanded_is_told(payload: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        expand(payload, 100)


def test_expanding_keeps_to_its_limit_exactly() -> None:
    for size in (0, 1, 99, 100):
        assert expand(compress(bytes(size)), size) == bytes(size)
    for size in (1, 99, 100, 10_000):
        with pytest.raises(SnapshotError, match=f"it expands to more than {size - 1} bytes"):
            expand(compress(bytes(size)), size - 1)


def test_signatures_are_checked_before_anything_is_expanded() -> None:
    payload = b"no zlib"
    unsigned = snapshot_records(
        "slot-0", manifest_of(payload, 7, signer=Signer(None, accept_unsigned=True)), payload
    )
    assert refusal(unsigned).startswith("it is not signed; set SNAPSHOT_UNSIGNED")
    foreign = snapshot_records(
        "slot-0", manifest_of(payload, 7, signer=Signer(b"other", accept_unsigned=False)), payload
    )
    assert refusal(foreign).startswith("it is signed with another key")
    assert refusal(foreign, signer=Signer(None, accept_unsigned=True)).startswith(
        "it is signed and there is no"
    )
    assert refusal(unsigned, signer=Signer(KEY, accept_unsigned=True)).startswith("it cannot be expanded")


def test_the_last_value_of_a_key_counts_and_none_deletes() -> None:
    """As compaction leaves it, whenever it comes."""
    progress = [EngineProgress(end, "", 1, "") for end in (3, 9)]
    order = GenerationOrder(2, "log", 0)
    records = [
        StateRecord(PROGRESS_KEY, progress[0].to_bytes()),
        StateRecord(GENERATION_KEY, order.to_bytes()),
        *records_of(compress(b"old"), 1),
        StateRecord(PROGRESS_KEY, progress[1].to_bytes()),
        *records_of(compress(b"other"), 2, "slot-1"),
        *records_of(compress(b"new"), 3),
        *records_of(compress(b"kept"), 1, named_place("a/b")),
        *records_of(compress(b"gone"), 1, named_place("gone")),
        *deletion_records(named_place("gone"), 1),
    ]
    state = StoredState.from_records(records)
    assert (state.progress, state.generation) == (progress[1], order)
    assert [slot.payload(MAX_BYTES, SIGNER) for slot in state.slots] == [b"new", b"other"]
    assert {name: slot.payload(MAX_BYTES, SIGNER) for name, slot in state.named.items()} == {"a/b": b"kept"}
    last = {record.key: record for record in records}
    assert StoredState.from_records(last.values()) == state


def test_nothing_stored_is_nothing() -> None:
    assert StoredState.from_records([]) == StoredState(None, None, (), {})


def test_a_deletion_takes_the_manifest_first() -> None:
    """Whoever reads in between finds no snapshot, and not half of one."""
    assert deletion_records("named/x", 2) == [
        StateRecord(b"named/x/manifest", None),
        StateRecord(b"named/x/0000", None),
        StateRecord(b"named/x/0001", None),
    ]


def test_the_furthest_snapshot_comes_first_and_what_cannot_be_read_last() -> None:
    first, second = records_of(compress(b"far"), 9), records_of(compress(b"near"), 4, "slot-1")
    assert [slot.place for slot in stored(second, first).slots] == ["slot-0", "slot-1"]
    damaged = changed(first, b"slot-0/manifest", b"{}")
    slots = stored(damaged, second).slots
    assert [slot.place for slot in slots] == ["slot-1", "slot-0"]
    assert slots[1].manifest is None
    with pytest.raises(SnapshotError, match="2 bytes are no manifest of a snapshot"):
        slots[1].payload(MAX_BYTES, SIGNER)


@pytest.mark.parametrize(
    "key", [b"slot-2/manifest", b"slot-\xff/manifest", b"named/\xff/manifest", b"/manifest", b"x", b"\xff"]
)
def test_keys_of_others_are_passed_over(key: bytes) -> None:
    assert stored(StateRecord(key, b"{}")) == stored()


@pytest.mark.parametrize("key", [PROGRESS_KEY, GENERATION_KEY])
def test_progress_and_orders_that_cannot_be_read_are_an_error(key: bytes) -> None:
    """Without them nobody knows what was sent: going on would send it again."""
    with pytest.raises(SnapshotError):
        stored(StateRecord(key, b"rubbish"))


@given(
    st.lists(
        st.builds(
            StateRecord,
            st.binary(max_size=5)
            | st.sampled_from([b"slot-0/manifest", b"slot-1/manifest", b"named/a/manifest", b"slot-0/0000"]),
            st.none() | st.binary(max_size=20),
        )
    )
)
def test_any_records_can_be_looked_through(records: list[StateRecord]) -> None:
    state = StoredState.from_records(records)
    for slot in (*state.slots, *state.named.values()):
        with pytest.raises(SnapshotError):
            slot.payload(MAX_BYTES, SIGNER)


def test_the_hash_is_of_what_is_stored() -> None:
    payload = compress(b"snapshot")
    manifest = slot_of(records_of(payload)).manifest
    assert manifest is not None
    assert (manifest.sha256, manifest.size_bytes) == (hashlib.sha256(payload).hexdigest(), len(payload))
