"""Orders for worker processes: files in a folder, each for the first process that comes by a point.

An order is to end there as by ``kill -9`` (`kill`), to freeze (`stop`), or to have Kafka's client report that
time ran out (`fail`).
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException

__all__ = ["FOLDER", "Control", "reached"]

FOLDER = "STORM_CONTROL"
"""Variable of the environment that names the folder to a worker."""

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Control:
    """The storm's end of the folder.

    Parameters
    ----------
    folder : Path
        Where the orders lie; it exists and belongs to one storm.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def order(self, action: str, point: str) -> None:
        """Give an order to the next process that comes by a point."""
        (self.folder / f"{action}-{point}").touch()

    def withdraw(self, action: str, point: str) -> bool:
        """Take an order back; return whether nobody had carried it out."""
        try:
            (self.folder / f"{action}-{point}").unlink()
        except FileNotFoundError:
            return False
        return True

    def taken(self, action: str, point: str, timeout_s: float) -> int | None:
        """Wait until an order is carried out; return the process it hit, None if the time ran out."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            for note in self.folder.glob(f"{action}-{point}.*"):
                note.unlink()
                return int(note.suffix[1:])
            time.sleep(0.02)
        return None


def reached(point: str) -> None:
    """Carry out what is ordered for this point, in a worker; of several processes one does.

    Raises
    ------
    KafkaException
        If that is the order.
    """
    folder = os.environ[FOLDER]
    for action, number in _SIGNALS.items():
        if _take(f"{folder}/{action}-{point}"):
            os.kill(os.getpid(), number)
    if _take(f"{folder}/fail-{point}"):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the storm says so"))


def _take(order: str) -> bool:
    try:
        os.rename(order, f"{order}.{os.getpid()}")  # noqa: PTH104 - hot path, and atomic
    except FileNotFoundError:
        return False
    return True
