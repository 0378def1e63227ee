"""The load: when customers come, and what they ask for; an open loop, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.testbed.shop import MIX


@dataclass(frozen=True, slots=True)
class LoadShape:
    """How many customers come over time.

    Parameters
    ----------
    rate_per_s : float
        Mean requests per second, before bursts.
    wave_share, wave_s : float
        Height of the daily wave as a share of the mean, and its period, seconds.
    burst_factor : float
        The rate in a burst over that outside.
    burst_s, burst_gap_s : tuple of float
        Shortest and longest burst, and time between bursts, seconds.
    """

    rate_per_s: float = 48.0
    wave_share: float = 0.3
    wave_s: float = 240.0
    burst_factor: float = 1.5
    burst_s: tuple[float, float] = (4.0, 10.0)
    burst_gap_s: tuple[float, float] = (30.0, 90.0)

    def wave(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the requests per second at given times, without bursts."""
        phase = 2 * np.pi * times_s / self.wave_s
        return np.asarray(self.rate_per_s * (1 + self.wave_share * np.sin(phase)))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests of customers.

    Parameters
    ----------
    times_s : ndarray, shape (n_requests,)
        When each is sent, seconds since the start of the load, ascending.
    kinds : ndarray of int, shape (n_requests,)
        What each asks for, as an index into `shop.MIX`.
    """

    times_s: NDArray[np.float64]
    kinds: NDArray[np.int64]


def plan_bursts(seed: int, seconds: float, shape: LoadShape) -> NDArray[np.float64]:
    """Return the bursts of a load, shape (n_bursts, 2): start and end, seconds, ascending."""
    generator = np.random.default_rng([seed, 1])
    bursts: list[tuple[float, float]] = []
    start_s = float(generator.uniform(*shape.burst_gap_s))
    while start_s < seconds:
        end_s = start_s + float(generator.uniform(*shape.burst_s))
        bursts.append((start_s, end_s))
        start_s = end_s + float(generator.uniform(*shape.burst_gap_s))
    return np.array(bursts, dtype=np.float64).reshape(-1, 2)


def rate_at(
    times_s: NDArray[np.float64], bursts: NDArray[np.float64], shape: LoadShape
) -> NDArray[np.float64]:
    """Return the requests per second at given times, bursts included."""
    started = np.searchsorted(bursts[:, 0], times_s, side="right")
    ended = np.searchsorted(bursts[:, 1], times_s, side="right")
    return np.asarray(shape.wave(times_s) * np.where(started > ended, shape.burst_factor, 1.0))


def plan_arrivals(seed: int, seconds: float, shape: LoadShape | None = None) -> Arrivals:
    """Draw the requests of a load: a Poisson process whose rate follows wave and bursts.

    Parameters
    ----------
    seed : int
        Equal seeds give equal requests.
    seconds : float
        Length of the load.
    shape : LoadShape, optional
        How the rate moves; None takes the usual one.

    Notes
    -----
    Drawn by thinning: candidates at the highest rate, kept with the probability that the rate
    at their time is of it (Lewis and Shedler, 1979).
    """
    shape = shape if shape is not None else LoadShape()
    generator = np.random.default_rng([seed, 2])
    highest = shape.rate_per_s * (1 + abs(shape.wave_share)) * max(1.0, shape.burst_factor)
    candidates = np.sort(generator.uniform(0.0, seconds, generator.poisson(highest * seconds)))
    rates = rate_at(candidates, plan_bursts(seed, seconds, shape), shape)
    times_s = candidates[generator.uniform(0.0, highest, len(candidates)) < rates]
    shares = np.array([share for _, share in MIX])
    kinds = generator.choice(len(MIX), size=len(times_s), p=shares / shares.sum())
    return Arrivals(times_s=times_s, kinds=np.asarray(kinds, dtype=np.int64))
