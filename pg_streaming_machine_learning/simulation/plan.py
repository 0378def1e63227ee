"""What is asked of a simulation, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from pg_streaming_machine_learning.errors import SettingsError

__all__ = ["DEFAULT_START_MS", "Scenario", "SimulationPlan", "parse_scenarios", "parse_time_ms"]

DEFAULT_START_MS = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday."""

MOST_HOSTS = 1_000_000
LEAST_CYCLES_OF_AN_EPISODE = 30
_LAST_MS = 253_402_300_799_999  # the year 9999 ends
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII)


class Scenario(Enum):
    """What can go wrong, or only change."""

    PROCESSOR_CONTENTION = "processor-contention"
    MEMORY_LEAK = "memory-leak"
    DISK_STALL = "disk-stall"
    NETWORK_LIMIT = "network-limit"
    NOISY_NEIGHBOUR = "noisy-neighbour"
    LOAD_WAVE = "load-wave"
    NEW_VERSION = "new-version"
    TRAFFIC_CHANGE = "traffic-change"
    SENSORS_VANISH = "sensors-vanish"
    CLOCKS_OFF = "clocks-off"
    HOSTS_COME_AND_GO = "hosts-come-and-go"


def parse_time_ms(text: str, name: str) -> int:
    """Return a length of time with its unit in milliseconds.

    Parameters
    ----------
    text : str
        The length.
    name : str
        What it is called where it was given, for the error.

    Raises
    ------
    SettingsError
        If it is no number with a unit, or no whole number of milliseconds above 0.

    Examples
    --------
    >>> parse_time_ms("2h", "--duration"), parse_time_ms("1.5s", "--every"), parse_time_ms("800ms", "--every")
    (7200000, 1500, 800)
    """
    found = _TIME.fullmatch(text)
    expected = f"a number with its unit ({', '.join(_UNITS_MS)}), such as 90s or 2h"
    if found is None or found[2] not in _UNITS_MS:
        raise SettingsError(f"{name} is {text!r}, expected {expected}")
    length_ms = float(found[1]) * _UNITS_MS[found[2]]
    if not 1 <= length_ms <= _LAST_MS or not length_ms.is_integer():
        raise SettingsError(f"{name} is {text!r}, expected at least 1ms, in whole milliseconds")
    return int(length_ms)


def parse_scenarios(text: str) -> tuple[Scenario, ...]:
    """Return the scenarios named in a list with commas; `all` and `none` are lists, too.

    Raises
    ------
    SettingsError
        If a name is unknown, or the list is empty.

    Examples
    --------
    >>> [scenario.value for scenario in parse_scenarios("memory-leak, clocks-off")]
    ['memory-leak', 'clocks-off']
    >>> parse_scenarios("none")
    ()
    """
    names = [name.strip() for name in text.split(",")]
    if names == ["all"]:
        return tuple(Scenario)
    if names == ["none"]:
        return ()
    known = {scenario.value: scenario for scenario in Scenario}
    for name in names:
        if name not in known:
            raise SettingsError(f"scenario is {name!r}, expected all, none, or some of {', '.join(known)}")
    return tuple(scenario for scenario in Scenario if scenario.value in names)


@dataclass(frozen=True)
class SimulationPlan:
    """What a simulation is going to be: the same plan makes the same bytes.

    Parameters
    ----------
    seed : int
        Of everything random, 0 <= seed < 2**64.
    hosts, services : int
        How many; hosts are dealt to services in turns.
    scenarios : tuple of Scenario
        What happens besides the usual.
    start_ms : int
        When the first cycle begins, milliseconds since the epoch, a multiple of the cycle.
    every_ms : int
        Length of a cycle, milliseconds: each host is read once at its end.
    episode_ms : int
        Length of an episode, milliseconds, at least 30 cycles. The first is quiet; in each further one every
        scenario whose turn it is begins and ends.
    share : float
        Of the hosts that a scenario befalls in an episode, at least one, 0 < share <= 1.
    objective_ms : int
        What is slow, milliseconds: service times are drawn in proportion to it.
    spans_per_second : float
        Spans of a host in a second at its usual load, not negative.
    named_hosts : bool
        Whether hosts are called `cart-2` instead of by their address.

    Raises
    ------
    SettingsError
        If a value is not possible.
    """

    seed: int = 1
    hosts: int = 20
    services: int = 5
    scenarios: tuple[Scenario, ...] = tuple(Scenario)
    start_ms: int = DEFAULT_START_MS
    every_ms: int = 10_000
    episode_ms: int = 1_200_000
    share: float = 0.02
    objective_ms: int = 1_000
    spans_per_second: float = 1.0
    named_hosts: bool = False

    def __post_init__(self) -> None:
        for right, found, expected in (
            (0 <= self.seed < 2**64, f"seed is {self.seed}", "0 or more, below 2**64"),
            (1 <= self.hosts <= MOST_HOSTS, f"hosts are {self.hosts}", f"1 to {MOST_HOSTS}"),
            (
                1 <= self.services <= self.hosts,
                f"services are {self.services}",
                f"1 to as many as there are hosts, {self.hosts}",
            ),
            (self.every_ms >= 1, f"cycle is {self.every_ms} ms", "at least 1 ms"),
            (
                self.episode_ms >= LEAST_CYCLES_OF_AN_EPISODE * self.every_ms
                and self.episode_ms % max(self.every_ms, 1) == 0,
                f"episode is {self.episode_ms} ms",
                f"a multiple of the cycle, {self.every_ms} ms, at least {LEAST_CYCLES_OF_AN_EPISODE} of them",
            ),
            (
                self.start_ms >= 0 and self.start_ms % max(self.every_ms, 1) == 0,
                f"start is {self.start_ms} ms since the epoch",
                f"a multiple of the cycle, {self.every_ms} ms, not before the epoch",
            ),
            (0 < self.share <= 1, f"share is {self.share}", "above 0, at most 1"),
            (self.objective_ms >= 1, f"objective is {self.objective_ms} ms", "at least 1 ms"),
            (
                0 <= self.spans_per_second <= 1_000_000,
                f"spans per second are {self.spans_per_second}",
                "0 to 1000000",
            ),
        ):
            if not right:
                raise SettingsError(f"simulation's {found}, expected {expected}")
