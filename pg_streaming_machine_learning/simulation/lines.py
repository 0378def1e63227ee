"""Readings as Telegraf writes them: Influx line protocol."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.fleet import Fleet
from pg_streaming_machine_learning.simulation.happenings import Sensor
from pg_streaming_machine_learning.simulation.sensors import MEMORY_BYTES, Readings

__all__ = ["LineWriter"]

_DISK = "reads={}i,writes={}i,read_bytes={}i,write_bytes={}i,read_time={}i,write_time={}i"
_NET = "bytes_sent={}i,bytes_recv={}i,packets_sent={}i,packets_recv={}i"


class LineWriter:
    """Writes the lines of a fleet.

    Parameters
    ----------
    fleet : Fleet
        The hosts; their names need no escapes.

    Notes
    -----
    Line protocol as Telegraf's serializer has it: tags in order of their names, integers with `i`, time in
    nanoseconds, and a newline at the end of each line.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._hosts = fleet.hosts

    def lines(
        self,
        readings: Readings,
        times_ms: NDArray[np.int64],
        there: NDArray[np.bool_],
        missing: NDArray[np.bool_],
    ) -> list[tuple[str, list[str]]]:
        """Return name and lines of each host that is there, in the order of the hosts.

        Parameters
        ----------
        readings : Readings
            Of all hosts.
        times_ms : ndarray of int64, shape (n_hosts,)
            What each host's clock says, milliseconds since the epoch.
        there : ndarray of bool, shape (n_hosts,)
            Hosts that write at all.
        missing : ndarray of bool, shape (len(Sensor), n_hosts)
            Sensors that do not.
        """
        chosen = np.flatnonzero(there)
        ends = [f" {time_ms}000000\n" for time_ms in times_ms[chosen].tolist()]
        tags = [f"host={self._hosts[number]}" for number in chosen.tolist()]
        hosts = [self._hosts[number] for number in chosen.tolist()]
        by_kind = [
            _cpu(readings, chosen, tags, ends),
            _mem(readings, chosen, tags, ends),
            *_counted(readings, chosen, tags, ends),
        ]
        written = [(host, list(lines)) for host, lines in zip(hosts, zip(*by_kind, strict=True), strict=True)]
        silent = missing[:, chosen]
        for number in np.flatnonzero(silent.any(axis=0)).tolist():
            host, lines = written[number]
            spoken = [
                line for line, sensor in zip(lines, _SENSORS, strict=True) if not silent[sensor, number]
            ]
            written[number] = (host, spoken)
        return written


_SENSORS = (Sensor.CPU, Sensor.MEM, Sensor.DISKIO, Sensor.DISKIO, Sensor.NET, Sensor.NET)


def _cpu(readings: Readings, chosen: NDArray[np.int64], tags: list[str], ends: list[str]) -> Iterator[str]:
    user, system, idle, waiting, stolen = readings.processor_percent[:, chosen].tolist()
    for tag, end, a, b, c, d, e in zip(tags, ends, user, system, idle, waiting, stolen, strict=True):
        yield (
            f"cpu,cpu=cpu-total,{tag} usage_user={a:.7g},usage_system={b:.7g},usage_idle={c:.7g},"
            f"usage_iowait={d:.7g},usage_steal={e:.7g}{end}"
        )


def _mem(readings: Readings, chosen: NDArray[np.int64], tags: list[str], ends: list[str]) -> Iterator[str]:
    for tag, end, used in zip(tags, ends, readings.memory_bytes[chosen].tolist(), strict=True):
        yield (
            f"mem,{tag} used_percent={100 * used / MEMORY_BYTES:.7g},used={used}i,"
            f"available={MEMORY_BYTES - used}i,total={MEMORY_BYTES}i{end}"
        )


def _counted(
    readings: Readings, chosen: NDArray[np.int64], tags: list[str], ends: list[str]
) -> list[Iterator[str]]:
    """Return the lines of both disks and both interfaces."""
    counters = readings.counters[:, chosen].tolist()
    return [
        _device("diskio", "name=sda", _DISK, counters[0:6], tags, ends),
        _device("diskio", "name=sda1", _DISK, counters[6:12], tags, ends),
        _device("net", "interface=eth0", _NET, counters[12:16], tags, ends),
        # What is sent through the loopback interface is received there.
        _device("net", "interface=lo", _NET, [*counters[16:17] * 2, *counters[17:18] * 2], tags, ends),
    ]


def _device(
    measurement: str, device: str, fields: str, counters: list[list[int]], tags: list[str], ends: list[str]
) -> Iterator[str]:
    template = f"{measurement},{{}},{device} {fields}{{}}".format
    return map(template, tags, *counters, ends)
