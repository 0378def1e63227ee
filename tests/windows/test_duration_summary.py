"""What is kept of the durations of a window."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.records.prediction import DurationSummary
from pg_streaming_machine_learning.windows.duration_summary import summarize_durations
from pg_streaming_machine_learning.windows.summary import percentile


def test_durations_become_milliseconds() -> None:
    assert summarize_durations([4_000, 1_000, 2_500]) == DurationSummary(3, 2.5, 2.5, 4.0, 4.0, 4.0)


def test_without_durations_nothing_is_known_but_their_number() -> None:
    summary = summarize_durations([])
    assert summary.count == 0
    assert all(
        math.isnan(each)
        for each in (summary.mean_ms, summary.p50_ms, summary.p90_ms, summary.p99_ms, summary.maximum_ms)
    )


@given(st.lists(st.integers(0, 86_400_000_000), min_size=1))
def test_figures_are_those_of_the_sorted_durations(durations_us: list[int]) -> None:
    summary = summarize_durations(durations_us)
    ordered = sorted(durations_us)
    assert summary.count == len(durations_us)
    assert summary.maximum_ms == ordered[-1] / 1000
    assert summary.p90_ms == percentile(ordered, 90) / 1000
    assert summary.mean_ms == pytest.approx(sum(ordered) / len(ordered) / 1000)
    assert summary.p50_ms <= summary.p90_ms <= summary.p99_ms <= summary.maximum_ms
