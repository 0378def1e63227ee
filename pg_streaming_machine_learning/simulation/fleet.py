"""The hosts there are, the services they run, and who calls whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.chance import Part, chance
from pg_streaming_machine_learning.simulation.plan import SimulationPlan

__all__ = ["HOSTS_OF_A_MACHINE", "Fleet", "Floats", "make_fleet"]

Floats = NDArray[np.float64]

HOSTS_OF_A_MACHINE = 4
"""Hosts with consecutive numbers that share a machine, and so a noisy neighbour."""

_NAMES = (
    "front", "cart", "checkout", "payment", "catalog", "recommend", "shipping", "currency", "email", "ads",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Fleet:
    """What does not change from cycle to cycle.

    Parameters
    ----------
    hosts, addresses, services : tuple of str
        Name and IPv4 address of each host, name of each service.
    service_of : ndarray of int64, shape (n_hosts,)
        Service of each host.
    reach : ndarray, shape (n_services, n_entries)
        Requests that one request to an entry makes at a service, over all ways of the call graph; the first
        services are the entries.
    depth : ndarray of int64, shape (n_services,)
        Calls from the nearest entry.
    processor_ms, disk_ms, network_ms : ndarray, shape (n_hosts,)
        Service time of a request at each resource, milliseconds.
    processor, disk, network : ndarray, shape (n_hosts,)
        Utilisation of each resource at load 1.
    memory, memory_of_load : ndarray, shape (n_hosts,)
        Share of the memory in use without load, and by load 1.
    """

    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    services: tuple[str, ...]
    service_of: NDArray[np.int64]
    reach: Floats
    depth: NDArray[np.int64]
    processor_ms: Floats
    disk_ms: Floats
    network_ms: Floats
    processor: Floats
    disk: Floats
    network: Floats
    memory: Floats
    memory_of_load: Floats


def make_fleet(plan: SimulationPlan) -> Fleet:
    """Draw a fleet from the plan's seed.

    Examples
    --------
    >>> fleet = make_fleet(SimulationPlan(hosts=4, services=2))
    >>> fleet.hosts, fleet.services
    (('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'), ('front', 'cart'))
    """
    random = chance(plan.seed, Part.FLEET)
    services = tuple(_service_name(number) for number in range(plan.services))
    addresses = tuple(_address(number) for number in range(plan.hosts))
    names = tuple(
        f"{services[number % plan.services]}-{number // plan.services + 1}" for number in range(plan.hosts)
    )
    reach, depth = _call_graph(plan.services, random)
    service_of = np.arange(plan.hosts, dtype=np.int64) % plan.services

    def by_service(least: float, most: float) -> Floats:
        own = random.uniform(0.95, 1.05, plan.hosts)
        return np.asarray(random.uniform(least, most, plan.services)[service_of] * own)

    service_ms = plan.objective_ms * by_service(0.05, 0.09)
    return Fleet(
        hosts=names if plan.named_hosts else addresses,
        addresses=addresses,
        services=services,
        service_of=service_of,
        reach=reach,
        depth=depth,
        processor_ms=0.5 * service_ms,
        disk_ms=0.25 * service_ms,
        network_ms=0.25 * service_ms,
        processor=by_service(0.25, 0.4),
        disk=by_service(0.08, 0.16),
        network=by_service(0.05, 0.12),
        memory=by_service(0.35, 0.45),
        memory_of_load=by_service(0.03, 0.06),
    )


def _service_name(number: int) -> str:
    turn, place = divmod(number, len(_NAMES))
    return _NAMES[place] + (str(turn + 1) if turn else "")


def _address(number: int) -> str:
    """Return the address of a host within 10.0.0.0/8, without those that end with 0 or 255."""
    upper, low = divmod(number, 254)
    return f"10.{upper >> 8}.{upper & 255}.{low + 1}"


def _call_graph(services: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Return reach and depth: the first third are entries, each other service has one or two callers."""
    entries = -(-services // 3)
    reach = np.zeros((services, entries))
    reach[:entries] = np.eye(entries)
    depth = np.zeros(services, dtype=np.int64)
    for service in range(entries, services):
        callers = random.choice(service, size=min(service, int(random.integers(1, 3))), replace=False)
        for caller in callers:
            reach[service] += random.uniform(0.4, 1.2) * reach[caller]
        depth[service] = 1 + min(depth[caller] for caller in callers)
    return reach, depth
