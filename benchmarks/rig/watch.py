"""Reading topics the moment something is there, with the time of arrival."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from benchmarks.rig.scene import Scene
from pg_streaming_machine_learning.operations.topic_reader import record_of
from pg_streaming_machine_learning.records.input import InputRecord
from services.topics import partitions_of

__all__ = ["Watch"]

STALL_S = 60.0
_MOST_AT_ONCE = 2_000


class Watch:
    """A `read_committed` reader of all partitions of some topics; use it as a context.

    Parameters
    ----------
    scene : Scene
        Whose topics.
    kinds : sequence of str
        Which of them; one that is not there yet is waited for.
    """

    def __init__(self, scene: Scene, kinds: Sequence[str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": scene.bootstrap,
                "group.id": "watch",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        topics = [scene.topic(kind) for kind in kinds]
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in topics
                for partition in range(partitions_of(scene.bootstrap, topic))
            ]
        )

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def arrivals(self, enough_s: float = STALL_S) -> Iterator[tuple[float, InputRecord]]:
        """Yield records with the time they were seen at, seconds since the epoch.

        Raises
        ------
        TimeoutError
            If nothing comes for so long, seconds.
        """
        end_s = time.monotonic() + enough_s
        while time.monotonic() < end_s:
            first = self._consumer.poll(0.1)
            if first is None:
                continue
            rest: list[Message] = self._consumer.consume(_MOST_AT_ONCE, 0)
            seen_s = time.time()
            for message in (first, *rest):
                if message.error() is None:
                    end_s = time.monotonic() + enough_s
                    yield seen_s, record_of(message)
        raise TimeoutError(f"nothing came within {enough_s:.0f} s")
