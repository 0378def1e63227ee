"""What the worker puts out, as the demo reads it: predictions and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pg_streaming_machine_learning.operations.topic_reader import record_of
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.wire.codec import AvroDecoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry

__all__ = ["Feed", "PredictionReader"]

_MOST_AT_ONCE = 500


class Feed:
    """Read all partitions of some topics from their beginning; use it as a context.

    Parameters
    ----------
    bootstrap : str
        The broker.
    topics : sequence of str
        Which topics; they exist already.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "demo-feed",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        known = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in topics
                for partition in known[topic].partitions
            ]
        )

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def take(self, timeout_s: float) -> list[InputRecord]:
        """Return the next records, none if there is nothing new within the time."""
        messages = self._consumer.consume(_MOST_AT_ONCE, timeout_s)
        return [record_of(message) for message in messages if message.error() is None]


class PredictionReader:
    """Turn bytes of the predictions topic into records, by the schema they were written with.

    Parameters
    ----------
    registry_url : str
        The registry that knows the schema.
    """

    def __init__(self, registry_url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._registry = Registry(registry_url)
        self._decoder = AvroDecoder(BottleneckPrediction, self._registry)

    def __enter__(self) -> PredictionReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run_until_complete(self._registry.aclose())
        self._loop.close()

    def read(self, record: InputRecord) -> BottleneckPrediction:
        """Return the prediction in a record of the predictions topic.

        Raises
        ------
        RefusedRecord
            If it holds none.
        """
        value = b"" if record.value is None else record.value
        decoding = self._decoder.decode(value, record.timestamp_ms / 1000)
        return self._loop.run_until_complete(decoding)
