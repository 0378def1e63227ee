"""Windowed keys, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key, split_windowed_key

# The contract's golden target: the host, then the window start.
HOST = b"192.168.0.101"
GOLDEN = bytes.fromhex("31 39 32 2e 31 36 38 2e 30 2e 31 30 31  00 00 01 74 87 6e 80 00")


def test_the_golden_key_of_the_contract() -> None:
    assert encode_windowed_key(HOST, 1_600_000_000_000) == GOLDEN
    assert split_windowed_key(GOLDEN) == (HOST, 1_600_000_000_000)


@given(inner=st.binary(min_size=1), start_ms=st.integers(-(2**63), 2**63 - 1))
def test_splitting_undoes_encoding(inner: bytes, start_ms: int) -> None:
    assert split_windowed_key(encode_windowed_key(inner, start_ms)) == (inner, start_ms)


@pytest.mark.parametrize("length", range(9))
def test_a_key_without_an_inner_key_is_refused(length: int) -> None:
    with pytest.raises(RefusedRecord, match=f"has {length} bytes, expected more than the 8") as refused:
        split_windowed_key(bytes(length))

    assert refused.value.reason is Reason.BAD_KEY
