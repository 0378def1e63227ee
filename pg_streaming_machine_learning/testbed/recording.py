"""A recording of the testbed: its arrays, and the files they are kept in without loss."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.request_columns import pack_requests, unpack_requests

FORMAT = 1
"""Version of the files."""

META_FILE = "meta.json"
TRUTH_FILE = "truth.csv"
READINGS_FILE = "readings.csv.gz"
REQUESTS_FILE = "requests.npz.xz"

_TRUTH_COLUMNS = ("fault", "metric", "service", "ramp_start_ms", "full_ms", "end_ms")
_DAMAGE = (OSError, KeyError, IndexError, TypeError, ValueError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run of the testbed left.

    Parameters
    ----------
    services, metrics : tuple of str
        Names, in the order of the arrays' columns.
    readings_ms : ndarray of int64, shape (n_readings,)
        Times of the readings, milliseconds since the epoch, ascending, about one a second.
    readings : ndarray of float64, shape (n_readings, n_services, n_metrics)
        What each service used over the second before; units are in `readings.METRIC_UNITS`.
    other_load_percent : ndarray of float64, shape (n_readings,)
        What the machine did besides the testbed, percent of all cores.
    request_services : ndarray of uint8, shape (n_requests,)
        Service of each request, an index into `services`.
    request_done_ms : ndarray of int64, shape (n_requests,)
        When it was answered, milliseconds since the epoch, ascending.
    request_us : ndarray of int64, shape (n_requests,)
        Its response time since the caller sent it, microseconds.
    faults : tuple of Fault
        The truth; offsets count from `start_ms`.
    start_ms, fault_free_until_ms : int
        Start, and when the first fault may begin, milliseconds since the epoch.
    seed : int
        Seed of the fault plan, the load and the work.
    meta : dict
        Anything else that JSON can hold, such as the length asked for and the requests that failed.
    """

    services: tuple[str, ...]
    metrics: tuple[str, ...]
    readings_ms: NDArray[np.int64]
    readings: NDArray[np.float64]
    other_load_percent: NDArray[np.float64]
    request_services: NDArray[np.uint8]
    request_done_ms: NDArray[np.int64]
    request_us: NDArray[np.int64]
    faults: tuple[Fault, ...]
    start_ms: int
    fault_free_until_ms: int
    seed: int
    meta: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the recording into a directory, which is made if it is missing.

        Parameters
        ----------
        path : Path
            The directory; files of an earlier recording in it are overwritten.

        Raises
        ------
        RecordingError
            If times of requests do not ascend, or a number does not fit into 32 bits.
        """
        requests = pack_requests(self.request_services, self.request_done_ms, self.request_us)
        path.mkdir(parents=True, exist_ok=True)
        (path / REQUESTS_FILE).write_bytes(requests)
        (path / READINGS_FILE).write_bytes(gzip.compress(self._readings_table().encode(), mtime=0))
        (path / TRUTH_FILE).write_text(self._truth(), encoding="utf-8")
        (path / META_FILE).write_text(json.dumps(self._meta(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a recording from its directory.

        Raises
        ------
        RecordingError
            If a file is missing or damaged, or of a format that this version does not read.
        """
        try:
            return cls._load(path)
        except _DAMAGE as error:
            raise RecordingError(
                f"recording {str(path)!r} cannot be read: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def _load(cls, path: Path) -> Recording:
        meta = json.loads((path / META_FILE).read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise RecordingError(f"recording has format {meta['format']!r}, expected {FORMAT!r}")
        services, metrics = tuple(meta["services"]), tuple(meta["metrics"])
        rows = _read_table(gzip.decompress((path / READINGS_FILE).read_bytes()).decode())
        values = np.array([[float(cell) for cell in row[1:]] for row in rows], dtype=np.float64)
        values = values.reshape(len(rows), 1 + len(services) * len(metrics))
        request_services, done_ms, request_us = unpack_requests((path / REQUESTS_FILE).read_bytes())
        return cls(
            services=services,
            metrics=metrics,
            readings_ms=np.array([int(row[0]) for row in rows], dtype=np.int64),
            readings=values[:, 1:].reshape(len(rows), len(services), len(metrics)),
            other_load_percent=values[:, 0].copy(),
            request_services=request_services,
            request_done_ms=done_ms,
            request_us=request_us,
            faults=_read_truth((path / TRUTH_FILE).read_text(encoding="utf-8"), meta["start_ms"]),
            start_ms=meta["start_ms"],
            fault_free_until_ms=meta["fault_free_until_ms"],
            seed=meta["seed"],
            meta=meta["meta"],
        )

    def _meta(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "services": self.services,
            "metrics": self.metrics,
            "start_ms": self.start_ms,
            "fault_free_until_ms": self.fault_free_until_ms,
            "seed": self.seed,
            "meta": self.meta,
        }

    def _truth(self) -> str:
        lines = [",".join(_TRUTH_COLUMNS)]
        for fault in self.faults:
            times = (fault.ramp_start_ms, fault.full_ms, fault.end_ms)
            cells = (fault.kind.value, fault.blamed_metric, fault.service)
            lines.append(",".join((*cells, *(str(self.start_ms + time_ms) for time_ms in times))))
        return "\n".join(lines) + "\n"

    def _readings_table(self) -> str:
        names = [f"{service}.{metric}" for service in self.services for metric in self.metrics]
        lines = [",".join(("timestamp_ms", "other_load_percent", *names))]
        flat = self.readings.reshape(len(self.readings), len(names))
        for at_ms, other, row in zip(self.readings_ms, self.other_load_percent, flat, strict=True):
            lines.append(",".join((str(int(at_ms)), _cell(other), *map(_cell, row))))
        return "\n".join(lines) + "\n"


def _cell(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(float(value)).removesuffix(".0")


def _read_table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))[1:]


def _read_truth(text: str, start_ms: int) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            kind=FaultKind(row["fault"]),
            service=row["service"],
            ramp_start_ms=int(row["ramp_start_ms"]) - start_ms,
            full_ms=int(row["full_ms"]) - start_ms,
            end_ms=int(row["end_ms"]) - start_ms,
        )
        for row in csv.DictReader(io.StringIO(text))
    )
