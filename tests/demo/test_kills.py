"""The demo's own kills are spread over the run, and none is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.demo.kills import Kills


def test_without_kills_nothing_is_due_or_held() -> None:
    """Most runs have none."""
    kills = Kills(0, start_ms=0, end_ms=100)
    assert not kills.is_due(100)
    assert kills.hold_at_ms is None


def test_one_comes_in_the_middle() -> None:
    """And what is sent may be a quarter ahead of it."""
    kills = Kills(1, start_ms=1_000, end_ms=2_000)
    assert [kills.is_due(at_ms) for at_ms in (1_499, 1_500, 2_000)] == [False, True, True]
    assert kills.hold_at_ms == 1_750
    kills.done()
    assert not kills.is_due(2_000)
    assert kills.hold_at_ms is None


@given(st.integers(1, 50), st.integers(100_000, 10**8), st.integers(1, 200))
def test_all_of_them_are_done_and_one_after_the_other(count: int, span_ms: int, steps: int) -> None:
    """Whoever reads on as far as is allowed meets each one, and after it none before reading on."""
    kills, done, at_ms, step_ms = Kills(count, 0, span_ms), 0, 0, -(-span_ms // steps)
    while at_ms < span_ms:
        hold_ms = span_ms if kills.hold_at_ms is None else kills.hold_at_ms
        at_ms = min(at_ms + step_ms, hold_ms, span_ms)
        if kills.is_due(at_ms):
            kills.done()
            done += 1
            assert not kills.is_due(at_ms)
    assert done == count
