"""Send refused records back to where they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pg_streaming_machine_learning.errors import BrokerUnreachable, DeadLetterError
from pg_streaming_machine_learning.operations.dead_letters import REPLAYS_HEADER, DeadLetter
from pg_streaming_machine_learning.operations.topic_reader import TopicReader

__all__ = ["replay"]

_MOST_QUEUED = 20_000
_ORIGIN_HEADERS = frozenset({"reason", "detail", "topic", "partition", "offset", "timestamp"})


def replay(bootstrap: str, letters: Iterable[DeadLetter], timeout_s: float = 30.0) -> int:
    """Send dead letters back to the topic and partition they came from, and wait until Kafka has them.

    Parameters
    ----------
    bootstrap : str
        The brokers, ``host:port``, separated by commas.
    letters : iterable of DeadLetter
        What to send; key and value go untouched, with the headers the record had at first.
    timeout_s : float
        Patience with the broker, seconds.

    Returns
    -------
    int
        How many were sent.

    Raises
    ------
    DeadLetterError
        If one does not say where it came from, has left its bytes there, its topic or partition is not
        there, or Kafka refuses one. Nothing is sent then, unless it was Kafka.
    BrokerUnreachable
        If Kafka does not take them in time.

    Notes
    -----
    A record gets the present time, as Kafka may delete by time, and `REPLAYS_HEADER` counts up. The dead
    letter stays where it is: replaying it again sends it again.
    """
    with TopicReader(bootstrap, timeout_s) as reader:
        chosen = list(letters)
        _check_origins(reader, chosen)
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "message.timeout.ms": round(timeout_s * 1000),
            "log_level": 0,
        }
    )
    for letter in chosen:
        _send(producer, letter, delivered)
    if producer.flush(timeout_s + 1) > 0:
        raise BrokerUnreachable(f"Kafka at {bootstrap} did not take all records within {timeout_s:g} s")
    if failures:
        raise DeadLetterError(f"{len(failures)} of {len(chosen)} records were not taken: {failures[0].str()}")
    return len(chosen)


def _check_origins(reader: TopicReader, letters: Iterable[DeadLetter]) -> None:
    partitions: dict[str, tuple[int, ...]] = {}
    for letter in letters:
        record = letter.record
        place = f"dead letter {record.topic}[{record.partition}]@{record.offset}"
        if not letter.topic or letter.partition is None:
            raise DeadLetterError(f"{place} does not say where it came from")
        if letter.is_bare:
            raise DeadLetterError(f"{place} was too large to be kept; its bytes are still at {letter.origin}")
        if letter.topic not in partitions:
            partitions[letter.topic] = reader.partitions(letter.topic)
        if letter.partition not in partitions[letter.topic]:
            raise DeadLetterError(f"{place} came from {letter.origin}, a partition that is not there")


def _send(
    producer: Producer, letter: DeadLetter, delivered: Callable[[KafkaError | None, Message], None]
) -> None:
    headers: list[tuple[str, str | bytes | None]] = [
        (name, value)
        for name, value in letter.record.headers
        if name not in _ORIGIN_HEADERS and name != REPLAYS_HEADER
    ]
    headers.append((REPLAYS_HEADER, str(letter.replays + 1).encode()))
    while len(producer) >= _MOST_QUEUED:
        producer.poll(0.1)
    try:
        producer.produce(
            letter.topic,
            letter.record.value,
            letter.record.key,
            partition=-1 if letter.partition is None else letter.partition,
            headers=headers,
            on_delivery=delivered,
        )
    except KafkaException as error:
        raise DeadLetterError(f"{letter.origin} cannot be sent: {error.args[0].str()}") from error
    producer.poll(0)
