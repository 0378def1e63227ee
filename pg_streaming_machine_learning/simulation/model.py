"""How latency follows from load and causes: a queue at each resource of a host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pg_streaming_machine_learning.simulation.fleet import Fleet, Floats

__all__ = ["KNEE", "Cause", "HostStates", "host_states", "queueing"]

VARIATION = 1.5
"""Squared coefficient of variation of service times."""

KNEE = 0.9
"""Utilisation from which on waiting grows with the tangent, as in a queue that gives up on requests."""

PRESSURE_FROM = 0.8
"""Share of the memory in use from which on pages are taken away and read again."""

_THRASHING = 8.0
_PAGING = 0.3
_LEAST_CAPACITY = 0.02


class Cause(IntEnum):
    """What may weigh on a host besides its load, each as a share of the whole resource."""

    TAKEN = 0
    STOLEN = 1
    LEAKED = 2
    WRITTEN = 3
    SENT = 4


@dataclass(frozen=True, eq=False)
class HostStates:
    """What hosts are like during a cycle; shape (n_hosts,) each.

    Parameters
    ----------
    work, capacity : ndarray
        Share of the processor that requests ask for, and that is left to them.
    disk, network : ndarray
        Offered utilisation; above 1 is more than the resource can do.
    memory, pressure : ndarray
        Share of the memory in use, 1 at most; 0 without pressure, 1 when memory is full.
    disk_queueing : ndarray
        How many times its service time a disk request takes.
    latency_ms : ndarray
        Median response time, milliseconds.
    """

    work: Floats
    capacity: Floats
    disk: Floats
    network: Floats
    memory: Floats
    pressure: Floats
    disk_queueing: Floats
    latency_ms: Floats


def queueing(utilisation: Floats) -> Floats:
    """Return how many times its service time a request takes, shape as given.

    Parameters
    ----------
    utilisation : ndarray
        Offered load of a resource, not negative; may exceed 1.

    Notes
    -----
    Mean response time of an M/G/1 queue over its mean service time, after Pollaczek and Khinchine:
    1 + (1 + c²)/2 · ρ/(1 − ρ), with c² = 1.5; above ρ = 0.9 the tangent there.

    References
    ----------
    Harchol-Balter, "Performance Modeling and Design of Computer Systems", 2013, chapter 23.

    Examples
    --------
    >>> queueing(np.array([0.0, 0.5, 0.9, 1.0])).round(2).tolist()
    [1.0, 2.25, 12.25, 24.75]
    """
    steady = np.minimum(utilisation, KNEE)
    waiting = steady / (1 - steady) + np.maximum(utilisation - KNEE, 0) / (1 - KNEE) ** 2
    return np.asarray(1 + (1 + VARIATION) / 2 * waiting)


def host_states(fleet: Fleet, load: Floats, causes: Floats, more_memory: Floats) -> HostStates:
    """Return what hosts are like under a load.

    Parameters
    ----------
    fleet : Fleet
        The hosts.
    load : ndarray, shape (n_hosts,)
        Requests over the host's usual, 1 is usual.
    causes : ndarray, shape (len(Cause), n_hosts)
        Size of each cause, 0 is none.
    more_memory : ndarray, shape (n_hosts,)
        Share of the memory that the present version uses beyond the first.
    """
    asked = fleet.memory + fleet.memory_of_load * load + more_memory + causes[Cause.LEAKED]
    pressure = np.maximum(asked - PRESSURE_FROM, 0) / (1 - PRESSURE_FROM)
    thrashing = 1 + _THRASHING * pressure**2
    capacity = np.maximum(1 - causes[Cause.TAKEN] - causes[Cause.STOLEN], _LEAST_CAPACITY)
    work = fleet.processor * load * thrashing
    disk = fleet.disk * load + _PAGING * pressure + causes[Cause.WRITTEN]
    network = fleet.network * load + causes[Cause.SENT]
    disk_queueing = queueing(disk)
    latency_ms = (
        fleet.processor_ms * thrashing / capacity * queueing(work / capacity)
        + fleet.disk_ms * disk_queueing
        + fleet.network_ms * queueing(network)
    )
    return HostStates(
        work, capacity, disk, network, np.minimum(asked, 1.0), pressure, disk_queueing, latency_ms
    )
