"""The same plan gives the same bytes; the truth is what lines and spans show."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import pairwise
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.simulation.simulation import Simulation
from pg_streaming_machine_learning.simulation.truth import TruthRow
from tests.simulation.readers import Seen, see, text_of

EPISODE_MS = 1_200_000
CYCLES = EPISODE_MS // 10_000
SLOW = [
    Scenario.PROCESSOR_CONTENTION,
    Scenario.MEMORY_LEAK,
    Scenario.DISK_STALL,
    Scenario.NETWORK_LIMIT,
    Scenario.NOISY_NEIGHBOUR,
    Scenario.LOAD_WAVE,
]


@pytest.fixture(scope="module")
def everything() -> Seen:
    """Return four episodes of a fleet that everything befalls."""
    return see(SimulationPlan(hosts=24, services=6, seed=3, spans_per_second=3), 4 * CYCLES)


def digest(plan: SimulationPlan, cycles: int) -> str:
    """Return the hash of a run."""
    return hashlib.sha256(text_of(Simulation(plan).cycles(cycles)).encode()).hexdigest()


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    """Nothing but the plan decides."""
    plan = SimulationPlan(hosts=12, every_ms=10_000, episode_ms=300_000)
    assert digest(plan, 90) == digest(plan, 90)
    assert digest(plan, 90) != digest(SimulationPlan(hosts=12, seed=2, episode_ms=300_000), 90)


@given(pieces=st.lists(st.integers(0, 40), min_size=1, max_size=5))
@settings(max_examples=10, deadline=None)
def test_a_run_in_pieces_is_the_run_in_one(pieces: list[int]) -> None:
    """However many cycles are asked for at a time; a shorter run is the beginning of a longer one."""
    plan = SimulationPlan(hosts=9, services=3, episode_ms=300_000)
    simulation = Simulation(plan)
    parts = [cycle for count in pieces for cycle in simulation.cycles(count)]
    longer = list(Simulation(plan).cycles(sum(pieces) + 7))
    assert text_of(parts) == text_of(longer[: len(parts)])


@pytest.mark.parametrize("scenario", list(Scenario), ids=lambda scenario: scenario.value)
def test_every_scenario_alone_yields_its_truth(scenario: Scenario) -> None:
    """And no other."""
    seen = see(SimulationPlan(hosts=8, services=2, scenarios=(scenario,), spans_per_second=0), 4 * CYCLES)
    assert {row.scenario for row in seen.truth} == {scenario.value}
    if scenario in SLOW:
        assert any(row.slow_from_ms is not None for row in seen.truth)
    else:
        assert all(row.slow_from_ms is None and row.slow_until_ms is None for row in seen.truth)


def test_all_scenarios_together_yield_their_truth(everything: Seen) -> None:
    """Within four episodes each has had its turn."""
    assert {row.scenario for row in everything.truth} == {scenario.value for scenario in Scenario}


def test_without_scenarios_nothing_is_wrong() -> None:
    """No truth, no slow host, all hosts always there."""
    seen = see(SimulationPlan(hosts=30, services=4, scenarios=(), spans_per_second=0), 1_000)
    assert seen.truth == []
    assert max(float(cycle.latency_ms.max()) for cycle in seen.cycles) < 400
    assert {sum(len(lines) for _, lines in cycle.lines) for cycle in seen.cycles} == {180}


@pytest.mark.parametrize("seed", range(3))
def test_only_what_truth_says_is_slow(seed: int) -> None:
    """The noiseless latency is above the objective exactly in the times of the truth, host by host."""
    plan = SimulationPlan(hosts=40, seed=seed, spans_per_second=0)
    seen = see(plan, 7 * CYCLES)
    hosts = Simulation(plan).fleet.hosts
    told = {
        (row.host, at_ms)
        for row in seen.truth
        if row.slow_from_ms is not None and row.slow_until_ms is not None
        for at_ms in range(row.slow_from_ms + 10_000, row.slow_until_ms + 1, 10_000)
    }
    slow = {
        (hosts[index], cycle.at_ms)
        for cycle in seen.cycles
        for index in np.flatnonzero(cycle.latency_ms > plan.objective_ms).tolist()
    }
    assert slow == told


def caused(seen: Seen) -> list[TruthRow]:
    """Return the truth of hosts that became slow."""
    return [row for row in seen.truth if row.slow_from_ms is not None]


def test_slow_hosts_are_slow_by_their_spans_and_were_not_before(everything: Seen) -> None:
    """The median is above the objective between the times of the truth, and far below it before the ramp."""
    rows = caused(everything)
    assert {row.scenario for row in rows} == {scenario.value for scenario in SLOW}
    for row in rows:
        assert row.slow_from_ms is not None
        assert row.slow_until_ms is not None
        slow_ms = everything.median_ms(row.host, row.slow_from_ms, row.slow_until_ms)
        before_ms = everything.median_ms(row.host, row.ramp_start_ms - 120_000, row.ramp_start_ms)
        assert slow_ms > everything.plan.objective_ms, row
        assert before_ms < 0.4 * everything.plan.objective_ms, row


def test_the_cause_shows_before_the_slowdown(everything: Seen) -> None:
    """The blamed metric leaves its usual range while the host is still fast enough."""
    for row in caused(everything):
        assert row.slow_from_ms is not None
        usual = everything.values(row.host, row.metric, row.ramp_start_ms - 180_000, row.ramp_start_ms)
        ramp = everything.values(row.host, row.metric, row.slow_from_ms - 40_000, row.slow_from_ms)
        assert abs(mean(ramp) - mean(usual)) > 3 * stdev(usual), row
        assert row.slow_from_ms - row.ramp_start_ms >= 60_000, row


def test_a_noisy_neighbour_steals_from_all_hosts_of_a_machine_at_once() -> None:
    """And it shows as stolen time, not as their own."""
    plan = SimulationPlan(hosts=16, services=4, scenarios=(Scenario.NOISY_NEIGHBOUR,))
    seen = see(plan, 2 * CYCLES)
    rows = seen.of("noisy-neighbour")
    assert len(rows) == 4
    assert len({(row.ramp_start_ms, row.full_ms, row.end_ms) for row in rows}) == 1
    machines = {(int(row.host.rpartition(".")[2]) - 1) // 4 for row in rows}
    assert len(machines) == 1
    for row in rows:
        assert row.full_ms is not None
        stolen = [
            point.fields["usage_steal"]
            for point in seen.points[row.host]
            if point.measurement == "cpu" and row.full_ms < point.at_ms <= (row.end_ms or 0)
        ]
        assert mean(stolen) == pytest.approx(row.amount, abs=1)


def test_a_wave_comes_later_to_services_further_down() -> None:
    """A call graph passes it on, with a delay a call."""
    plan = SimulationPlan(hosts=16, services=8, scenarios=(Scenario.LOAD_WAVE,))
    simulation = Simulation(plan)
    depths = {
        host: int(simulation.fleet.depth[service])
        for host, service in zip(simulation.fleet.hosts, simulation.fleet.service_of, strict=True)
    }
    rows = [row for cycle in simulation.cycles(2 * CYCLES) for row in cycle.truth]
    starts = {depths[row.host]: row.ramp_start_ms for row in rows}
    assert len(starts) >= 2
    first = starts[0]
    assert {depth: start - first for depth, start in starts.items()} == {d: 30_000 * d for d in starts}


def test_counters_only_grow_but_for_hosts_that_came_back(everything: Seen) -> None:
    """A restart is the only fall, when the truth says the host was away."""
    back = {(row.host, row.end_ms) for row in everything.of("hosts-come-and-go")}
    falls = set()
    for host, points in everything.points.items():
        by_device = defaultdict(list)
        for point in points:
            if point.measurement in ("diskio", "net"):
                by_device[point.measurement, point.device].append(point)
        for series in by_device.values():
            for earlier, later in pairwise(series):
                if any(later.fields[name] < value for name, value in earlier.fields.items()):
                    falls.add((host, earlier.at_ms, later.at_ms))
    assert falls
    for host, _, later_ms in falls:
        assert (host, later_ms - 10_000) in back


def test_hosts_that_are_away_send_nothing(everything: Seen) -> None:
    """Neither lines nor spans, between the times of the truth."""
    rows = everything.of("hosts-come-and-go")
    assert any(row.ramp_start_ms == everything.plan.start_ms for row in rows)
    assert any(row.ramp_start_ms > everything.plan.start_ms for row in rows)
    for row in rows:
        end_ms = row.end_ms or everything.cycles[-1].at_ms
        times = {point.at_ms for point in everything.points[row.host]}
        assert not [at_ms for at_ms in times if row.ramp_start_ms < at_ms <= end_ms]
        assert not [at for at, _ in everything.spans[row.host] if row.ramp_start_ms <= at < end_ms]


def test_sensors_that_vanish_are_silent_and_come_back(everything: Seen) -> None:
    """Only the sensor that the truth names."""
    rows = everything.of("sensors-vanish")
    assert rows
    measurements = {"CPU": "cpu", "MEMORY": "mem", "DISK_WRITE": "diskio", "NETWORK_OUT": "net"}
    for row in rows:
        assert row.end_ms is not None
        during = {
            point.measurement
            for point in everything.points[row.host]
            if row.ramp_start_ms < point.at_ms <= row.end_ms
        }
        after = {
            point.measurement
            for point in everything.points[row.host]
            if row.end_ms < point.at_ms <= row.end_ms + 10_000
        }
        assert during == set(measurements.values()) - {measurements[row.metric]}
        assert after == set(measurements.values())


def test_clocks_are_off_by_what_the_truth_says(everything: Seen) -> None:
    """In lines as in spans."""
    rows = everything.of("clocks-off")
    assert rows
    for row in rows:
        assert row.end_ms is not None
        assert row.unit == "ms"
        assert 2_000 <= abs(row.amount) <= 600_000
        right = range(row.ramp_start_ms + 10_000, row.end_ms + 1, 10_000)
        by_time = {cycle.at_ms: cycle for cycle in everything.cycles}
        for at_ms in right:
            lines = dict(by_time[at_ms].lines)[row.host]
            assert {int(line.split(" ")[2]) // 1_000_000 for line in lines} == {at_ms + row.amount}


def test_spans_begin_within_their_cycle() -> None:
    """Their times fit the readings that were taken at its end."""
    seen = see(SimulationPlan(hosts=3, services=1, scenarios=(), spans_per_second=50), 3)
    start_ms = seen.plan.start_ms
    for spans in seen.spans.values():
        assert len(spans) > 3 * 100
        assert all(start_ms <= at_ms < start_ms + 30_000 for at_ms, _ in spans)
    assert max(len(spans) for cycle in seen.cycles for spans in cycle.spans) == 200


def test_a_new_version_uses_more_memory() -> None:
    """By what the truth says, for good, and no slower."""
    plan = SimulationPlan(hosts=8, services=2, scenarios=(Scenario.NEW_VERSION,), spans_per_second=0)
    seen = see(plan, 2 * CYCLES)
    rows = seen.of("new-version")
    assert len(rows) == 4
    for row in rows:
        before = seen.values(row.host, "MEMORY", row.ramp_start_ms - 60_000, row.ramp_start_ms)
        after = seen.values(row.host, "MEMORY", row.ramp_start_ms, row.ramp_start_ms + 60_000)
        assert mean(after) - mean(before) == pytest.approx(row.amount, abs=1.5)
        assert (row.end_ms, row.slow_from_ms) == (None, None)


def test_the_end_of_a_run_tells_what_is_not_over() -> None:
    """What had not begun is left out, what had not ended has no end."""
    simulation = Simulation(SimulationPlan(hosts=8, services=2, scenarios=(Scenario.MEMORY_LEAK,)))
    cycles = 0
    while not simulation.rest_of_truth():
        simulation.step()
        cycles += 1
    assert CYCLES < cycles < 2 * CYCLES
    seen = see(simulation.plan, cycles)
    assert [(row.scenario, row.full_ms, row.end_ms) for row in seen.truth] == [("memory-leak", None, None)]


def test_the_objective_sets_how_fast_services_are() -> None:
    """The same faults show at any objective."""
    tenth = SimulationPlan(hosts=8, services=2, objective_ms=100, scenarios=(Scenario.DISK_STALL,))
    whole = SimulationPlan(hosts=8, services=2, objective_ms=1_000, scenarios=(Scenario.DISK_STALL,))
    truth = [[row.line() for row in see(plan, 2 * CYCLES).truth] for plan in (tenth, whole)]
    assert truth[0] == truth[1]
    assert len(truth[0]) == 1
