"""Window updates side by side, put together by hand, and what they are compared by."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence

import numpy as np

from pg_streaming_machine_learning.records.log import LogRecord, SingleRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import InputPartition, Metric, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import ROW, WindowUpdates

__all__ = ["bits", "grouped", "metric_number", "row", "together"]


def metric_number(metric: Metric) -> int:
    """Return the number of a metric: a byte for the place of each symbol."""
    places = [
        list(symbols).index(symbols(symbol))
        for symbols, symbol in zip((TraceMetric, TraceMeasure, TraceUnit), metric, strict=True)
    ]
    return int.from_bytes(bytes(places), "big")


def row(offset: int, start_ms: int, host: int, metric: int, label: int, statistics: Sequence[float]) -> bytes:
    """Return the bytes of a row."""
    return struct.pack("<qqIIB11d", offset, start_ms, host, metric, label, *statistics)


def together(updates: Sequence[WindowUpdate]) -> WindowUpdates:
    """Return updates of one input partition, one of each record, as one record of the log."""
    hosts = sorted({update.host for update in updates})
    (place,) = {InputPartition(update.place.topic, update.place.partition) for update in updates}
    rows = b"".join(
        row(
            update.place.offset,
            update.window_start_ms,
            hosts.index(update.host),
            metric_number(update.metric),
            2 if update.label is None else update.label,
            update.statistics,
        )
        for update in updates
    )
    return WindowUpdates(place, tuple(hosts), np.frombuffer(rows, ROW))


def grouped(log: Iterable[SingleRecord], cuts: random.Random, share: float) -> list[LogRecord]:
    """Return a log in which window updates that can be are together, but for a share of cuts among them.

    They are as a router sends them: of one input partition, offsets ascending.
    """
    found: list[LogRecord] = []
    run: list[WindowUpdate] = []

    def end_run() -> None:
        if run:
            found.append(together(run) if cuts.random() < 0.9 else run[0])
            found.extend(run[1:] if isinstance(found[-1], WindowUpdate) else ())
            run.clear()

    for record in log:
        if not isinstance(record, WindowUpdate):
            end_run()
            found.append(record)
            continue
        if (run and not _follows(run[-1], record)) or cuts.random() < share:
            end_run()
        run.append(record)
    end_run()
    return found


def _follows(one: WindowUpdate, other: WindowUpdate) -> bool:
    """Whether an update may be behind another in one record."""
    places = [(each.place.topic, each.place.partition) for each in (one, other)]
    return places[0] == places[1] and one.place.offset < other.place.offset


def bits(update: WindowUpdate) -> tuple[object, ...]:
    """Return an update as what equals another's only if all is the same, bit by bit."""
    label = (type(update.label), update.label)
    statistics = struct.pack("<11d", *update.statistics)
    return update.place, update.host, update.metric, update.window_start_ms, statistics, label
