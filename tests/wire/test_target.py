"""Targets, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.target import (
    decode_target,
    decode_target_key,
    encode_target,
    encode_target_key,
)

GOLDEN_KEY = bytes.fromhex("31 39 32 2e 31 36 38 2e 30 2e 31 30 31  00 00 01 74 87 6e 80 00")


def test_the_golden_target_of_the_contract() -> None:
    assert encode_target_key("192.168.0.101", 1_600_000_000_000) == GOLDEN_KEY
    assert decode_target_key(GOLDEN_KEY) == ("192.168.0.101", 1_600_000_000_000)
    assert encode_target(1) == bytes.fromhex("00 00 00 01")
    assert [decode_target(encode_target(label)) for label in (0, 1)] == [0, 1]


@given(st.text(min_size=1), st.integers(-(2**63), 2**63 - 1))
def test_decoding_undoes_encoding(host: str, start_ms: int) -> None:
    assert decode_target_key(encode_target_key(host, start_ms)) == (host, start_ms)


@given(st.binary(max_size=6))
def test_only_four_bytes_that_are_0_or_1_are_a_target(data: bytes) -> None:
    if data in (bytes(4), bytes([0, 0, 0, 1])):
        assert decode_target(data) == data[3]
    else:
        with pytest.raises(RefusedRecord, match=r"expected 4$|expected 0 or 1$"):
            decode_target(data)


def test_a_host_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(RefusedRecord, match=r"key has a host that is no UTF-8, .* at byte 1") as refused:
        decode_target_key(b"a\xff" + bytes(8))
    assert refused.value.reason is Reason.BAD_KEY
