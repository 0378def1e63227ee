"""What the demo shows: messages of a recording, or of the testbed as it runs, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from pg_streaming_machine_learning.demo.revisions import GRID, RecordedWindows
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.faults import Fault
from pg_streaming_machine_learning.testbed.messages import Message
from pg_streaming_machine_learning.testbed.recording import Recording

__all__ = ["RecordedScript", "Script", "Step"]

_STEP_MS = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """The messages of a second, by their timestamps.

    Parameters
    ----------
    at_ms : int
        The end of the second, milliseconds since the epoch.
    messages : tuple of Message
        What was sent within it.
    """

    at_ms: int
    messages: tuple[Message, ...]


class Script(Protocol):
    """What is shown."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the services, in their order."""

    @property
    def start_ms(self) -> int:
        """Return the beginning, milliseconds since the epoch."""

    @property
    def end_ms(self) -> int:
        """Return the end, milliseconds since the epoch."""

    @property
    def thresholds_ms(self) -> dict[str, float]:
        """Return above which quantile of response times a host is slow, milliseconds."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the truth; offsets count from the beginning."""

    def steps(self) -> Iterator[Step]:
        """Yield the messages, second by second."""


class RecordedScript:
    """A recording as it was sent.

    Parameters
    ----------
    recording : Recording
        The recording.
    minutes : float, optional
        Only the first minutes; None takes all.
    objective : Objective
        When a window is slow; usual response times are those before the first fault.

    Raises
    ------
    RecordingError
        If no window lies within it.
    """

    def __init__(self, recording: Recording, minutes: float | None, objective: Objective) -> None:
        windows = RecordedWindows(recording, minutes=minutes, grid=GRID, objective=objective)
        self._recording = recording
        self._thresholds_ms = windows.thresholds_ms
        self._end_ms = int(recording.rows_ms[-1]) + 1
        if minutes is not None:
            self._end_ms = min(self._end_ms, recording.start_ms + round(minutes * 60_000))

    @classmethod
    def load(cls, path: Path, minutes: float | None, objective: Objective) -> RecordedScript:
        """Read a recording from its directory.

        Raises
        ------
        RecordingError
            If there is none, or it cannot be read.
        """
        return cls(Recording.load(path), minutes, objective)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the services, in the recording's order."""
        return self._recording.services

    @property
    def start_ms(self) -> int:
        """Return the start of the recording, milliseconds since the epoch."""
        return self._recording.start_ms

    @property
    def end_ms(self) -> int:
        """Return the end of what is replayed, milliseconds since the epoch."""
        return self._end_ms

    @property
    def thresholds_ms(self) -> dict[str, float]:
        """Return above which quantile of response times a host is slow, milliseconds."""
        return self._thresholds_ms

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the truth; offsets count from `start_ms`."""
        return self._recording.faults

    def steps(self) -> Iterator[Step]:
        """Yield the messages, second by second."""
        messages = self._recording.messages(self._end_ms)
        for second, of_second in groupby(messages, key=lambda each: each.timestamp_ms // _STEP_MS):
            yield Step((second + 1) * _STEP_MS, tuple(of_second))
