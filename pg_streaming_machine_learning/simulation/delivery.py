"""A simulation to Kafka, delivery checked."""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.simulation.messages import Grouping, line_messages, span_messages
from pg_streaming_machine_learning.simulation.simulation import Cycle

__all__ = ["Delivery"]

_MOST_QUEUED = 20_000


class Delivery:
    """Sends cycles to two topics.

    Parameters
    ----------
    bootstrap : str
        The brokers, ``host:port``, separated by commas.
    lines_topic, spans_topic : str
        Where Telegraf's lines and Zipkin's spans go.
    grouping : Grouping
        What is one message of lines.
    timeout_s : float
        Patience with the broker, seconds.

    Raises
    ------
    BrokerUnreachable
        If no broker answers.
    TopicError
        If a topic is missing, and the broker does not make it.

    Notes
    -----
    A message has the time of its cycle by a right clock. Lines have their host as key, spans have none. They
    are not compressed, as Telegraf does not by default: gzip would take more time than all the rest.
    """

    def __init__(
        self,
        bootstrap: str,
        lines_topic: str,
        spans_topic: str,
        grouping: Grouping = Grouping.METRIC,
        timeout_s: float = 30.0,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = (lines_topic, spans_topic)
        self._grouping = grouping
        self._timeout_s = timeout_s
        self._failures: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "delivery.report.only.error": True,
                "linger.ms": 20,
                "log_level": 0,
                "message.timeout.ms": round(timeout_s * 1000),
            }
        )
        for topic in self._topics:
            self._check(topic)

    def write(self, cycle: Cycle) -> int:
        """Hand a cycle to the client; return how many messages it is.

        Raises
        ------
        BrokerUnreachable, TopicError
            If Kafka has not taken a message, of this cycle or one before.
        """
        lines_topic, spans_topic = self._topics
        count = 0
        for host, lines in line_messages(cycle, self._grouping):
            self._send(lines_topic, lines, host, cycle.at_ms)
            count += 1
        for spans in span_messages(cycle):
            self._send(spans_topic, spans, None, cycle.at_ms)
            count += 1
        self._producer.poll(0)
        self._raise_failure()
        return count

    def close(self) -> None:
        """Wait until Kafka has everything.

        Raises
        ------
        BrokerUnreachable, TopicError
            If it does not take it.
        """
        left = self._producer.flush(self._timeout_s + 1)
        self._raise_failure()
        if left > 0:
            raise BrokerUnreachable(
                f"Kafka at {self._bootstrap} did not take {left} messages within {self._timeout_s:g} s"
            )

    def _send(self, topic: str, value: str, key: str | None, at_ms: int) -> None:
        while len(self._producer) >= _MOST_QUEUED:
            self._producer.poll(0.01)
            self._raise_failure()
        while not self._is_queued(topic, value, key, at_ms):
            self._producer.poll(0.01)
            self._raise_failure()

    def _is_queued(self, topic: str, value: str, key: str | None, at_ms: int) -> bool:
        """Queue a message; return False if there is no room: few messages may be large."""
        try:
            self._producer.produce(topic, value, key, timestamp=at_ms, on_delivery=self._delivered)
        except BufferError:
            return False
        except KafkaException as error:
            raise TopicError(f"a message to {topic} cannot be sent: {error.args[0].str()}") from error
        return True

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _raise_failure(self) -> None:
        if not self._failures:
            return
        error, count = self._failures[0], len(self._failures)
        detail = f"Kafka at {self._bootstrap} did not take {count} messages: {error.str()}"
        if error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            raise BrokerUnreachable(detail)
        raise TopicError(detail)

    def _check(self, topic: str) -> None:
        """Ask for a topic until it is there: a broker that makes topics takes a moment."""
        until_s = time.monotonic() + min(self._timeout_s, 10.0)
        while True:
            try:
                found = self._producer.list_topics(topic, timeout=self._timeout_s).topics[topic].error
            except KafkaException as error:
                raise BrokerUnreachable(
                    f"no Kafka answered at {self._bootstrap} within {self._timeout_s:g} s"
                ) from error
            if found is None:
                return
            if time.monotonic() >= until_s or not _may_come(found):
                raise TopicError(
                    f"topic {topic!r} is not there at {self._bootstrap}: {found.str()}; make it first"
                )
            time.sleep(0.2)


def _may_come(error: KafkaError) -> bool:
    return error.code() in (KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
