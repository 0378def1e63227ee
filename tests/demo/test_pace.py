"""The replay keeps its speed, and forgets what a pause has cost."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.demo.pace import Pace


def test_steps_come_at_the_speed_asked_for() -> None:
    """Steps of 5 s at 50 times real time are a tenth of a second apart, whenever it is asked."""
    pace = Pace(speed=50)
    waits_s = [pace.wait_s(5_000, now_s) for now_s in (0.0, 0.1, 0.15, 0.3)]
    assert waits_s == pytest.approx([0.1, 0.1, 0.15, 0.1])


def test_a_short_delay_is_made_good() -> None:
    """Half a second late: five steps follow at once."""
    pace = Pace(speed=50)
    pace.wait_s(5_000, 0.0)
    waits_s = [pace.wait_s(5_000, 0.6) for _ in range(6)]
    assert waits_s == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 0.1])


def test_a_long_pause_is_forgotten() -> None:
    """After a minute at most a second is made good."""
    pace = Pace(speed=50, slack_s=1.0)
    pace.wait_s(5_000, 0.0)
    waits_s = [pace.wait_s(5_000, 60.0) for _ in range(20)]
    assert sum(wait_s == 0.0 for wait_s in waits_s) in (9, 10)
    assert waits_s[-1] > 0.9


def test_speed_zero_never_waits() -> None:
    """As fast as the worker takes it."""
    pace = Pace(speed=0)
    assert [pace.wait_s(5_000, now_s) for now_s in (0.0, 0.0, 7.0)] == [0.0, 0.0, 0.0]
