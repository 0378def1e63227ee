"""How far the worker is behind with its input."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

__all__ = ["Unread"]


class Unread:
    """How many records of a topic a consumer group has not read yet.

    Parameters
    ----------
    bootstrap : str
        The broker.
    group, topic : str
        Who reads what.
    every_s : float
        How often the broker is asked at most, seconds.
    """

    def __init__(self, bootstrap: str, group: str, topic: str, every_s: float = 0.5) -> None:
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "log_level": 0,
        }
        self._consumer = Consumer(config)
        self._topic = topic
        self._every_s = every_s
        self._asked_s: float | None = None
        self._committed: dict[int, int] = {}

    def most(self, sent: Mapping[int, int], now_s: float) -> int:
        """Return how many are unread in the partition that has most.

        Parameters
        ----------
        sent : mapping of int to int
            Records sent so far, by partition; the topic was empty before.
        now_s : float
            Monotonic clock, seconds.
        """
        if sent and (self._asked_s is None or now_s - self._asked_s >= self._every_s):
            self._asked_s = now_s
            self._ask(sent)
        return max((count - self._committed.get(number, 0) for number, count in sent.items()), default=0)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _ask(self, sent: Mapping[int, int]) -> None:
        wanted = [TopicPartition(self._topic, number) for number in sent]
        try:
            answers = self._consumer.committed(wanted, timeout=5.0)
        except KafkaException:
            return  # what was known stays; it is asked again
        for answer in answers:
            if answer.error is None and answer.offset >= 0:
                self._committed[answer.partition] = answer.offset
