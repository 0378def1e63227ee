"""Who moves: the progress that workers commit, as it becomes visible."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pg_streaming_machine_learning.state.progress import EngineProgress, RouterProgress, router_key
from services.topics import partitions_of

__all__ = ["Place", "Watch"]

Place = tuple[str, int]
"""A topic and a partition: of the log, or of the input."""


@dataclass(frozen=True)
class Step:
    """A progress record.

    Parameters
    ----------
    written_s : float
        When it was written, seconds since the epoch; it may have become visible later.
    seen_s : float
        When it was seen here, seconds since the epoch.
    reached : int
        The offset it tells.
    """

    written_s: float
    seen_s: float
    reached: int


class Watch:
    """Follows the progress of the partitions of the log and of the input, from a thread of its own.

    Parameters
    ----------
    bootstrap : str
        Where; an address that no fault of the network is in front of. The topics exist.
    state_topic, log_topic : str
        Where the engines tell theirs, and of which topic it speaks.
    progress_topic : str
        Where the routers tell theirs.
    log_partitions : int
        How many partitions the log has.
    inputs : list of (str, int)
        The partitions of the input.
    """

    def __init__(
        self,
        bootstrap: str,
        state_topic: str,
        log_topic: str,
        progress_topic: str,
        log_partitions: int,
        inputs: list[Place],
    ) -> None:
        self.steps: dict[Place, list[Step]] = defaultdict(list)
        self.places = [(log_topic, number) for number in range(log_partitions)] + inputs
        self._log_topic = log_topic
        self._state_topic = state_topic
        self._progress_topic = progress_topic
        self._keys = {router_key(*place): place for place in inputs}
        self._bootstrap = bootstrap
        self._moved = threading.Condition()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def moved_since(self, since_s: float, timeout_s: float) -> dict[Place, float] | None:
        """Wait until every partition has moved by work of after a moment.

        Returns
        -------
        dict or None
            When each did first, seconds since the epoch; None if one did not in time.
        """

        def first() -> dict[Place, float]:
            found = {}
            for place in self.places:
                steps = self.steps[place]
                for number in range(len(steps) - 1, -1, -1):
                    if steps[number].written_s <= since_s:
                        break
                    found[place] = steps[number].seen_s
            return found

        with self._moved:
            if self._moved.wait_for(lambda: len(first()) == len(self.places), timeout_s):
                return first()
        return None

    def wait_reached(self, ends: dict[Place, int], timeout_s: float) -> bool:
        """Wait until partitions have come so far."""

        def all_there() -> bool:
            return all(self.reached(place) >= end for place, end in ends.items())

        with self._moved:
            return self._moved.wait_for(all_there, timeout_s)

    def reached(self, place: Place) -> int:
        """Return how far a partition has come, 0 if nothing is known."""
        steps = self.steps[place]
        return steps[-1].reached if steps else 0

    def pauses_s(self, longer_than_s: float) -> list[float]:
        """Return the times in which a partition did not move, those longer than what is usual."""
        found = []
        for steps in self.steps.values():
            for before, after in pairwise(steps):
                if after.seen_s - before.seen_s > longer_than_s:
                    found.append(after.seen_s - before.seen_s)
        return sorted(found)

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"watch-of-{self._state_topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "topic.metadata.refresh.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        places = [
            TopicPartition(topic, number, OFFSET_BEGINNING)
            for topic in (self._progress_topic, self._state_topic)
            for number in range(partitions_of(self._bootstrap, topic))
        ]
        try:
            consumer.assign(places)
            while not self._is_over.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    self._note(message.topic(), message.partition(), message)
        finally:
            consumer.close()

    def _note(self, topic: str | None, partition: int | None, message: object) -> None:
        key, value = message.key(), message.value()  # type: ignore[attr-defined]
        if value is None or partition is None:
            return
        if topic == self._progress_topic:
            if key not in self._keys:
                return  # of how many partitions the log has
            place, reached = self._keys[key], RouterProgress.from_bytes(value).offset
        elif key == b"progress":
            place, reached = (self._log_topic, partition), EngineProgress.from_bytes(value).end
        else:
            return
        written_s = message.timestamp()[1] / 1000  # type: ignore[attr-defined]
        with self._moved:
            self.steps[place].append(Step(written_s, time.time(), reached))
            self._moved.notify_all()
