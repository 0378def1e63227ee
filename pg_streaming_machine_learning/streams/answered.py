"""How far the predictions of a partition of the log were sent: what the last one of them says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.streams.outlet import Header

__all__ = ["LogPlace", "cause_headers", "last_answered"]

OFFSET_HEADER = "log-offset"
INDEX_HEADER = "log-index"

_TIMEOUT_S = 30.0
_FIRST_LOOK = 100


@dataclass(frozen=True, order=True, slots=True)
class LogPlace:
    """What caused an output: a record of the log, and which of its outputs it is.

    Parameters
    ----------
    offset : int
        Offset of the record in its partition of the log.
    index : int
        Number of the output among those the record caused, 0 for the first.
    """

    offset: int
    index: int


def cause_headers(cause: LogPlace) -> list[Header]:
    """Return the headers that name the cause of an output.

    Examples
    --------
    >>> cause_headers(LogPlace(12, 0))
    [('log-offset', b'12'), ('log-index', b'0')]
    """
    return [(OFFSET_HEADER, str(cause.offset).encode()), (INDEX_HEADER, str(cause.index).encode())]


def last_answered(bootstrap_servers: str, topic: str, partition: int) -> LogPlace | None:
    """Return the cause of the furthest prediction in a partition, None if there is no prediction.

    It blocks, for a moment as a rule. Predictions are sent in the order of their causes, so everything up to
    the furthest was sent.

    Raises
    ------
    BrokerUnreachable
        If Kafka does not answer in time.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "pg-streaming-machine-learning-answered",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
        look, begin, found = _FIRST_LOOK, high, None
        while found is None and begin > low:
            begin = max(low, high - look)
            found = _furthest(consumer, TopicPartition(topic, partition, begin), high)
            look *= 10
    except KafkaException as error:
        raise BrokerUnreachable(f"cannot read the end of {topic}[{partition}]: {error}") from error
    finally:
        consumer.close()
    return found


def _furthest(consumer: Consumer, begin: TopicPartition, end: int) -> LogPlace | None:
    """Return the furthest cause named between an offset and the end."""
    consumer.assign([begin])
    found: LogPlace | None = None
    while True:
        message = consumer.poll(_TIMEOUT_S)
        if message is None:
            raise BrokerUnreachable(f"cannot read the end of {begin.topic}[{begin.partition}]: no answer")
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                return found
            raise KafkaException(error)
        cause = _cause(dict(message.headers() or ()))
        if cause is not None and (found is None or cause > found):
            found = cause
        offset = message.offset()
        if offset is not None and offset >= end - 1:
            return found


def _cause(named: Mapping[str, Any]) -> LogPlace | None:
    """Return the cause that headers name, None if they name none."""
    try:
        return LogPlace(int(named[OFFSET_HEADER]), int(named.get(INDEX_HEADER, b"0")))
    except (KeyError, TypeError, ValueError):
        return None
