"""What a recording is worth: which windows are slow, and how long after the cause began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.faults import Fault
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

NO_REQUESTS = -1
"""In place of a label where a window holds no request."""


GRID = HoppingWindows(size_ms=10_000, hop_ms=5_000)
OBJECTIVE = Objective(share=0.9, factor=5.0)
"""Windows, and when one is slow, unless told otherwise; a service's usual is its fault-free minutes."""


@dataclass(frozen=True)
class SlowWindows:
    """The windows of a recording and which of them are slow.

    Parameters
    ----------
    starts_ms : ndarray of int64, shape (n_windows,)
        Their starts, milliseconds since the epoch, multiples of the hop.
    size_ms : int
        Their length, milliseconds.
    labels : ndarray of int8, shape (n_windows, n_services)
        1 if slow, 0 if not, `NO_REQUESTS` if there is nothing to tell it by.
    thresholds_ms : ndarray of float64, shape (n_services,)
        Above which the quantile makes a window slow, milliseconds; NaN without fault-free requests.
    """

    starts_ms: NDArray[np.int64]
    size_ms: int
    labels: NDArray[np.int8]
    thresholds_ms: NDArray[np.float64]

    def share(self, chosen: NDArray[np.bool_] | None = None) -> float:
        """Return the share of slow windows among labeled ones, of all or of chosen windows; 0 if none."""
        labels = self.labels if chosen is None else self.labels[chosen]
        labeled = labels[labels != NO_REQUESTS]
        return float(np.mean(labeled == 1)) if len(labeled) else 0.0

    def incidents(self) -> int:
        """Return the number of runs of slow windows of a service."""
        slow = (self.labels == 1).astype(np.int8)
        return int(np.sum(np.diff(slow, axis=0, prepend=np.zeros((1, slow.shape[1]), np.int8)) == 1))

    def first_slow_ms(self, fault: Fault, start_ms: int, service: int) -> int | None:
        """Return the start of a service's first slow window that reaches into a fault; None if there is none.

        Parameters
        ----------
        fault : Fault
            The fault.
        start_ms : int
            Start of the recording, milliseconds since the epoch.
        service : int
            The service, an index into the recording's.
        """
        ends_ms = self.starts_ms + self.size_ms
        within = (ends_ms > start_ms + fault.ramp_start_ms) & (self.starts_ms < start_ms + fault.end_ms)
        slow = self.starts_ms[within & (self.labels[:, service] == 1)]
        return int(slow[0]) if len(slow) else None


def slow_windows(
    recording: Recording, objective: Objective = OBJECTIVE, grid: HoppingWindows = GRID
) -> SlowWindows:
    """Label the windows of a recording.

    Parameters
    ----------
    recording : Recording
        The recording.
    objective : Objective
        When a window is slow.
    grid : HoppingWindows
        The windows.

    Returns
    -------
    SlowWindows
        Windows that lie wholly within the recording.
    """
    end_ms = recording.start_ms + round(recording.meta["minutes"] * 60_000)
    first_ms = -(-recording.start_ms // grid.hop_ms) * grid.hop_ms
    starts_ms = np.arange(first_ms, end_ms - grid.size_ms + 1, grid.hop_ms, dtype=np.int64)
    labels = np.full((len(starts_ms), len(recording.services)), NO_REQUESTS, dtype=np.int8)
    thresholds_ms = np.full(len(recording.services), np.nan)
    for service in range(len(recording.services)):
        chosen = recording.request_services == service
        done_ms, request_ms = recording.request_done_ms[chosen], recording.request_us[chosen] / 1000
        usual_ms = request_ms[done_ms < recording.fault_free_until_ms]
        thresholds_ms[service] = objective.threshold_ms(usual_ms.tolist())
        first = np.searchsorted(done_ms, starts_ms)
        last = np.searchsorted(done_ms, starts_ms + grid.size_ms)
        for row in range(len(starts_ms)):
            window_ms = request_ms[first[row] : last[row]].tolist()
            label = objective.label(window_ms, float(thresholds_ms[service]))
            labels[row, service] = NO_REQUESTS if label is None else label
    return SlowWindows(starts_ms, grid.size_ms, labels, thresholds_ms)


def fault_free(recording: Recording, windows: SlowWindows) -> NDArray[np.bool_]:
    """Return which windows lie wholly in the first, fault-free minutes, shape (n_windows,)."""
    return np.asarray(windows.starts_ms + windows.size_ms <= recording.fault_free_until_ms)


def between_faults(recording: Recording, windows: SlowWindows) -> NDArray[np.bool_]:
    """Return which later windows touch no fault nor the 10 s after one, shape (n_windows,)."""
    quiet = ~fault_free(recording, windows)
    for fault in recording.faults:
        touched = windows.starts_ms + windows.size_ms > recording.start_ms + fault.ramp_start_ms
        quiet &= ~(touched & (windows.starts_ms < recording.start_ms + fault.end_ms + 10_000))
    return quiet
