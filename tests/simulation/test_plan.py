"""What is asked for is checked, and said back if it cannot be."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.simulation.plan import (
    Scenario,
    SimulationPlan,
    parse_scenarios,
    parse_time_ms,
)


@pytest.mark.parametrize(
    ("text", "length_ms"),
    [("1ms", 1), ("0.5s", 500), (" 90 s ", 90_000), ("2m", 120_000), ("2min", 120_000), ("1d", 86_400_000)],
)
def test_times_have_units(text: str, length_ms: int) -> None:
    """Blanks do not matter, fractions do."""
    assert parse_time_ms(text, "--every") == length_ms


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 fortnight", "1e3s", "ten seconds", "１s"])
def test_what_is_no_time_is_said(text: str) -> None:
    """With where it was given, and what was expected."""
    expected = (
        f"--every is {text!r}, expected a number with its unit (ms, s, m, min, h, d), such as 90s or 2h"
    )
    with pytest.raises(SettingsError, match=re.escape(expected)):
        parse_time_ms(text, "--every")


@pytest.mark.parametrize("text", ["0s", "0.5ms", "1.0005s", "99999999999d"])
def test_a_time_is_whole_milliseconds(text: str) -> None:
    """Neither none, nor a part of one, nor beyond all calendars."""
    with pytest.raises(SettingsError, match="expected at least 1ms, in whole milliseconds"):
        parse_time_ms(text, "--every")


def test_scenarios_come_in_their_order_however_they_are_named() -> None:
    """The same scenarios are the same plan."""
    assert parse_scenarios("clocks-off,memory-leak") == parse_scenarios(" memory-leak , clocks-off ")
    assert parse_scenarios("all") == tuple(Scenario)


@pytest.mark.parametrize("text", ["", "memory", "memory-leak,", "all,memory-leak", "none,none"])
def test_an_unknown_scenario_is_named_with_those_that_are_known(text: str) -> None:
    """Also the empty one."""
    with pytest.raises(SettingsError, match=r"scenario is '[a-z]*', expected all, none, or some of proc"):
        parse_scenarios(text)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": -1}, "seed is -1, expected 0 or more, below 2"),
        ({"seed": 2**64}, "seed is 18446744073709551616, expected 0 or more"),
        ({"hosts": 0}, "hosts are 0, expected 1 to 1000000"),
        ({"services": 21}, "services are 21, expected 1 to as many as there are hosts, 20"),
        ({"every_ms": 0}, "cycle is 0 ms, expected at least 1 ms"),
        ({"episode_ms": 290_000}, "episode is 290000 ms, expected a multiple of the cycle, 10000 ms"),
        ({"episode_ms": 605_000}, "episode is 605000 ms, expected a multiple of the cycle"),
        ({"start_ms": 5}, "start is 5 ms since the epoch, expected a multiple of the cycle"),
        ({"start_ms": -10_000}, "start is -10000 ms since the epoch"),
        ({"share": 0.0}, "share is 0.0, expected above 0, at most 1"),
        ({"share": float("nan")}, "share is nan"),
        ({"objective_ms": 0}, "objective is 0 ms, expected at least 1 ms"),
        ({"spans_per_second": -1.0}, "spans per second are -1.0, expected 0 to 1000000"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    """With what was found, and what was expected."""
    with pytest.raises(SettingsError, match=message):
        SimulationPlan(**changed)
