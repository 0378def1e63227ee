"""Many window updates of one input partition side by side: what most records of the log are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.feature import STATISTICS, Packed, pieces, unpack
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import InputPartition, Metric, SourcePlace, WindowUpdate

__all__ = ["METRICS", "METRIC_NUMBERS", "NO_LABEL", "ROW", "WindowUpdates"]

ROW = np.dtype(
    [
        ("offset", "<i8"),
        ("window_start_ms", "<i8"),
        ("host", "<u4"),
        ("metric", "<u4"),
        ("label", "u1"),
        ("statistics", "<f8", (len(STATISTICS),)),
    ]
)
"""An update. Host: place in `WindowUpdates.hosts`; metric: place in `METRICS`; label: 0, 1 or `NO_LABEL`."""

NO_LABEL = 2
"""The label of a row that has none."""

_MOST_SYMBOLS = 256

_LABELS = (0, 1, None)

METRICS = {
    (first * _MOST_SYMBOLS + second) * _MOST_SYMBOLS + third: Metric(metric.value, measure.value, unit.value)
    for first, metric in enumerate(TraceMetric)
    for second, measure in enumerate(TraceMeasure)
    for third, unit in enumerate(TraceUnit)
}
"""Each metric by its number, which is made of the places of its symbols in the contract's enums."""

METRIC_NUMBERS = {metric: number for number, metric in METRICS.items()}
"""The number of each metric."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowUpdates:
    """Window updates of one input partition, in the order of their offsets, each the only one of its record.

    Parameters
    ----------
    input : InputPartition
        Where they come from.
    hosts : tuple of str
        The hosts they are of.
    rows : array of ROW, shape (n_updates,)
        Offsets ascend. Nobody changes it.
    """

    input: InputPartition
    hosts: tuple[str, ...]
    rows: NDArray[Any]

    def __len__(self) -> int:
        """Count the updates."""
        return len(self.rows)

    def statistics(self) -> list[Packed]:
        """Return the eleven statistics of each update, bit by bit as they were read."""
        return pieces(self.rows["statistics"].tobytes())

    def labels(self) -> list[int | None]:
        """Return the label of each update, None if it has none."""
        return [_LABELS[label] for label in self.rows["label"].tolist()]

    def __iter__(self) -> Iterator[WindowUpdate]:
        """Yield one after the other."""
        topic, partition = self.input.topic, self.input.partition
        rows = self.rows
        for offset, host, metric, start_ms, statistics, label in zip(
            rows["offset"].tolist(),
            rows["host"].tolist(),
            rows["metric"].tolist(),
            rows["window_start_ms"].tolist(),
            self.statistics(),
            self.labels(),
            strict=True,
        ):
            place = SourcePlace(topic, partition, offset)
            yield WindowUpdate(place, self.hosts[host], METRICS[metric], start_ms, unpack(statistics), label)
