"""Real windows from the data set nezha-online-boutique: 10 pods, two days, 56 injected faults.

It is found by the environment variable PG_DATA_DIR (default ``../shared/data`` beside the checkout), and not
part of this repository. Windows of 600 s every 300 s; label 1 if any minute's response time is above twice
the host's median of the first day. `load` gives the windows, `minutes` what they are made of.
"""

from __future__ import annotations

import csv
import gzip
import math
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.summary import summarize
from tests.logs import TOPIC, merged
from tests.oracle import FinalWindow

WINDOWS = HoppingWindows(size_ms=600_000, hop_ms=300_000)
OBJECTIVE = Objective(share=1.0, factor=2.0)
DAYS = ("2022-08-22", "2022-08-23")
LATENCY = "PodServerLatencyP90(s)"
METRICS = {
    ("CPU", "UTILIZATION", "PERCENT"): "CpuUsageRate(%)",
    ("DISK_READ", "THROUGHPUT", "COUNT"): "SyscallRead",
    ("DISK_WRITE", "THROUGHPUT", "COUNT"): "SyscallWrite",
    ("MEMORY", "UTILIZATION", "PERCENT"): "MemoryUsageRate(%)",
    ("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"): "NetworkReceiveBytes",
    ("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"): "NetworkTransmitBytes",
}


@dataclass(frozen=True)
class RecordedWindow:
    """A host's window with the readings that lie in it.

    Parameters
    ----------
    host, start_ms, end_ms
        Which window.
    readings : dict
        Symbols of metric, measure and unit to readings, in order of time.
    latencies_ms : tuple of float
        Response time of each minute that has one, in order of time.
    threshold_ms : float
        From which on the host is too slow.
    """

    host: str
    start_ms: int
    end_ms: int
    readings: dict[tuple[str, str, str], tuple[float, ...]]
    latencies_ms: tuple[float, ...]
    threshold_ms: float

    def revision(self, n: int) -> FinalWindow:
        """Return the window as it stands after its first n minutes."""
        metrics = {symbols: summarize(values[:n]) for symbols, values in self.readings.items()}
        label = OBJECTIVE.label(self.latencies_ms[:n], self.threshold_ms)
        return FinalWindow(self.host, self.start_ms, self.end_ms, metrics, label)

    @property
    def revisions(self) -> int:
        """Number of revisions there are."""
        return max(map(len, self.readings.values()))

    @property
    def final(self) -> FinalWindow:
        """The last revision."""
        return self.revision(self.revisions)


@dataclass(frozen=True)
class RecordedMinute:
    """What is known of a host at one time.

    Parameters
    ----------
    host, service : str
        The pod, and the service it is one of.
    timestamp_ms : int
        When it was read.
    readings : dict
        Symbols of metric, measure and unit to the reading, where there is one.
    latency_us : int or None
        Response time in this minute, microseconds.
    """

    host: str
    service: str
    timestamp_ms: int
    readings: dict[tuple[str, str, str], float]
    latency_us: int | None


def data_folder(name: str) -> Path:
    """Return the folder of a data set, or skip the test."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("PG_DATA_DIR", beside)) / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in PG_DATA_DIR, {folder.parent}")
    return folder


def load(days: tuple[str, ...] = DAYS) -> list[RecordedWindow]:
    """Return all windows, by start, then by host; skip the test if the data set is not there."""
    folder = data_folder("nezha-online-boutique")
    rows = {day: list(_rows(folder / f"metrics-{day}.csv.gz")) for day in DAYS}
    thresholds = _thresholds(rows[DAYS[0]])
    found: dict[tuple[int, str], list[dict[str, str]]] = defaultdict(list)
    for day in days:
        for row in rows[day]:
            for window in WINDOWS.holding(int(row["timestamp_ms"])):
                found[window.start_ms, row["PodName"]].append(row)
    return [
        RecordedWindow(
            host,
            start_ms,
            start_ms + WINDOWS.size_ms,
            {symbols: _values(minutes, column) for symbols, column in METRICS.items()},
            _latencies_ms(minutes),
            thresholds[_service(host)],
        )
        for (start_ms, host), minutes in sorted(found.items())
    ]


def minutes(days: tuple[str, ...] = DAYS) -> list[RecordedMinute]:
    """Return all that was read, by time, then by host; skip the test if the data set is not there."""
    folder = data_folder("nezha-online-boutique")
    return [_minute(row) for day in days for row in _rows(folder / f"metrics-{day}.csv.gz")]


def _minute(row: dict[str, str]) -> RecordedMinute:
    readings = {symbols: _values([row], column) for symbols, column in METRICS.items()}
    latencies_ms = _latencies_ms([row])
    return RecordedMinute(
        row["PodName"],
        _service(row["PodName"]),
        int(row["timestamp_ms"]),
        {symbols: values[0] for symbols, values in readings.items() if values},
        round(1000 * latencies_ms[0]) if latencies_ms else None,
    )


def thresholds_ms() -> dict[str, float]:
    """Return from which response time on a service is too slow, milliseconds."""
    folder = data_folder("nezha-online-boutique")
    return _thresholds(list(_rows(folder / f"metrics-{DAYS[0]}.csv.gz")))


def log_of(windows: list[RecordedWindow], order: random.Random) -> list[SingleRecord]:
    """Return a log of all revisions of recorded windows, the metrics spread over three partitions."""
    partitions: list[list[SingleRecord]] = [
        [ProgressMark(InputPartition(TOPIC, number), 3, None, False, 0)] for number in range(3)
    ]
    for window in windows:
        for n in range(1, window.revisions + 1):
            revision = window.revision(n)
            for index, (symbols, statistics) in enumerate(revision.metrics.items()):
                number = index % 3
                place = SourcePlace(TOPIC, number, len(partitions[number]))
                partitions[number].append(
                    WindowUpdate(
                        place, window.host, Metric(*symbols), window.start_ms, statistics, revision.label
                    )
                )
        for number, records in enumerate(partitions):
            records.append(ProgressMark(InputPartition(TOPIC, number), 3, window.start_ms, False, 0))
    last_ms = windows[-1].start_ms
    for number, records in enumerate(partitions):
        records.append(ProgressMark(InputPartition(TOPIC, number), 3, last_ms, True, 0))
    return merged(partitions, order)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _thresholds(rows: list[dict[str, str]]) -> dict[str, float]:
    """Return the threshold of each service, milliseconds."""
    usual: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        usual[_service(row["PodName"])] += _latencies_ms([row])
    return {service: OBJECTIVE.threshold_ms(values) for service, values in usual.items()}


def _service(host: str) -> str:
    """Return the service of a pod: its name goes ``<service>-<replica set>-<pod>``."""
    return host.rsplit("-", 2)[0]


def _values(rows: list[dict[str, str]], column: str) -> tuple[float, ...]:
    return tuple(value for row in rows if not math.isnan(value := float(row[column])))


def _latencies_ms(rows: list[dict[str, str]]) -> tuple[float, ...]:
    return tuple(1000 * value for value in _values(rows, LATENCY))
