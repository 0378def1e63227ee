"""What goes wrong when: each episode draws who is befallen by what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.trace import TraceMetric
from pg_streaming_machine_learning.simulation.chance import Part, chance
from pg_streaming_machine_learning.simulation.fleet import HOSTS_OF_A_MACHINE, Fleet, Floats
from pg_streaming_machine_learning.simulation.happenings import NEVER_MS, WHOLE_FLEET, Happening, Sensor
from pg_streaming_machine_learning.simulation.model import Cause, host_states
from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.simulation.traffic import Traffic, Wave

__all__ = ["EpisodePlanner"]

_FAULTS: dict[Scenario, tuple[Cause, TraceMetric]] = {
    Scenario.PROCESSOR_CONTENTION: (Cause.TAKEN, TraceMetric.CPU),
    Scenario.MEMORY_LEAK: (Cause.LEAKED, TraceMetric.MEMORY),
    Scenario.DISK_STALL: (Cause.WRITTEN, TraceMetric.DISK_WRITE),
    Scenario.NETWORK_LIMIT: (Cause.SENT, TraceMetric.NETWORK_OUT),
    Scenario.NOISY_NEIGHBOUR: (Cause.STOLEN, TraceMetric.CPU),
}
_MOST = np.array([0.97, 0.97, 0.8, 4.0, 4.0])
"""Largest size of each cause."""

_MOST_BEFALLEN = 0.75
_TURNS = 3
_HALVINGS = 40
_MOST_MORE_LOAD = 20.0
_MOST_MORE_MEMORY = 0.22
_LONGEST_OFF_MS = 600_000
_LEAST_OFF_MS = 2_000


class EpisodePlanner:
    """Draws the happenings of each episode.

    Parameters
    ----------
    plan : SimulationPlan
        Which scenarios, how long, how many.
    fleet : Fleet
        The hosts.
    traffic : Traffic
        Gets the waves and the changes of pattern.

    Notes
    -----
    The first episode is quiet, apart from hosts that have yet to come. Of three episodes, the first has
    faults of single hosts and a new version; the second has faults and a change of traffic; the third a wave
    of load. If only one of faults and waves is asked for, it has every episode.

    A cause is as large as it takes for the noiseless latency to reach 2 to 4 times the objective at the
    load at the time of its full size; when the latency crosses the objective is left to the model.
    """

    def __init__(self, plan: SimulationPlan, fleet: Fleet, traffic: Traffic) -> None:
        self._plan = plan
        self._fleet = fleet
        self._traffic = traffic
        self._version_memory = np.zeros(plan.services)
        self._late: set[int] = set()

    def first(self) -> list[Happening]:
        """Return what holds from the very start: hosts that have yet to come."""
        plan = self._plan
        if Scenario.HOSTS_COME_AND_GO not in plan.scenarios or plan.hosts < HOSTS_OF_A_MACHINE:
            return []
        random = chance(plan.seed, Part.SCENARIOS, 0)
        chosen = random.permutation(plan.hosts)[: self._count()].tolist()
        self._late = set(chosen)
        happenings = []
        for host in chosen:
            end_ms = plan.start_ms + plan.episode_ms + self._stretch(random, 0.1, 0.5)
            times = (plan.start_ms, plan.start_ms, end_ms)
            happenings.append(Happening(Scenario.HOSTS_COME_AND_GO, host, None, *times))
        return happenings

    def next(self, episode: int, more_memory: Floats) -> list[Happening]:
        """Return the happenings of an episode.

        Parameters
        ----------
        episode : int
            Which, 1 for the first that is not quiet; call in order.
        more_memory : ndarray, shape (n_hosts,)
            What versions use at its start, as a share of the memory.
        """
        plan = self._plan
        random = chance(plan.seed, Part.SCENARIOS, episode)
        start_ms = plan.start_ms + episode * plan.episode_ms
        faults = [scenario for scenario in _FAULTS if scenario in plan.scenarios]
        turn = episode % _TURNS
        has_wave = Scenario.LOAD_WAVE in plan.scenarios and (turn == 0 or not faults)
        happenings: list[Happening] = []
        if Scenario.TRAFFIC_CHANGE in plan.scenarios and turn == 2:
            happenings.append(self._traffic_change(start_ms, random))
        free = [host for host in random.permutation(plan.hosts).tolist() if host not in self._late]
        self._late = set()
        if has_wave:
            happenings += self._wave(start_ms, more_memory, random)
            befallen = {happening.host for happening in happenings}
            free = [host for host in free if host not in befallen]
        least_free = 0 if plan.hosts < HOSTS_OF_A_MACHINE else math.ceil(plan.hosts * (1 - _MOST_BEFALLEN))
        kinds: list[tuple[Scenario, Callable[[Scenario, int, int, np.random.Generator], Happening]]] = []
        if not has_wave:
            kinds += [(scenario, self._fault) for scenario in faults]
        kinds += [
            (scenario, make)
            for scenario, make in (
                (Scenario.SENSORS_VANISH, self._vanished),
                (Scenario.CLOCKS_OFF, self._clock),
                (Scenario.HOSTS_COME_AND_GO, self._away),
            )
            if scenario in plan.scenarios
        ]
        first = (episode - 1) % len(kinds) if kinds else 0
        drawn: list[Happening] = []
        for scenario, make in kinds[first:] + kinds[:first]:
            for _ in range(self._count()):
                if len(free) <= least_free:
                    break
                hosts = self._take(free, scenario)
                one = make(scenario, hosts[0], start_ms, random)
                # A machine's neighbour is noisy for all its hosts at the same time.
                drawn += [replace(one, host=host) for host in hosts]
        happenings += self._sized(drawn, more_memory, random)
        if Scenario.NEW_VERSION in plan.scenarios and turn == 1:
            happenings += self._new_version(start_ms, random)
        return happenings

    def _count(self) -> int:
        return max(1, round(self._plan.hosts * self._plan.share))

    def _take(self, free: list[int], scenario: Scenario) -> list[int]:
        """Take a free host, or those of its machine if the neighbour is noisy."""
        host = free.pop()
        if scenario is not Scenario.NOISY_NEIGHBOUR:
            return [host]
        machine = host // HOSTS_OF_A_MACHINE
        beside = [other for other in free if other // HOSTS_OF_A_MACHINE == machine]
        for other in beside:
            free.remove(other)
        return [host, *beside]

    def _stretch(self, random: np.random.Generator, least: float, most: float) -> int:
        """Return a random share of an episode, in whole cycles, at least one, milliseconds."""
        cycles = self._plan.episode_ms // self._plan.every_ms
        return max(1, round(random.uniform(least, most) * cycles)) * self._plan.every_ms

    def _times(self, start_ms: int, random: np.random.Generator) -> tuple[int, int, int]:
        begin_ms = start_ms + self._stretch(random, 0.1, 0.25)
        full_ms = begin_ms + self._stretch(random, 0.2, 0.3)
        return begin_ms, full_ms, full_ms + self._stretch(random, 0.15, 0.25)

    def _fault(self, scenario: Scenario, host: int, start_ms: int, random: np.random.Generator) -> Happening:
        cause, metric = _FAULTS[scenario]
        times = self._times(start_ms, random)
        return Happening(scenario, host, metric, *times, unit="%", cause=cause)

    def _vanished(
        self, scenario: Scenario, host: int, start_ms: int, random: np.random.Generator
    ) -> Happening:
        begin_ms, _, end_ms = self._times(start_ms, random)
        sensor = Sensor(int(random.integers(len(Sensor))))
        return Happening(scenario, host, sensor.metric, begin_ms, begin_ms, end_ms, sensor=sensor)

    def _clock(self, scenario: Scenario, host: int, start_ms: int, random: np.random.Generator) -> Happening:
        begin_ms, _, end_ms = self._times(start_ms, random)
        size_ms = math.exp(random.uniform(math.log(_LEAST_OFF_MS), math.log(_LONGEST_OFF_MS)))
        ahead_ms = round(size_ms) if random.random() < 0.5 else -round(size_ms)
        return Happening(scenario, host, None, begin_ms, begin_ms, end_ms, amount=ahead_ms, unit="ms")

    def _away(self, scenario: Scenario, host: int, start_ms: int, random: np.random.Generator) -> Happening:
        begin_ms, _, end_ms = self._times(start_ms, random)
        return Happening(scenario, host, None, begin_ms, begin_ms, end_ms)

    def _traffic_change(self, start_ms: int, random: np.random.Generator) -> Happening:
        self._traffic.change(self._traffic.pattern.other(start_ms, random))
        return Happening(Scenario.TRAFFIC_CHANGE, WHOLE_FLEET, None, start_ms, start_ms, NEVER_MS)

    def _new_version(self, start_ms: int, random: np.random.Generator) -> list[Happening]:
        """Give hosts of a service another version, one after another; once memory is short, a thrifty one."""
        service = int(random.integers(self._plan.services))
        more = self._version_memory[service] + random.uniform(0.08, 0.14)
        self._version_memory[service] = more = 0.0 if more > _MOST_MORE_MEMORY else more
        begin_ms = start_ms + self._stretch(random, 0.1, 0.3)
        hosts = np.flatnonzero(self._fleet.service_of == service).tolist()
        cycles = max(1, self._plan.episode_ms // self._plan.every_ms // 2)
        happenings = []
        for number, host in enumerate(hosts):
            at_ms = begin_ms + number * cycles // len(hosts) * self._plan.every_ms
            times = (at_ms, at_ms, NEVER_MS)
            amount = round(100 * float(more), 3)
            happenings.append(
                Happening(Scenario.NEW_VERSION, host, TraceMetric.MEMORY, *times, amount=amount, unit="%")
            )
        return happenings

    def _target_ms(self, random: np.random.Generator, count: int) -> Floats:
        return np.asarray(self._plan.objective_ms * random.uniform(2, 4, count))

    def _sized(
        self, drawn: Iterable[Happening], more_memory: Floats, random: np.random.Generator
    ) -> list[Happening]:
        """Return happenings with the sizes of their causes."""
        drawn = list(drawn)
        caused = [(each.host, each.cause, each.full_ms) for each in drawn if each.cause is not None]
        if not caused:
            return drawn
        host = np.array([each[0] for each in caused], dtype=np.int64)
        cause = np.array([each[1] for each in caused], dtype=np.int64)
        load = np.ones(self._plan.hosts)
        for index, _, full_ms in caused:
            load[index] = self._traffic.load(full_ms)[self._fleet.service_of[index]]
        target_ms = self._target_ms(random, len(caused))
        least, most = np.zeros(len(caused)), _MOST[cause]
        causes = np.zeros((len(Cause), self._plan.hosts))
        for _ in range(_HALVINGS):
            causes[cause, host] = middle = (least + most) / 2
            latency_ms = host_states(self._fleet, load, causes, more_memory).latency_ms[host]
            least = np.where(latency_ms < target_ms, middle, least)
            most = np.where(latency_ms < target_ms, most, middle)
        sizes = iter(most.tolist())
        return [_with_amount(each, next(sizes)) if each.cause is not None else each for each in drawn]

    def _wave(self, start_ms: int, more_memory: Floats, random: np.random.Generator) -> list[Happening]:
        fleet, traffic = self._fleet, self._traffic
        entry = int(random.integers(fleet.reach.shape[1]))
        times = self._times(start_ms, random)
        target_ms = float(self._target_ms(random, 1)[0])
        at_entry = fleet.service_of == entry
        causes = np.zeros((len(Cause), self._plan.hosts))
        before = [
            wave for wave in traffic.waves if wave.end_ms + fleet.depth.max() * traffic.lag_ms > start_ms
        ]
        least, most = 0.0, _MOST_MORE_LOAD
        for _ in range(_HALVINGS):
            middle = (least + most) / 2
            traffic.waves = [*before, Wave(entry, *times, middle)]
            load = traffic.load(times[1])[fleet.service_of]
            states = host_states(fleet, load, causes, more_memory)
            is_enough = bool(np.median(states.latency_ms[at_entry]) >= target_ms)
            least, most = (least, middle) if is_enough else (middle, most)
        traffic.waves = [*before, Wave(entry, *times, most)]
        happenings = []
        for index in _reached(fleet, entry).tolist():
            late_ms = int(fleet.depth[fleet.service_of[index]]) * traffic.lag_ms
            begin_ms, full_ms, end_ms = times
            shifted = (begin_ms + late_ms, full_ms + late_ms, end_ms + late_ms)
            amount = round(100 * most, 3)
            happenings.append(
                Happening(Scenario.LOAD_WAVE, index, TraceMetric.CPU, *shifted, amount=amount, unit="%")
            )
        return happenings


def _reached(fleet: Fleet, entry: int) -> NDArray[np.int64]:
    """Return the hosts of the services that requests to an entry come to."""
    return np.flatnonzero(fleet.reach[fleet.service_of, entry] > 0)


def _with_amount(happening: Happening, size: float) -> Happening:
    return replace(happening, amount=round(100 * size, 3))
