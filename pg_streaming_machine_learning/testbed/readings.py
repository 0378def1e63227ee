"""Readings of the resources each process uses, once a second, and of the machine's other load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from pg_streaming_machine_learning.errors import RecordingError

METRICS: tuple[str, ...] = (
    "CPU",
    "MEMORY",
    "DISK_READ",
    "DISK_WRITE",
    "NETWORK_IN",
    "NETWORK_OUT",
)
"""Order of the metrics of a recording; the last two come from the services' own counts."""

METRIC_UNITS: tuple[str, ...] = (
    "percent of one core",
    "megabytes",
    "bytes per second",
    "bytes per second",
    "bytes per second",
    "bytes per second",
)

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of every process and of the machine.

    Parameters
    ----------
    at_ms : int
        When, milliseconds since the epoch.
    processes : tuple of tuple of float
        CPU, MEMORY, DISK_READ and DISK_WRITE of each process.
    other_load_percent : float
        What neither the services nor the recorder used, percent of all cores.
    """

    at_ms: int
    processes: tuple[tuple[float, float, float, float], ...]
    other_load_percent: float


class _Former(NamedTuple):
    """The counters at the last reading."""

    at_ms: int
    counters: list[tuple[float, int, int]]
    recorder_s: float
    busy_s: float
    all_s: float


class ResourceMeter:
    """Read what processes used since the last reading.

    Parameters
    ----------
    pids : sequence of int
        The services, in their order.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._recorder = psutil.Process()
        self._former: _Former | None = None

    def read(self, at_ms: int) -> Reading | None:
        """Return the reading up to a time; None for the first, which only sets the counters.

        Parameters
        ----------
        at_ms : int
            Now, milliseconds since the epoch.

        Raises
        ------
        RecordingError
            If a process is gone.
        """
        try:
            counters = [_counters_of(process) for process in self._processes]
            memory_bytes = [process.memory_info().rss for process in self._processes]
        except psutil.Error as error:
            raise RecordingError(f"a service cannot be read: {error}") from error
        recorder_s = _cpu_s(self._recorder)
        machine = _machine_s()
        former, self._former = self._former, _Former(at_ms, counters, recorder_s, *machine)
        if former is None or at_ms <= former.at_ms:
            return None
        elapsed_s = (at_ms - former.at_ms) / 1000
        rows: list[tuple[float, float, float, float]] = []
        used_s = recorder_s - former.recorder_s
        for before, now, held_bytes in zip(former.counters, counters, memory_bytes, strict=True):
            used_s += now[0] - before[0]
            cpu_percent = round(100 * (now[0] - before[0]) / elapsed_s, 1)
            read, written = (round((now[index] - before[index]) / elapsed_s) for index in (1, 2))
            rows.append((cpu_percent, round(held_bytes / _MEGABYTE, 2), read, written))
        other_s = max(0.0, machine[0] - former.busy_s - used_s)
        other_percent = round(100 * other_s / max(machine[1] - former.all_s, 1e-3), 1)
        return Reading(at_ms, tuple(rows), other_percent)


def _counters_of(process: psutil.Process) -> tuple[float, int, int]:
    """Return seconds of processor, bytes read and bytes written since the process began."""
    # Not every system tells a process's disk bytes; they then read 0.
    if not hasattr(process, "io_counters"):
        return _cpu_s(process), 0, 0
    moved = process.io_counters()
    return _cpu_s(process), int(moved.read_bytes), int(moved.write_bytes)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _machine_s() -> tuple[float, float]:
    """Return the seconds all cores were busy and existed."""
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    # On Linux the time of guests is within that of users: it must not count twice.
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    all_s = sum(times) - guests_s
    return float(all_s - idle_s), float(all_s)
