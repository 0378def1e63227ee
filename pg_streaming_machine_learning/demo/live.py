"""The testbed itself as a script: it runs on this machine while the worker predicts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pg_streaming_machine_learning.demo.script import Step
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.faults import Fault, FaultTimes
from pg_streaming_machine_learning.testbed.live import LiveRun
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.shop import SERVICES

__all__ = ["LIVE_MINUTES", "LiveScript"]

LIVE_MINUTES = 15.0
"""Length of a live run, unless asked otherwise."""

_MOST_QUIET_MINUTES = 2.0
_QUIET_SHARE = 0.25
_FAULT_TIMES = FaultTimes(spacing_s=(70.0, 90.0), quiet_s=(25.0, 35.0), ramp_s=(20.0, 40.0), full_s=12.0)
"""Shorter than those of a recording: somebody is watching."""


class LiveScript:
    """A run of the testbed; use `start` and `stop`.

    Parameters
    ----------
    minutes : float
        Length of the run; its first quarter, but at most two minutes, is without faults.
    seed : int
        Seed of faults, load and work.
    objective : Objective
        When a window is slow; usual response times are measured before the first fault.
    directory : Path
        Where disk faults write.
    """

    def __init__(self, minutes: float, seed: int, objective: Objective, directory: Path) -> None:
        quiet_minutes = min(_MOST_QUIET_MINUTES, _QUIET_SHARE * minutes)
        self._objective = objective
        self._run = LiveRun(RunPlan.draw(minutes, quiet_minutes, seed, _FAULT_TIMES), directory)

    def start(self) -> None:
        """Start the services."""
        self._run.start()

    def stop(self) -> None:
        """End them, and wait until they have."""
        self._run.stop()

    @property
    def is_ready(self) -> bool:
        """Say whether it is known what is usual; before, there are no thresholds.

        Raises
        ------
        RecordingError
            If a service has ended.
        """
        return self._run.is_measured

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the services, in their order."""
        return SERVICES

    @property
    def start_ms(self) -> int:
        """Return the start of the run, milliseconds since the epoch."""
        return self._run.start_ms

    @property
    def end_ms(self) -> int:
        """Return the end of the run, milliseconds since the epoch."""
        return self._run.start_ms + self._run.plan.length_ms

    @property
    def thresholds_ms(self) -> dict[str, float]:
        """Return above which quantile of response times a host is slow, milliseconds."""
        return {host: self._objective.threshold_ms(usual_ms) for host, usual_ms in self._run.usual_ms.items()}

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the truth; offsets count from `start_ms`."""
        return self._run.plan.faults

    def steps(self) -> Iterator[Step]:
        """Yield the messages of each second, when it has passed."""
        for messages in self._run.seconds():
            yield Step(messages[-1].timestamp_ms, tuple(messages))
