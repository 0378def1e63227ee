"""A recording as the windows an upstream job would send: each several times, while it fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.testbed.figures import GRID, OBJECTIVE
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.summary import summarize

__all__ = ["GRID", "METRICS", "OBJECTIVE", "RecordedWindows", "Revision", "Step"]

METRICS: dict[str, Metric] = {
    "CPU": Metric("CPU", "UTILIZATION", "PERCENT"),
    "MEMORY": Metric("MEMORY", "UTILIZATION", "MEGABYTES"),
    "DISK_READ": Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
    "DISK_WRITE": Metric("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND"),
    "NETWORK_IN": Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"),
    "NETWORK_OUT": Metric("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"),
}
"""The columns of a recording in the words of the contract."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What an upstream job knows of one metric's window at one moment.

    Parameters
    ----------
    host : str
        The service.
    metric : Metric
        What was measured.
    window_start_ms : int
        Start of the window, milliseconds since the epoch.
    statistics : tuple of float, length 11
        Of the readings so far; NaN is missing.
    label : int
        1 if the response times so far miss the objective, else 0.
    is_final : bool
        True for the last revision: the window is full.
    """

    host: str
    metric: Metric
    window_start_ms: int
    statistics: tuple[float, ...]
    label: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Step:
    """All revisions of one moment, in a fixed order."""

    at_ms: int
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A moment in the life of a window at which it is sent."""

    at_ms: int
    start_ms: int
    is_final: bool


class RecordedWindows:
    """The windows of a recording that lie wholly within it.

    Parameters
    ----------
    recording : Recording
        Readings and response times.
    minutes : float, optional
        Only the first minutes; None takes all.
    grid : HoppingWindows
        Size and hop.
    objective : Objective
        What label 1 means; usual response times are those before the first fault.
    parts : int
        Revisions of each window: it is sent each time another of so many parts is full.

    Raises
    ------
    RecordingError
        If no window lies within it, or it has a metric that the contract lacks.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        minutes: float | None = None,
        grid: HoppingWindows = GRID,
        objective: Objective = OBJECTIVE,
        parts: int = 2,
    ) -> None:
        unknown = sorted(set(recording.metrics) - set(METRICS))
        if unknown:
            raise RecordingError(
                f"the recording has metrics {unknown!r}, expected some of {sorted(METRICS)!r}"
            )
        self._recording = recording
        self._grid = grid
        self._objective = objective
        self._metrics = tuple(METRICS[name] for name in recording.metrics)
        self._durations = [_Durations.of(recording, index) for index in range(len(recording.services))]
        self._thresholds = [
            objective.threshold_ms(durations.between(recording.start_ms, recording.fault_free_until_ms))
            for durations in self._durations
        ]
        starts_ms = _starts(recording, grid, minutes)
        if not starts_ms:
            raise RecordingError(f"no window of {grid.size_ms} ms lies within the recording")
        self._cuts = _cuts(starts_ms, grid.size_ms, parts)
        self.start_ms = starts_ms[0]
        self.end_ms = starts_ms[-1] + grid.size_ms

    @classmethod
    def load(
        cls, path: Path, *, minutes: float | None = None, objective: Objective = OBJECTIVE
    ) -> RecordedWindows:
        """Read a recording from its directory.

        Raises
        ------
        RecordingError
            If there is none, or it cannot be read.
        """
        return cls(Recording.load(path), minutes=minutes, objective=objective)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the services, in the recording's order."""
        return self._recording.services

    @property
    def size_ms(self) -> int:
        """Return the length of the windows, milliseconds."""
        return self._grid.size_ms

    @property
    def hop_ms(self) -> int:
        """Return the distance of the windows, milliseconds."""
        return self._grid.hop_ms

    @property
    def thresholds_ms(self) -> dict[str, float]:
        """Return from which 90th percentile on a host is slow, milliseconds."""
        return dict(zip(self.hosts, self._thresholds, strict=True))

    def steps(self) -> Iterator[Step]:
        """Yield all revisions by the moment at which they are known, earliest first."""
        at_ms: int | None = None
        revisions: list[Revision] = []
        for cut in self._cuts:
            if at_ms is not None and cut.at_ms != at_ms:
                yield Step(at_ms, tuple(revisions))
                revisions = []
            at_ms = cut.at_ms
            revisions.extend(self._revisions(cut))
        if at_ms is not None:
            yield Step(at_ms, tuple(revisions))

    def final(self) -> Iterator[Revision]:
        """Yield the last revision of each window, by window, then host, then metric."""
        for cut in self._cuts:
            if cut.is_final:
                yield from self._revisions(cut)

    def _revisions(self, cut: _Cut) -> Iterator[Revision]:
        recording = self._recording
        first, last = np.searchsorted(recording.readings_ms, (cut.start_ms, cut.at_ms))
        if first == last:
            return
        for index, host in enumerate(recording.services):
            label = self._label(index, cut)
            columns = recording.readings[first:last, index, :].T.tolist()
            for metric, column in zip(self._metrics, columns, strict=True):
                yield Revision(host, metric, cut.start_ms, summarize(column), label, cut.is_final)

    def _label(self, index: int, cut: _Cut) -> int:
        """Label the requests answered so far; without any, nobody has waited too long."""
        durations = self._durations[index].between(cut.start_ms, cut.at_ms)
        label = self._objective.label(durations, self._thresholds[index])
        return 0 if label is None else label


@dataclass(frozen=True, slots=True)
class _Durations:
    """Response times of one service, by the time of the answer."""

    done_ms: NDArray[np.int64]
    duration_ms: NDArray[np.float64]

    @classmethod
    def of(cls, recording: Recording, index: int) -> _Durations:
        own = recording.request_services == index
        return cls(recording.request_done_ms[own], recording.request_us[own] / 1000)

    def between(self, start_ms: int, end_ms: int) -> list[float]:
        """Return those of answers in ``[start_ms, end_ms)``, milliseconds."""
        first, last = np.searchsorted(self.done_ms, (start_ms, end_ms))
        durations: list[float] = self.duration_ms[first:last].tolist()
        return durations


def _starts(recording: Recording, grid: HoppingWindows, minutes: float | None) -> list[int]:
    """Return the starts of the windows within the recording, ascending."""
    if len(recording.readings_ms) == 0:
        return []
    # The last reading closes the second before it; the recording ends with that second.
    end_ms = int(recording.readings_ms[-1]) + 1
    if minutes is not None:
        end_ms = min(end_ms, recording.start_ms + round(minutes * 60_000))
    first_ms = -(-recording.start_ms // grid.hop_ms) * grid.hop_ms
    return list(range(first_ms, end_ms - grid.size_ms + 1, grid.hop_ms))


def _cuts(starts_ms: list[int], size_ms: int, parts: int) -> list[_Cut]:
    """Return all moments of all windows, by time, then window."""
    cuts = [
        _Cut(start_ms + size_ms * part // parts, start_ms, part == parts)
        for start_ms in starts_ms
        for part in range(1, parts + 1)
    ]
    return sorted(cuts, key=lambda cut: (cut.at_ms, cut.start_ms))
