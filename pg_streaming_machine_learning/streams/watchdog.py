"""A process whose loops or heartbeat stand still is ended: a new start mends what waiting does not."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pg_streaming_machine_learning.errors import StuckError
from pg_streaming_machine_learning.streams.ending import end_process, ending_on_errors
from pg_streaming_machine_learning.streams.last_resort import LastResort

__all__ = ["CONSUMER", "HEARTBEAT", "LOOP", "SETTLED", "Liveness", "Watchdog", "ticking"]

logger = logging.getLogger(__name__)

LOOP = "loop"
CONSUMER = "consumer"
HEARTBEAT = "heartbeat"
SETTLED = "settled"

TICK_EVERY_S = 1.0
LOOKS = 10
"""How often the watchdog looks in the time that something may stand still; once a second at least."""

_WHAT = {
    LOOP: "the event loop stood still",
    CONSUMER: "the consumer's event loop stood still",
    HEARTBEAT: "the consumer group did not hear from this worker",
    SETTLED: "partitions changed hands or were being taken over, and nothing was done with them",
}
_FOR = {HEARTBEAT: "joining", SETTLED: "joining and taking over"}
"""What more time is allowed for. Where a loop is just now tells nothing about these."""

_NOT_JOINED = "this worker did not become a member of the consumer group"


@dataclass(frozen=True, slots=True)
class _Sign:
    """The last sign of life of a part: when, from which thread, how much longer than usual is allowed."""

    at_s: float
    thread: int
    longer_s: float = 0.0


class Liveness:
    """When each part of the process was last seen alive; any thread may tell and ask.

    A part is judged from its first sign of life on. Time in which the whole process was stopped (SIGSTOP, a
    laptop that sleeps) does not count: who looks every second and sees that ninety have passed was not there
    either. An idle worker without partitions ticks, and is a member of its group like any other: it is alive.

    Parameters
    ----------
    stuck_after_s : float
        How long a part may stand still, seconds.
    monotonic : callable
        Passing time, seconds.

    Examples
    --------
    >>> now_s = 0.0
    >>> liveness = Liveness(60, monotonic=lambda: now_s)
    >>> liveness.tick("loop")
    >>> now_s = 61.0
    >>> liveness.stuck()
    'the event loop stood still for 61 s, expected at most 60 (STUCK_AFTER_S)'
    >>> liveness.tick("loop")
    >>> liveness.stuck() is None
    True
    """

    def __init__(self, stuck_after_s: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.stuck_after_s = stuck_after_s
        self._monotonic = monotonic
        self._signs: dict[str, _Sign | None] = dict.fromkeys(_WHAT)
        self._is_member = False
        self._hindrance: str | None = None
        self._stopped_s = 0.0
        self._looked_s: float | None = None
        self._is_over = False

    @property
    def is_member(self) -> bool:
        """Whether this worker believes to be a member of its group, with or without partitions."""
        return self._is_member

    def tick(self, part: str) -> None:
        """Say that an event loop, `LOOP` or `CONSUMER`, goes on; from the thread it runs in."""
        self._signs[part] = _Sign(self._now_s(), threading.get_ident())

    def heartbeat(self) -> None:
        """Say that the group answered a heartbeat, or let this worker join."""
        self._signs[HEARTBEAT] = _Sign(self._now_s(), threading.get_ident())
        self._is_member = True

    def joining(self, longer_s: float) -> None:
        """Say that no heartbeats are sent for now, since this worker joins its group.

        Parameters
        ----------
        longer_s : float
            How long the group may take in addition until all its members are there, seconds.
        """
        self._signs[HEARTBEAT] = _Sign(self._now_s(), threading.get_ident(), longer_s)
        self._is_member = False

    def hindered(self, by: str | None) -> None:
        """Say what keeps this worker from joining, as missing rights; None if nothing is known to."""
        self._hindrance = by

    def settled(self, longer_s: float) -> None:
        """Say that this worker is settled in its group, or comes on with taking its partitions over.

        Parameters
        ----------
        longer_s : float
            How long a rebalance and a take-over may take in addition, seconds.
        """
        self._signs[SETTLED] = _Sign(self._now_s(), threading.get_ident(), longer_s)

    def end(self) -> None:
        """Judge no more: the process is ending in order, within its own limit."""
        self._is_over = True

    def age_s(self, part: str) -> float | None:
        """Return how long ago a part gave its last sign of life, seconds; None if it never did."""
        sign = self._signs[part]
        return None if sign is None else max(0.0, self._now_s() - sign.at_s)

    def look(self, every_s: float) -> str | None:
        """Return what stands still, as `stuck`; called by who looks again and again.

        Parameters
        ----------
        every_s : float
            How long the caller meant to sleep since it looked last, seconds. All time beyond was lost to the
            whole process, and is not counted.
        """
        now_s = self._monotonic()
        if self._looked_s is not None:
            self._stopped_s += max(0.0, now_s - self._looked_s - every_s)
        self._looked_s = now_s
        # Not a moment later: if the process is stopped here, that is the next look's to see.
        return self._judge(now_s - self._stopped_s)

    def stuck(self) -> str | None:
        """Return which part stands still and for how long, None if all are alive."""
        return self._judge(self._now_s())

    def _now_s(self) -> float:
        """Return the time this process has lived."""
        return self._monotonic() - self._stopped_s

    def _judge(self, now_s: float) -> str | None:
        if self._is_over:
            return None
        for part, what in _WHAT.items():
            sign = self._signs[part]
            if sign is None:
                continue
            still_s, allowed_s = now_s - sign.at_s, self.stuck_after_s + sign.longer_s
            if still_s > allowed_s:
                is_joining = part == HEARTBEAT and not self._is_member
                says = _NOT_JOINED if is_joining else what
                more = f" and {sign.longer_s:g} for {_FOR[part]}" if sign.longer_s else ""
                where = "" if part in _FOR else _place_of(sign.thread)
                if is_joining and self._hindrance is not None:
                    where = f" ({self._hindrance})"
                return (
                    f"{says} for {still_s:.3g} s{where}, expected at most {self.stuck_after_s:g} "
                    f"(STUCK_AFTER_S){more}"
                )
        return None


class Watchdog:
    """A thread that ends the process, exit code 75, when a part of it stands still.

    It needs no event loop, and so works whatever they are blocked by. It needs to run, which code in C may
    forbid; on Linux, the system ends the process in that case.

    Parameters
    ----------
    liveness : Liveness
        Who tells it.
    end : callable
        Ends the process with an error.
    pause : callable
        Waits, seconds.
    """

    def __init__(
        self,
        liveness: Liveness,
        *,
        end: Callable[[StuckError], object] = end_process,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._liveness = liveness
        self._end = end
        self._pause = pause
        self._every_s = min(1.0, liveness.stuck_after_s / LOOKS)

    def start(self) -> threading.Thread:
        """Watch from now on, in a thread that keeps no process from ending; called by who does the work."""
        last_resort = None
        try:
            last_resort = LastResort(self._liveness.stuck_after_s + self._every_s)
        except OSError as error:
            logger.info("no watch over code outside Python: %s", error)
        thread = threading.Thread(target=self.watch, args=(last_resort,), name="watchdog", daemon=True)
        thread.start()
        return thread

    def watch(self, last_resort: LastResort | None = None) -> None:
        """Look again and again until something stands still, then end the process; it blocks.

        Parameters
        ----------
        last_resort : LastResort, optional
            Put off for as long as this thread may run.
        """
        with ending_on_errors("watching the process"):
            while (stuck := self._liveness.look(self._every_s)) is None:
                if last_resort is not None:
                    last_resort.put_off()
                self._pause(self._every_s)
            self._end(StuckError(stuck))


async def ticking(liveness: Liveness, part: str, also: Callable[[], None] | None = None) -> None:
    """Tick for the event loop this runs in, until cancelled.

    Parameters
    ----------
    liveness : Liveness
        Who is told.
    part : str
        `LOOP` or `CONSUMER`.
    also : callable, optional
        What else is done with each tick.
    """
    while True:
        liveness.tick(part)
        if also is not None:
            also()
        await asyncio.sleep(min(TICK_EVERY_S, liveness.stuck_after_s / LOOKS))


def _place_of(thread: int) -> str:
    """Return where a thread is just now, nothing if it is gone or is the one that asks."""
    frame = sys._current_frames().get(thread)
    if frame is None or thread == threading.get_ident():
        return ""
    code = frame.f_code
    return f" at {Path(code.co_filename).name}:{frame.f_lineno} in {code.co_name}"
