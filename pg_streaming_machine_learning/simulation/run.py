"""A run: cycles at their time, brought somewhere, with its truth and its figures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pg_streaming_machine_learning.errors import PgStreamingError
from pg_streaming_machine_learning.simulation.files import TruthFile
from pg_streaming_machine_learning.simulation.simulation import Cycle, Simulation

__all__ = ["Clock", "Figures", "Sink", "run_cycles"]

SLICE_S = 0.1
"""How long a wait goes on after a stop, at most, seconds."""

_FIRST_WORD_S = 2.0
_LATER_WORDS = 1.5
_LONGEST_SILENCE_S = 60.0


class Sink(Protocol):
    """Where cycles go."""

    def write(self, cycle: Cycle) -> int:
        """Bring a cycle there; return how many messages it is."""

    def close(self) -> None:
        """Wait until all is there."""


class Clock(Protocol):
    """Passing time."""

    def monotonic(self) -> float:
        """Return seconds since any moment."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


@dataclass
class Figures:
    """How much was done.

    Parameters
    ----------
    cycles, lines, spans, messages, truths : int
        Counts.
    took_s : float
        Seconds passed.
    """

    cycles: int = 0
    lines: int = 0
    spans: int = 0
    messages: int = 0
    truths: int = 0
    took_s: float = 0.0

    def __str__(self) -> str:
        seconds = max(self.took_s, 1e-9)
        return (
            f"{self.cycles:,} cycles, {self.lines:,} lines and {self.spans:,} spans in "
            f"{self.messages:,} messages ({self.messages / seconds:,.0f} a second), "
            f"{self.truths:,} rows of truth, {self.took_s:.1f} s"
        )


def run_cycles(
    simulation: Simulation,
    sink: Sink,
    truth: TruthFile | None,
    count: int | None,
    *,
    speed: float = 0.0,
    begun_ms: int | None = None,
    clock: Clock,
    is_stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Bring cycles to a sink until so many are done, or somebody stops it; a cycle is brought whole or not.

    Parameters
    ----------
    simulation : Simulation
        Where cycles come from.
    sink : Sink
        Where they go; it is closed.
    truth : TruthFile or None
        Where the truth goes; it is closed, too.
    count : int or None
        How many cycles; None is without end.
    speed : float
        Simulated seconds a second; 0 is as fast as can be.
    begun_ms : int or None
        Simulated time when the run begins, so that a cycle under way then is not waited for in full;
        by default the beginning of the first cycle.
    clock : Clock
        Passing time; the module `time` is one.
    is_stopped : callable
        Asked before each cycle, and while waiting.
    tell : callable
        Told how far it is, after two seconds and then ever less often.
    """
    figures = Figures()
    begun_s = clock.monotonic()
    first_ms = simulation.at_ms if begun_ms is None else begun_ms
    next_word_s, silence_s = _FIRST_WORD_S, _FIRST_WORD_S
    try:
        while (count is None or figures.cycles < count) and not is_stopped():
            next_ms = simulation.at_ms + simulation.plan.every_ms
            due_s = begun_s + (next_ms - first_ms) / 1000 / speed if speed > 0 else begun_s
            if not _wait_until(due_s, clock, is_stopped):
                break
            cycle = simulation.step()
            figures.messages += sink.write(cycle)
            figures.cycles += 1
            figures.lines += sum(len(lines) for _, lines in cycle.lines)
            figures.spans += sum(map(len, cycle.spans))
            figures.truths += len(cycle.truth)
            if truth is not None:
                truth.write(cycle.truth)
            figures.took_s = clock.monotonic() - begun_s
            if figures.took_s >= next_word_s:
                tell(_progress(figures, count))
                silence_s = min(_LATER_WORDS * silence_s, _LONGEST_SILENCE_S)
                next_word_s = figures.took_s + silence_s
    except BaseException:
        # What went wrong first is what is told.
        with contextlib.suppress(PgStreamingError):
            _end(simulation, sink, truth, figures)
        raise
    _end(simulation, sink, truth, figures)
    figures.took_s = clock.monotonic() - begun_s
    return figures


def _end(simulation: Simulation, sink: Sink, truth: TruthFile | None, figures: Figures) -> None:
    rest = simulation.rest_of_truth()
    figures.truths += len(rest)
    try:
        if truth is not None:
            truth.write(rest)
            truth.close()
    finally:
        sink.close()


def _wait_until(due_s: float, clock: Clock, is_stopped: Callable[[], bool]) -> bool:
    """Wait in slices; return whether nobody stopped it."""
    while (left_s := due_s - clock.monotonic()) > 0:
        if is_stopped():
            return False
        clock.sleep(min(left_s, SLICE_S))
    return True


def _progress(figures: Figures, count: int | None) -> str:
    if count is None:
        return f"{figures.cycles:,} cycles, {figures.messages:,} messages ..."
    share = figures.cycles / count
    left_s = figures.took_s / share - figures.took_s
    done = f"{figures.cycles:,} of {count:,} cycles, {figures.messages:,} messages"
    return f"{done}, about {left_s:,.0f} s left ..."
