"""Readings of the resources each process uses, once a second, and of the machine's other load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

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
        self._at_ms = 0
        self._counters: list[tuple[float, int, int]] = []
        self._recorder_s = 0.0
        self._busy_s = 0.0
        self._all_s = 0.0

    def read(self, at_ms: int) -> Reading | None:
        """Return the reading up to a time; None for the first, which only sets the counters.

        Parameters
        ----------
        at_ms : int
            Now, milliseconds since the epoch.
        """
        counters = [self._counters_of(process) for process in self._processes]
        recorder_s = _cpu_s(self._recorder)
        busy_s, all_s = _machine_s()
        reading: Reading | None = None
        if self._counters and at_ms > self._at_ms:
            elapsed_s = (at_ms - self._at_ms) / 1000
            own_s = recorder_s - self._recorder_s
            rows: list[tuple[float, float, float, float]] = []
            for process, before, now in zip(
                self._processes, self._counters, counters, strict=True
            ):
                own_s += now[0] - before[0]
                rows.append(
                    (
                        round(100 * (now[0] - before[0]) / elapsed_s, 1),
                        round(process.memory_info().rss / _MEGABYTE, 2),
                        round((now[1] - before[1]) / elapsed_s),
                        round((now[2] - before[2]) / elapsed_s),
                    )
                )
            other_s = max(0.0, busy_s - self._busy_s - own_s)
            other = round(100 * other_s / max(all_s - self._all_s, 1e-3), 1)
            reading = Reading(at_ms, tuple(rows), other)
        self._at_ms, self._counters, self._recorder_s = at_ms, counters, recorder_s
        self._busy_s, self._all_s = busy_s, all_s
        return reading

    def _counters_of(self, process: psutil.Process) -> tuple[float, int, int]:
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
