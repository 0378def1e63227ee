"""Parts of a state ↔ bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import pack, read_state, unpack, write_state


def test_a_snapshot_begins_with_magic_bytes_version_and_checksum() -> None:
    """Golden bytes: what was written once can be told apart for ever."""
    assert pack({"a": b"xy"}) == bytes.fromhex(
        "50 47 53 4d"  # PGSM
        "01"  # version
        "8d 98 09 0e"  # CRC-32 of the rest
        "00 01"  # one part
        "00 01 61"  # its name: a
        "00 00 00 00 00 00 00 02 78 79"  # its bytes: xy
    )


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=50), max_size=5))
def test_unpacking_undoes_packing(parts: dict[str, bytes]) -> None:
    unpacked = unpack(pack(parts))
    assert unpacked == parts
    assert list(unpacked) == list(parts)


@given(st.data())
def test_any_changed_or_missing_byte_is_noticed(data: st.DataObject) -> None:
    packed = pack({"store": b"abc", "model": b"defg"})
    place = data.draw(st.integers(0, len(packed) - 1))
    changed = bytearray(packed)
    changed[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(changed), packed[:place], packed + b"x"):
        with pytest.raises(SnapshotError):
            unpack(damaged)


def test_a_snapshot_of_a_newer_release_is_refused_by_name() -> None:
    packed = bytearray(pack({}))
    packed[4] = 9
    with pytest.raises(SnapshotError, match="snapshot has version 9, this release reads version 1"):
        unpack(bytes(packed))


def test_something_else_is_no_snapshot() -> None:
    with pytest.raises(SnapshotError, match="no snapshot: 12 bytes, beginning with b'Obj"):
        unpack(b"Obj\x01whatever")


@given(st.lists(st.floats(), max_size=5))
def test_states_come_back_bit_by_bit(values: list[float]) -> None:
    restored = read_state("part", 1, write_state("part", 1, {"values": values}))
    assert repr(restored) == repr({"values": values})


def test_a_state_of_another_part_or_version_is_refused() -> None:
    data = write_state("store", 2, [])
    with pytest.raises(SnapshotError, match="state is of 'store' version 2, expected 'places' version 2"):
        read_state("places", 2, data)
    with pytest.raises(SnapshotError, match="state is of 'store' version 2, expected 'store' version 1"):
        read_state("store", 1, data)
