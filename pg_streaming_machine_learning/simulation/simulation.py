"""The simulation: a fleet, cycle by cycle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.chance import Part, chance
from pg_streaming_machine_learning.simulation.fleet import Floats, make_fleet
from pg_streaming_machine_learning.simulation.happenings import Happening, Happenings
from pg_streaming_machine_learning.simulation.lines import LineWriter
from pg_streaming_machine_learning.simulation.model import host_states
from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.simulation.scenarios import EpisodePlanner
from pg_streaming_machine_learning.simulation.sensors import Sensors
from pg_streaming_machine_learning.simulation.spans import SpanWriter
from pg_streaming_machine_learning.simulation.traffic import LAG_MS, Pattern, Traffic
from pg_streaming_machine_learning.simulation.truth import Truth, TruthRow

__all__ = ["Cycle", "Simulation"]

_MEMORY_OF_NOISE_MS = 60_000
_NOISE_OF_HOST = 0.05
_NOISE_OF_SERVICE = 0.03
_LEAST_LIVE = 0.75


@dataclass(frozen=True, eq=False)
class Cycle:
    """What a fleet sends at the end of a cycle.

    Parameters
    ----------
    at_ms : int
        End of the cycle by a right clock, milliseconds since the epoch.
    lines : list of (str, list of str)
        Name of each host that is there, and its lines, each with a newline at its end.
    spans : list of list of str
        Spans of each host that has any, as JSON.
    truth : list of TruthRow
        What is over.
    latency_ms : ndarray, shape (n_hosts,)
        Noiseless latency, milliseconds.
    """

    at_ms: int
    lines: list[tuple[str, list[str]]]
    spans: list[list[str]]
    truth: list[TruthRow]
    latency_ms: Floats


class Simulation:
    """A fleet with known truth; the same plan gives the same cycles.

    Parameters
    ----------
    plan : SimulationPlan
        What is asked for.

    Notes
    -----
    Neither a clock nor a network is used. A shorter run gives the first cycles of a longer one.

    Examples
    --------
    >>> simulation = Simulation(SimulationPlan(hosts=1, services=1, scenarios=()))
    >>> cycle = simulation.step()
    >>> cycle.at_ms - simulation.plan.start_ms, [host for host, _ in cycle.lines]
    (10000, ['10.0.0.1'])
    >>> len(cycle.lines[0][1])
    6
    """

    def __init__(self, plan: SimulationPlan) -> None:
        self.plan = plan
        self.fleet = fleet = make_fleet(plan)
        self.at_ms = plan.start_ms
        random = chance(plan.seed, Part.FLEET, 1)
        lag_ms = max(1, round(LAG_MS / plan.every_ms)) * plan.every_ms
        self._traffic = Traffic(fleet, Pattern.draw(0, fleet.reach.shape[1], random), lag_ms)
        self._planner = EpisodePlanner(plan, fleet, self._traffic)
        self._truth = Truth(fleet.hosts, plan.every_ms)
        self._sensors = Sensors(fleet, plan.every_ms, random)
        self._line_writer = LineWriter(fleet)
        self._span_writer = SpanWriter(
            fleet, plan.spans_per_second, plan.every_ms, plan.objective_ms, plan.named_hosts
        )
        self._more_memory = np.zeros(plan.hosts)
        self._was_away = np.zeros(plan.hosts, dtype=np.bool_)
        self._hosts_of = np.bincount(fleet.service_of, minlength=plan.services)
        self._host_noise = random.standard_normal(plan.hosts)
        self._service_noise = random.standard_normal(plan.services)
        self._happenings: list[Happening] = []
        self._number = 0
        self._expect(self._planner.first())

    def cycles(self, count: int | None = None) -> Iterator[Cycle]:
        """Yield so many cycles, or cycles for ever, and go on where the last call stopped."""
        while count is None or count > 0:
            yield self.step()
            count = None if count is None else count - 1

    def step(self) -> Cycle:
        """Go through one cycle."""
        plan, fleet = self.plan, self.fleet
        self._begin_episode()
        self.at_ms = at_ms = self.at_ms + plan.every_ms
        holds = self._holds
        holds.update_memory(at_ms, self._more_memory)
        away, causes = holds.away(at_ms), holds.causes(at_ms)
        usual = self._load(at_ms, away)
        quiet = host_states(fleet, usual, causes, self._more_memory)
        load = usual * self._noise()
        states = host_states(fleet, load, causes, self._more_memory)
        readings = self._sensors.read(
            fleet, load, states, causes, self._was_away & ~away, chance(plan.seed, Part.SENSORS, self._number)
        )
        self._was_away = away
        times_ms = at_ms + holds.clocks_ms(at_ms)
        random = chance(plan.seed, Part.SPANS, self._number)
        cycle = Cycle(
            at_ms=at_ms,
            lines=self._line_writer.lines(readings, times_ms, ~away, holds.missing(at_ms)),
            spans=self._span_writer.spans(load, states.latency_ms, times_ms, ~away, random),
            truth=self._truth.see(at_ms, quiet.latency_ms > plan.objective_ms),
            latency_ms=quiet.latency_ms,
        )
        self._number += 1
        return cycle

    def rest_of_truth(self) -> list[TruthRow]:
        """Return what has begun and is not over now; call it once, at the end."""
        return self._truth.rest(self.at_ms)

    def _begin_episode(self) -> None:
        episode, within = divmod(self._number, self.plan.episode_ms // self.plan.every_ms)
        if within == 0 and episode > 0:
            self._happenings = [each for each in self._happenings if each.end_ms > self.at_ms]
            # A version stays in `_more_memory` once its host runs it.
            self._happenings = [
                each
                for each in self._happenings
                if each.scenario is not Scenario.NEW_VERSION or each.start_ms >= self.at_ms
            ]
            self._expect(self._planner.next(episode, self._more_memory))

    def _expect(self, happenings: list[Happening]) -> None:
        self._happenings += [each for each in happenings if each.scenario is not Scenario.TRAFFIC_CHANGE]
        self._holds = Happenings(self._happenings, self.plan.hosts)
        self._truth.add(happenings)

    def _load(self, at_ms: int, away: NDArray[np.bool_]) -> Floats:
        """Return each host's load without noise: those that are there share what those away leave.

        A service takes on a third more at most; what is beyond, it turns away.
        """
        service_of = self.fleet.service_of
        live = self._hosts_of - np.bincount(service_of[away], minlength=self.plan.services)
        each = self._hosts_of / np.maximum(live, _LEAST_LIVE * self._hosts_of)
        return np.asarray((self._traffic.load(at_ms) * each)[service_of])

    def _noise(self) -> Floats:
        """Return the factor of each host's load: noise of hosts and services, remembered for a minute."""
        random = chance(self.plan.seed, Part.LOAD, self._number)
        kept = math.exp(-self.plan.every_ms / _MEMORY_OF_NOISE_MS)
        new = math.sqrt(1 - kept**2)
        self._host_noise = kept * self._host_noise + new * random.standard_normal(self.plan.hosts)
        self._service_noise = kept * self._service_noise + new * random.standard_normal(self.plan.services)
        by_service = _NOISE_OF_SERVICE * self._service_noise[self.fleet.service_of]
        return np.asarray(np.exp(_NOISE_OF_HOST * self._host_noise + by_service))
