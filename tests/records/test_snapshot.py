"""Parts of a state ↔ bytes."""

from __future__ import annotations

import zlib

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


def sealed(body: bytes) -> bytes:
    """Return a snapshot whose checksum fits, whatever is in it."""
    return b"PGSM\x01" + zlib.crc32(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "a part ends behind it"),
        (b"\x00", "a part ends behind it"),
        (b"\x00\x01", "a part ends behind it"),
        (b"\xff\xff", "a part ends behind it"),
        (b"\x00\x01\x00\x05ab", "a part ends behind it"),
        (b"\x00\x01\x00\x01a", "a part ends behind it"),
        (b"\x00\x01\x00\x01a" + b"\xff" * 8, "a part ends behind it"),
        (b"\x00\x01\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x02x", "a part ends behind it"),
        (b"\x00\x01\x00\x01\xff" + bytes(8), "can't decode byte 0xff"),
        (b"\x00\x00x", "a part comes twice, or more follows"),
        (b"\x00\x02" + (b"\x00\x01a" + bytes(8)) * 2, "a part comes twice, or more follows"),
    ],
)
def test_a_checksum_that_fits_makes_no_snapshot(body: bytes, message: str) -> None:
    """Lengths are not trusted, and nothing is read or kept that is not there."""
    with pytest.raises(SnapshotError, match=f"snapshot of {len(body) + 9} bytes is damaged: .*{message}"):
        unpack(sealed(body))


@given(st.binary(max_size=60))
def test_any_bytes_with_a_checksum_are_parts_or_an_error(body: bytes) -> None:
    try:
        parts = unpack(sealed(body))
    except SnapshotError:
        return
    assert pack(parts) == sealed(body)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"[" * 100_000, b"\xff", b'{"part":"store"}', b'{"version":' + b"9" * 5000]
)
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError, match=f"{len(data)} bytes are no state of 'store'"):
        read_state("store", 1, data)
