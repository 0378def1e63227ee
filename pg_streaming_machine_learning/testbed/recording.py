"""A recording of the testbed: what gives back its messages, and the files that is kept in without loss."""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.lines import COUNTERS, FIELDS, line_messages, number_text
from pg_streaming_machine_learning.testbed.messages import SPANS_TOPIC, Message, checksum, digest
from pg_streaming_machine_learning.testbed.readings import METRICS
from pg_streaming_machine_learning.testbed.span_columns import SpanColumns, pack_spans, unpack_spans
from pg_streaming_machine_learning.testbed.span_text import spans_text

FORMAT = 2
"""Version of the files."""

META_FILE = "meta.json"
TRUTH_FILE = "truth.csv"
READINGS_FILE = "readings.csv.gz"
SPANS_FILE = "spans.npz.xz"

_TRUTH_COLUMNS = ("fault", "metric", "service", "ramp_start_ms", "full_ms", "end_ms")
_DAMAGE = (OSError, KeyError, IndexError, TypeError, ValueError, EOFError, lzma.LZMAError, zlib.error)
_MEGABYTE = 1_000_000


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run of the testbed left.

    Parameters
    ----------
    services : tuple of str
        Names, in the order of the arrays' columns.
    rows_ms : ndarray of int64, shape (n_rows,)
        When the hosts were read, milliseconds since the epoch, ascending, about one a second; the first at
        the start.
    rows : ndarray of float64, shape (n_rows, n_services, n_fields)
        What each agent wrote, `lines.FIELDS`; NaN is a field it did not know.
    other_load_percent : ndarray of float64, shape (n_rows,)
        What the machine did besides the testbed, percent of all cores.
    spans : SpanColumns
        The spans, in the messages they were sent in.
    faults : tuple of Fault
        The truth; offsets count from `start_ms`.
    start_ms, fault_free_until_ms : int
        Start, and when the first fault may begin, milliseconds since the epoch.
    seed : int
        Seed of the fault plan, the load, the work, and the ids of spans.
    meta : dict
        Anything else that JSON can hold, such as the length asked for and the requests that failed.
    checksum : str
        Of all messages as they were sent (`messages.checksum`); empty if it is not known.
    """

    services: tuple[str, ...]
    rows_ms: NDArray[np.int64]
    rows: NDArray[np.float64]
    other_load_percent: NDArray[np.float64]
    spans: SpanColumns
    faults: tuple[Fault, ...]
    start_ms: int
    fault_free_until_ms: int
    seed: int
    meta: dict[str, Any] = field(default_factory=dict)
    checksum: str = ""

    def messages(self, until_ms: int | None = None) -> Iterator[Message]:
        """Yield the messages of both topics, byte for byte as they were sent, by their timestamps.

        Parameters
        ----------
        until_ms : int, optional
            Only those before; None yields all.

        Notes
        -----
        They are made one by one: all of an hour would take 200 MB. At the same time, lines come first.
        """
        for message in heapq.merge(self._lines(), self._spans(), key=lambda each: each.timestamp_ms):
            if until_ms is not None and message.timestamp_ms >= until_ms:
                return
            yield message

    def checksum_of_messages(self) -> str:
        """Return the checksum of the messages that this gives back."""
        return checksum(
            (each.topic, each.key, each.timestamp_ms, digest(each.value)) for each in self.messages()
        )

    def _lines(self) -> Iterator[Message]:
        for at_ms, row in zip(self.rows_ms.tolist(), self.rows, strict=True):
            yield from line_messages(self.services, at_ms, row.tolist())

    def _spans(self) -> Iterator[Message]:
        for service, sent_ms, spans in self.spans.messages():
            value = spans_text(self.seed, self.services[service], spans.tolist())
            yield Message(SPANS_TOPIC, None, value.encode(), sent_ms, service)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names of the metrics of `readings`."""
        return METRICS

    @property
    def readings_ms(self) -> NDArray[np.int64]:
        """Return the times of `readings`: those of all rows but the first."""
        return self.rows_ms[1:]

    @cached_property
    def readings(self) -> NDArray[np.float64]:
        """Return what each service used over the second before, shape (n_rows - 1, n_services, n_metrics).

        Units are in `readings.METRIC_UNITS`; what an agent did not know is 0.
        """
        known = np.nan_to_num(self.rows)
        elapsed_s = (np.diff(self.rows_ms) / 1000)[:, None, None]
        rates = np.diff(known[:, :, COUNTERS:], axis=0) / elapsed_s
        of_disk_and_net = [FIELDS.index(name) - COUNTERS for name in _RATES]
        gauges = np.stack((100 - known[1:, :, 0], known[1:, :, 1] / _MEGABYTE), axis=2)
        return np.concatenate((gauges, rates[:, :, of_disk_and_net]), axis=2)

    @property
    def request_services(self) -> NDArray[np.uint8]:
        """Return the service of each request, an index into `services`, by time of answer."""
        return self.spans.span_services[self._by_answer]

    @property
    def request_done_ms(self) -> NDArray[np.int64]:
        """Return when each request was answered, milliseconds since the epoch, ascending."""
        return np.asarray(self.spans.spans[self._by_answer, 2] // 1000)

    @property
    def request_us(self) -> NDArray[np.int64]:
        """Return the response time of each request since the caller sent it, microseconds."""
        return np.asarray(self.spans.spans[self._by_answer, 3])

    @cached_property
    def _by_answer(self) -> NDArray[np.int64]:
        return np.argsort(self.spans.spans[:, 2], kind="stable")

    def save(self, path: Path) -> None:
        """Write the recording into a directory, which is made if it is missing.

        Parameters
        ----------
        path : Path
            The directory; files of an earlier recording in it are overwritten.

        Raises
        ------
        RecordingError
            If a number does not fit into 32 bits.
        """
        spans = pack_spans(self.spans)
        path.mkdir(parents=True, exist_ok=True)
        (path / SPANS_FILE).write_bytes(spans)
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
        services = tuple(meta["services"])
        if meta["format"] != FORMAT:
            raise RecordingError(f"recording has format {meta['format']!r}, expected {FORMAT}")
        rows_ms, rows, other = _read_rows(path, services, tuple(meta["fields"]))
        spans = unpack_spans((path / SPANS_FILE).read_bytes())
        return cls(
            services=services,
            rows_ms=rows_ms,
            rows=rows,
            other_load_percent=other,
            spans=spans,
            faults=_read_truth((path / TRUTH_FILE).read_text(encoding="utf-8"), meta["start_ms"]),
            start_ms=meta["start_ms"],
            fault_free_until_ms=meta["fault_free_until_ms"],
            seed=meta["seed"],
            meta=meta["meta"],
            checksum=meta.get("checksum", ""),
        )

    def _meta(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "services": self.services,
            "fields": FIELDS,
            "start_ms": self.start_ms,
            "fault_free_until_ms": self.fault_free_until_ms,
            "seed": self.seed,
            "checksum": self.checksum or self.checksum_of_messages(),
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
        names = [f"{service}.{name}" for service in self.services for name in FIELDS]
        lines = [",".join(("timestamp_ms", "other_load_percent", *names))]
        grown = self.rows.copy()
        grown[1:, :, COUNTERS:] -= self.rows[:-1, :, COUNTERS:]
        flat = grown.reshape(len(grown), len(names))
        for at_ms, other, row in zip(self.rows_ms, self.other_load_percent, flat, strict=True):
            lines.append(",".join((str(int(at_ms)), number_text(other), *map(_cell, row))))
        return "\n".join(lines) + "\n"


_RATES = ("read_bytes", "write_bytes", "bytes_recv", "bytes_sent")
"""The counters that the last of `readings.METRICS` are rates of."""


def _cell(value: float) -> str:
    return "" if np.isnan(value) else number_text(value)


def _read_rows(
    path: Path, services: tuple[str, ...], fields: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    if fields != FIELDS:
        raise RecordingError(f"the recording has fields {fields!r}, expected {FIELDS!r}")
    text = gzip.decompress((path / READINGS_FILE).read_bytes()).decode()
    table = list(csv.reader(io.StringIO(text)))[1:]
    values = np.array(
        [[float(cell) if cell else np.nan for cell in row[1:]] for row in table], dtype=np.float64
    ).reshape(len(table), 1 + len(services) * len(FIELDS))
    rows = values[:, 1:].reshape(len(table), len(services), len(FIELDS)).copy()
    rows[:, :, COUNTERS:] = np.cumsum(rows[:, :, COUNTERS:], axis=0)
    return np.array([int(row[0]) for row in table], dtype=np.int64), rows, values[:, 0].copy()


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
