"""The order to begin a new generation ↔ bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder


def test_an_order_is_json() -> None:
    data = b'{"model":"named/before","number":3,"ordered_ms":1700000000000,"version":1}'
    order = GenerationOrder(3, "named/before", 1_700_000_000_000)
    assert order.to_bytes() == data
    assert GenerationOrder.from_bytes(data) == order


@given(st.integers(1, 10**9), st.sampled_from([FROM_LOG, "named/x"]), st.integers(0, 10**15))
def test_reading_undoes_writing(number: int, model: str, ordered_ms: int) -> None:
    order = GenerationOrder(number, model, ordered_ms)
    assert GenerationOrder.from_bytes(order.to_bytes()) == order


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version":1,"number":"3","model":"log","ordered_ms":0}'])
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError, match="order of a generation"):
        GenerationOrder.from_bytes(data)
