"""Latency follows from load and causes as the equations of docs/simulate.md say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.simulation.chance import Part, chance
from pg_streaming_machine_learning.simulation.fleet import make_fleet
from pg_streaming_machine_learning.simulation.model import KNEE, Cause, host_states, queueing
from pg_streaming_machine_learning.simulation.plan import SimulationPlan
from pg_streaming_machine_learning.simulation.traffic import Pattern, Traffic, Wave

FLEET = make_fleet(SimulationPlan(hosts=12, services=6))


@given(st.floats(0, KNEE))
def test_waiting_is_that_of_pollaczek_and_khinchine(utilisation: float) -> None:
    """Up to the knee."""
    expected = 1 + (1 + 1.5) / 2 * utilisation / (1 - utilisation)
    assert queueing(np.array([utilisation]))[0] == pytest.approx(expected, rel=1e-12)


def test_beyond_the_knee_waiting_goes_on_with_its_tangent() -> None:
    """Neither a jump nor a kink, and no pole at 1."""
    step = 1e-6
    at = queueing(np.array([KNEE - step, KNEE, KNEE + step, 1.0, 2.0]))
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], rel=1e-4)
    assert (at[4] - at[3]) / 1.0 == pytest.approx((at[2] - at[1]) / step, rel=1e-4)


@given(cause=st.sampled_from(list(Cause)), size=st.floats(0, 0.9), more=st.floats(0.001, 0.05))
def test_more_of_a_cause_is_never_faster(cause: Cause, size: float, more: float) -> None:
    """So that the size for a latency can be found by halving."""
    none = np.zeros(12)
    latencies = []
    for each in (size, size + more):
        causes = np.zeros((len(Cause), 12))
        causes[cause] = each
        latencies.append(host_states(FLEET, np.ones(12), causes, none).latency_ms)
    assert (latencies[1] >= latencies[0]).all()


def test_memory_slows_nothing_until_it_is_short() -> None:
    """From four fifths on, the processor and the disk have more to do."""
    causes = np.zeros((len(Cause), 12))
    usual = host_states(FLEET, np.ones(12), causes, np.zeros(12))
    plenty = host_states(FLEET, np.ones(12), causes, 0.78 - usual.memory)
    short = host_states(FLEET, np.ones(12), causes, 0.95 - usual.memory)
    assert (plenty.latency_ms == usual.latency_ms).all()
    assert (short.work > 2 * usual.work).all()
    assert (short.disk > usual.disk).all()


def test_the_call_graph_reaches_every_service() -> None:
    """An entry reaches itself; each other service has a caller before it."""
    for seed in range(20):
        fleet = make_fleet(SimulationPlan(hosts=30, services=15, seed=seed))
        assert fleet.reach.shape == (15, 5)
        assert (fleet.reach[:5] == np.eye(5)).all()
        assert (fleet.reach.sum(axis=1) > 0).all()
        assert (fleet.depth[:5] == 0).all()
        assert (fleet.depth[5:] >= 1).all()


def test_addresses_are_those_of_hosts_and_all_different() -> None:
    """Within 10.0.0.0/8; names are different, too."""
    fleet = make_fleet(SimulationPlan(hosts=70_000, services=23, named_hosts=True))
    assert len(set(fleet.addresses)) == len(set(fleet.hosts)) == 70_000
    assert (fleet.addresses[253], fleet.addresses[254]) == ("10.0.0.254", "10.0.1.1")
    assert fleet.addresses[69_999] == "10.1.19.150"
    assert {fleet.hosts[0], fleet.hosts[10], fleet.hosts[23]} == {"front-1", "front2-1", "front-2"}


def test_a_day_goes_up_and_down() -> None:
    """The load of every service has its wave, around 1."""
    traffic = Traffic(FLEET, Pattern.draw(0, 2, chance(1, Part.FLEET)))
    loads = np.array([traffic.load(hour * 3_600_000) for hour in range(24)])
    assert ((loads.max(axis=0) - loads.min(axis=0)) > 0.1).all()
    assert (loads.mean(axis=0) > 0.8).all()
    assert (loads.mean(axis=0) < 1.2).all()
    assert traffic.load(0) == pytest.approx(traffic.load(86_400_000))


def test_a_wave_of_load_goes_down_the_call_graph() -> None:
    """It comes to each service that the entry reaches, later the deeper, and ends."""
    pattern = Pattern(0, np.ones(2), np.zeros(2), np.zeros(2))
    traffic = Traffic(FLEET, pattern, lag_ms=30_000)
    traffic.waves = [Wave(0, 100_000, 200_000, 400_000, 2.0)]
    share = FLEET.reach[:, 0] / FLEET.reach.sum(axis=1)
    full = traffic.load(390_000)
    assert full == pytest.approx(1 + 2 * share)
    half = np.array(
        [traffic.load(150_000 + 30_000 * depth)[s] for s, depth in enumerate(FLEET.depth.tolist())]
    )
    assert half == pytest.approx(1 + share)
    assert traffic.load(100_000) == pytest.approx(np.ones(6))
    assert traffic.load(700_000) == pytest.approx(np.ones(6))
