"""What Telegraf would read of hosts: percentages, and counters that only grow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.fleet import Fleet, Floats
from pg_streaming_machine_learning.simulation.model import Cause, HostStates

__all__ = ["LINK_BYTES_PER_SECOND", "MEMORY_BYTES", "Counter", "Readings", "Sensors"]

MEMORY_BYTES = 16 * 2**30
"""Memory of a host."""

DISK_BYTES_PER_SECOND = 200_000_000
LINK_BYTES_PER_SECOND = 125_000_000
"""A link of one gigabit."""

_READ_SHARE = 0.4
_BYTES_OF_A_REQUEST = 65_536
_MS_OF_A_REQUEST = 0.3
_PARTITION_SHARE = 0.98
_RECEIVED_SHARE = 0.35
_BYTES_OF_A_PACKET = 1_100
_LOOPBACK_BYTES_PER_SECOND = 2_500
_SYSTEM_SHARE = 0.15
_WAITING_PERCENT = 1.5
_UP_S = 86_400 * 9


class Counter(IntEnum):
    """Ever-growing counters, as Telegraf names their fields; the order of the rows of `Readings.counters`."""

    SDA_READS = 0
    SDA_WRITES = 1
    SDA_READ_BYTES = 2
    SDA_WRITE_BYTES = 3
    SDA_READ_TIME = 4
    SDA_WRITE_TIME = 5
    SDA1_READS = 6
    SDA1_WRITES = 7
    SDA1_READ_BYTES = 8
    SDA1_WRITE_BYTES = 9
    SDA1_READ_TIME = 10
    SDA1_WRITE_TIME = 11
    ETH0_BYTES_SENT = 12
    ETH0_BYTES_RECV = 13
    ETH0_PACKETS_SENT = 14
    ETH0_PACKETS_RECV = 15
    LO_BYTES = 16
    LO_PACKETS = 17


@dataclass(frozen=True, eq=False)
class Readings:
    """What sensors say at the end of a cycle.

    Parameters
    ----------
    processor_percent : ndarray, shape (5, n_hosts)
        user, system, idle, waiting for the disk, stolen; together 100.
    memory_bytes : ndarray of int64, shape (n_hosts,)
        In use.
    counters : ndarray of int64, shape (len(Counter), n_hosts)
        Counts since the host started.
    """

    processor_percent: Floats
    memory_bytes: NDArray[np.int64]
    counters: NDArray[np.int64]


class Sensors:
    """Reads hosts, cycle by cycle, and remembers their counters.

    Parameters
    ----------
    fleet : Fleet
        The hosts.
    every_ms : int
        Length of a cycle, milliseconds.
    random : numpy.random.Generator
        For how long each host has been up at the start.
    """

    def __init__(self, fleet: Fleet, every_ms: int, random: np.random.Generator) -> None:
        self._every_s = every_ms / 1000
        hosts = len(fleet.hosts)
        up_s = random.uniform(0.1, 1, hosts) * _UP_S
        disk, link = fleet.disk * DISK_BYTES_PER_SECOND, fleet.network * LINK_BYTES_PER_SECOND
        rates = _rates(
            disk * _READ_SHARE, disk * (1 - _READ_SHARE), np.ones(hosts), link, link, np.ones(hosts)
        )
        self._counters = np.rint(rates * up_s).astype(np.int64)

    def read(
        self,
        fleet: Fleet,
        load: Floats,
        states: HostStates,
        causes: Floats,
        restarted: NDArray[np.bool_],
        random: np.random.Generator,
    ) -> Readings:
        """Return the readings of a cycle.

        Parameters
        ----------
        fleet : Fleet
            The hosts.
        load : ndarray, shape (n_hosts,)
            Requests over the usual.
        states : HostStates
            What the hosts were like.
        causes : ndarray, shape (len(Cause), n_hosts)
            What weighed on them.
        restarted : ndarray of bool, shape (n_hosts,)
            Hosts whose counters begin again at 0.
        random : numpy.random.Generator
            Noise of this cycle.
        """
        noise = random.standard_normal((8, len(load)))
        self._counters[:, restarted] = 0
        disk_scale = DISK_BYTES_PER_SECOND / np.maximum(states.disk, 1)
        own = fleet.disk * load
        paged = np.maximum(states.disk - own - causes[Cause.WRITTEN], 0)
        link_scale = LINK_BYTES_PER_SECOND / np.maximum(states.network, 1)
        rates = _rates(
            (own * _READ_SHARE + paged) * disk_scale * np.exp(0.05 * noise[0]),
            (own * (1 - _READ_SHARE) + causes[Cause.WRITTEN]) * disk_scale * np.exp(0.05 * noise[1]),
            states.disk_queueing,
            np.minimum(states.network * link_scale * np.exp(0.03 * noise[2]), LINK_BYTES_PER_SECOND),
            fleet.network * load * LINK_BYTES_PER_SECOND * np.exp(0.03 * noise[3]),
            load,
        )
        self._counters += np.rint(rates * self._every_s).astype(np.int64)
        percent = _processor_percent(states, causes, noise)
        used = np.clip(states.memory + 0.004 * noise[7], 0.01, 0.995)
        return Readings(percent, np.rint(used * MEMORY_BYTES).astype(np.int64), self._counters)


def _rates(
    read: Floats, written: Floats, queueing: Floats, sent: Floats, asked: Floats, load: Floats
) -> Floats:
    """Return counts a second, in the order of `Counter`, from bytes a second."""
    reads, writes = read / _BYTES_OF_A_REQUEST, written / _BYTES_OF_A_REQUEST
    took_ms = _MS_OF_A_REQUEST * queueing
    disk = [reads, writes, read, written, reads * took_ms, writes * took_ms]
    received = asked * _RECEIVED_SHARE
    loopback = _LOOPBACK_BYTES_PER_SECOND * load
    return np.stack(
        [
            *disk,
            *(_PARTITION_SHARE * each for each in disk),
            sent,
            received,
            sent / _BYTES_OF_A_PACKET,
            received / _BYTES_OF_A_PACKET,
            loopback,
            loopback / _BYTES_OF_A_PACKET,
        ]
    )


def _processor_percent(states: HostStates, causes: Floats, noise: Floats) -> Floats:
    own = np.minimum(states.work, states.capacity)
    busy = 100 * (own + causes[Cause.TAKEN]) + 0.6 * noise[4]
    stolen = 100 * causes[Cause.STOLEN] + np.where(causes[Cause.STOLEN] > 0, 0.3 * noise[5], 0.0)
    waiting = _WAITING_PERCENT * np.minimum(states.disk, 1) * np.exp(0.2 * noise[6])
    parts = np.stack([busy * (1 - _SYSTEM_SHARE), busy * _SYSTEM_SHARE, waiting, stolen])
    parts = np.maximum(parts, 0.0)
    parts *= np.minimum(1, 100 / np.maximum(parts.sum(axis=0), 1e-9))
    idle = np.maximum(100 - parts.sum(axis=0), 0.0)
    return np.stack([parts[0], parts[1], idle, parts[2], parts[3]])
