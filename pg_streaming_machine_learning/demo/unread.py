"""How far the worker is behind with its input."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

__all__ = ["Place", "Unread"]

Place = tuple[str, int]
"""Topic and partition."""


class Unread:
    """How many records of its topics a consumer group has not read yet.

    Parameters
    ----------
    bootstrap : str
        The broker.
    group : str
        Who reads.
    every_s : float
        How often the broker is asked at most, seconds.
    """

    def __init__(self, bootstrap: str, group: str, every_s: float = 0.5) -> None:
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "log_level": 0,
        }
        self._consumer = Consumer(config)
        self._every_s = every_s
        self._asked_s: float | None = None
        self._committed: dict[Place, int] = {}

    def of(self, sent: Mapping[Place, int], now_s: float) -> dict[Place, int]:
        """Return how many records are unread in each partition.

        Parameters
        ----------
        sent : mapping of Place to int
            Records sent so far; the topics were empty before.
        now_s : float
            Monotonic clock, seconds.
        """
        if sent and (self._asked_s is None or now_s - self._asked_s >= self._every_s):
            self._asked_s = now_s
            self._ask(sent)
        return {place: count - self._committed.get(place, 0) for place, count in sent.items()}

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _ask(self, sent: Mapping[Place, int]) -> None:
        wanted = [TopicPartition(topic, partition) for topic, partition in sent]
        try:
            answers = self._consumer.committed(wanted, timeout=5.0)
        except KafkaException:
            return  # what was known stays; it is asked again
        for answer in answers:
            if answer.error is None and answer.offset >= 0:
                self._committed[answer.topic, answer.partition] = answer.offset
