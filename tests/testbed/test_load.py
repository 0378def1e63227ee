from __future__ import annotations

import numpy as np
import pytest

from pg_streaming_machine_learning.testbed.load import LoadShape, plan_arrivals, plan_bursts, rate_at
from pg_streaming_machine_learning.testbed.shop import MIX


def test_wave_rises_and_falls_about_its_mean() -> None:
    """The rate is the mean at the start, highest after a quarter period, lowest after three."""
    shape = LoadShape(rate_per_s=40, wave_share=0.5, wave_s=100)
    assert shape.wave(np.array([0.0, 25.0, 50.0, 75.0])) == pytest.approx([40, 60, 40, 20])


def test_rate_is_higher_within_a_burst() -> None:
    """A burst multiplies the rate from its start up to, not including, its end."""
    shape = LoadShape(rate_per_s=10, wave_share=0, burst_factor=2)
    bursts = np.array([[5.0, 7.0], [9.0, 10.0]])
    assert list(rate_at(np.array([4.9, 5.0, 6.9, 7.0, 9.5, 11.0]), bursts, shape)) == [10, 20, 20, 10, 20, 10]


def test_bursts_keep_their_bounds() -> None:
    """Bursts last 4 to 10 s, 30 to 90 s apart."""
    bursts = plan_bursts(3, 10_000, LoadShape())
    lengths_s, gaps_s = bursts[:, 1] - bursts[:, 0], bursts[1:, 0] - bursts[:-1, 1]
    assert lengths_s.min() >= 4
    assert lengths_s.max() <= 10
    assert gaps_s.min() >= 30
    assert gaps_s.max() <= 90


def test_short_load_has_no_bursts() -> None:
    """No burst fits into a second; its rates are those of the wave."""
    bursts = plan_bursts(3, 1.0, LoadShape())
    assert bursts.shape == (0, 2)
    assert rate_at(np.array([0.0]), bursts, LoadShape()) == pytest.approx([48.0])


def test_arrivals_ascend_within_the_load() -> None:
    """Customers are sent in order of time."""
    arrivals = plan_arrivals(1, 100.0)
    assert np.all(np.diff(arrivals.times_s) >= 0)
    assert arrivals.times_s[0] >= 0
    assert arrivals.times_s[-1] < 100
    assert len(arrivals.kinds) == len(arrivals.times_s)


def test_equal_seeds_give_equal_arrivals() -> None:
    """The load is made from its seed alone; another seed gives another."""
    first, again, other = plan_arrivals(1, 60.0), plan_arrivals(1, 60.0), plan_arrivals(2, 60.0)
    assert np.array_equal(first.times_s, again.times_s)
    assert np.array_equal(first.kinds, again.kinds)
    assert not np.array_equal(first.times_s[:50], other.times_s[:50])


def test_arrivals_follow_the_rate() -> None:
    """Counts per eighth of a wave are those of the rate, within four standard deviations of Poisson."""
    shape, seconds = LoadShape(), 24_000.0
    arrivals = plan_arrivals(5, seconds, shape)
    fine_s = np.arange(0.0, seconds, 0.1)
    rates = rate_at(fine_s, plan_bursts(5, seconds, shape), shape)
    eighth_s = shape.wave_s / 8
    expected = np.bincount((fine_s % shape.wave_s // eighth_s).astype(int), weights=rates * 0.1)
    counts = np.bincount((arrivals.times_s % shape.wave_s // eighth_s).astype(int))
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected))


def test_kinds_follow_the_mix() -> None:
    """The share of each kind is that of the mix, within a hundredth."""
    kinds = plan_arrivals(1, 2_000.0).kinds
    shares = np.bincount(kinds, minlength=len(MIX)) / len(kinds)
    assert shares == pytest.approx([share for _, share in MIX], abs=0.01)
