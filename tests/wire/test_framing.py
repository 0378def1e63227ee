"""The header of the Confluent wire format, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.framing import HEADER_BYTES, frame, unframe


def test_the_header_is_a_magic_byte_and_the_id_big_endian() -> None:
    assert frame(0x01020304, b"\xff") == bytes.fromhex("00 01020304 ff")


@given(schema_id=st.integers(0, 2**32 - 1), body=st.binary())
def test_unframing_undoes_framing(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


@pytest.mark.parametrize("length", range(HEADER_BYTES))
def test_less_than_a_header_is_refused(length: int) -> None:
    with pytest.raises(RefusedRecord, match=f"{length} bytes, expected at least 5") as refused:
        unframe(bytes(length))

    assert refused.value.reason is Reason.BAD_FRAMING


@pytest.mark.parametrize("data", [b'{"a": 1}', b"Obj\x01 a file of Avro", b"\x01\x00\x00\x00\x01body"])
def test_other_framing_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedRecord, match="expected 0x00, the magic byte") as refused:
        unframe(data)

    assert refused.value.reason is Reason.BAD_FRAMING
