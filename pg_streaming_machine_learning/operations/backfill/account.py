"""What a backfill has done so far: what it read, what it refused, and which bottlenecks it saw begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.windows.open_windows import Late

__all__ = ["MOST_NAMED", "Account"]

MOST_NAMED = 5
"""How many refused records, late updates and hosts are named; all are counted."""


@dataclass
class Account:
    """What was done.

    Parameters
    ----------
    records : int
        Records read.
    predictions : int
        Predictions made.
    begun, begun_seen : int
        Bottlenecks that began (a window of a host with label 1 after one with 0), and those of them the model
        named in their very first window.
    refused : Counter of str
        Records, and parts of records, that the worker makes dead letters of, by reason.
    refused_first : list of str
        Place, reason and detail of the first ones.
    latest : list of Late
        Some of what came too late, the latest first; `Learning.counts` has how many there were.
    strangers : list of str
        Hosts with durations and no metrics.
    """

    records: int = 0
    predictions: int = 0
    begun: int = 0
    begun_seen: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_first: list[str] = field(default_factory=list)
    latest: list[Late] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    _labels: dict[str, int | None] = field(default_factory=dict)

    @property
    def hosts(self) -> int:
        """How many hosts there are predictions of."""
        return len(self._labels)

    def refuse(self, record: InputRecord, refused: RefusedRecord) -> None:
        """Count what the worker makes a dead letter of."""
        self.refused[refused.reason.value] += 1
        if len(self.refused_first) < MOST_NAMED:
            self.refused_first.append(f"{record.topic}[{record.partition}]@{record.offset}: {refused}")

    def come_late(self, late: Iterable[Late]) -> None:
        """Take in what came too late."""
        self.latest = sorted([*self.latest, *late], key=lambda each: -each.late_ms)[:MOST_NAMED]

    def predict(self, predictions: Iterable[Prediction]) -> None:
        """Take in predictions, in the order of a host's windows."""
        for each in predictions:
            self.predictions += 1
            before = self._labels.get(each.host)
            self._labels[each.host] = each.label
            if before == 0 and each.label == 1:
                self.begun += 1
                self.begun_seen += each.predicted_class == 1
