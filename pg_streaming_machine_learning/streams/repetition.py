"""What Kafka's client says over and over, said now and then.

While a broker is away, aiokafka tries it again ten times a second and logs three lines each time: an outage
of an hour would be a hundred thousand lines, with everything else lost among them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["Repetition", "say_less"]

EVERY_S = 10.0

TALKATIVE = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)
"""Loggers; a filter does not meet what is logged to those below."""


class Repetition(logging.Filter):
    """Lets a warning or error through, and those like it only now and then, with their number.

    Parameters
    ----------
    clock : callable
        Passing time, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged. Alike are those of one place in the code."""
        if record.levelno < logging.WARNING:
            return True
        place, now_s = (record.pathname, record.lineno), self._clock()
        said_s, held_back = self._said.get(place, (-EVERY_S, 0))
        if now_s - said_s < EVERY_S:
            self._said[place] = (said_s, held_back + 1)
            return False
        if held_back:
            record.msg = f"{record.msg} (and {held_back} like it in {now_s - said_s:.0f} s)"
        self._said[place] = (now_s, 0)
        return True


def say_less() -> None:
    """Have Kafka's client repeat itself only now and then."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        if not any(isinstance(each, Repetition) for each in logger.filters):
            logger.addFilter(Repetition())
