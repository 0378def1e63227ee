"""Readings of the resources each process uses, once a second, and of the machine's other load."""

from __future__ import annotations

import math
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
"""Order of the metrics of a recording's readings."""

METRIC_UNITS: tuple[str, ...] = (
    "percent of one core",
    "megabytes",
    "bytes per second",
    "bytes per second",
    "bytes per second",
    "bytes per second",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of every process and of the machine.

    Parameters
    ----------
    at_ms : int
        When, milliseconds since the epoch.
    processes : tuple of tuple of float
        Of each process: processor since the last reading, percent of a core (NaN if there was none); resident
        memory, bytes read and bytes written since it began.
    other_load_percent : float
        What neither the services nor the recorder used, percent of all cores; 0 in the first reading.
    """

    at_ms: int
    processes: tuple[tuple[float, int, int, int], ...]
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
        """Return the reading up to a time; None if no time has passed since the last.

        Parameters
        ----------
        at_ms : int
            Now, milliseconds since the epoch.

        Raises
        ------
        RecordingError
            If a process is gone.
        """
        former = self._former
        if former is not None and at_ms <= former.at_ms:
            return None
        try:
            counters = [_counters_of(process) for process in self._processes]
            memory_bytes = [int(process.memory_info().rss) for process in self._processes]
        except psutil.Error as error:
            raise RecordingError(f"a service cannot be read: {error}") from error
        now = _Former(at_ms, counters, _cpu_s(self._recorder), *_machine_s())
        self._former = now
        used_s = [math.nan] * len(counters)
        if former is not None:
            used_s = [after[0] - before[0] for before, after in zip(former.counters, counters, strict=True)]
        rows = tuple(
            (_percent(seconds, at_ms, former), held_bytes, read, written)
            for seconds, held_bytes, (_, read, written) in zip(used_s, memory_bytes, counters, strict=True)
        )
        other_percent = 0.0 if former is None else _other_percent(former, now, sum(used_s))
        return Reading(at_ms, rows, other_percent)


def _percent(used_s: float, at_ms: int, former: _Former | None) -> float:
    """Return the processor time used since the last reading, percent of a core."""
    return math.nan if former is None else round(100 * used_s / ((at_ms - former.at_ms) / 1000), 1)


def _other_percent(former: _Former, now: _Former, services_s: float) -> float:
    """Return what others used since the last reading, percent of all cores."""
    used_s = services_s + now.recorder_s - former.recorder_s
    other_s = max(0.0, now.busy_s - former.busy_s - used_s)
    return round(100 * other_s / max(now.all_s - former.all_s, 1e-3), 1)


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
