"""Writing to the state topic, beside the workers or in place of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from pg_streaming_machine_learning.errors import BrokerUnreachable, TransactionError
from pg_streaming_machine_learning.state.layout import StateRecord

__all__ = ["FencedError", "KafkaStateWriter", "OpenWriter", "StateWriter", "engine_writer", "keeper_writer"]

TRANSACTION_TIMEOUT_MS = 30_000
ANSWER_WITHIN_S = 60.0


class FencedError(TransactionError):
    """Another writer took the name meanwhile; nothing was written."""


class StateWriter(Protocol):
    """Writes records of the state topic in transactions, as the only writer under its name."""

    def fence(self) -> None:
        """Become the only writer: whoever had the name before cannot write any more."""

    def write(self, records: Mapping[int, Sequence[StateRecord]]) -> None:
        """Write the records of each partition, all in one transaction.

        Raises
        ------
        FencedError
            If another writer took the name.
        TransactionError
            If they are not known to be written.
        """


class OpenWriter(Protocol):
    """Makes writers."""

    def __call__(self, transactional_id: str) -> StateWriter:
        """Return a writer under a name, not the only one yet."""


def engine_writer(application: str, partition: int) -> str:
    """Return the name under which the engine of a partition writes: taking it fences the worker."""
    return f"{application}-engine-{partition}"


def keeper_writer(application: str) -> str:
    """Return the name under which kept snapshots are written: no worker has it."""
    return f"{application}-snapshots"


class KafkaStateWriter:
    """Writes to Kafka; it blocks.

    Parameters
    ----------
    bootstrap : str
        The brokers, ``host:port``, separated by commas.
    topic : str
        The state topic.
    transactional_id : str
        Its name as a writer.
    """

    def __init__(self, bootstrap: str, topic: str, transactional_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._id = transactional_id
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "log_level": 0,
            }
        )

    def fence(self) -> None:
        """Become the only writer under the name."""
        try:
            self._producer.init_transactions(ANSWER_WITHIN_S)
        except KafkaException as error:
            raise self._failed(error) from error

    def write(self, records: Mapping[int, Sequence[StateRecord]]) -> None:
        """Write the records of each partition, all in one transaction."""
        try:
            self._producer.begin_transaction()
            for partition, some in records.items():
                for record in some:
                    self._produce(partition, record)
            self._producer.commit_transaction(ANSWER_WITHIN_S)
        except KafkaException as error:
            # Readers wait for an open transaction. Whoever was fenced has none any more.
            with suppress(KafkaException):
                self._producer.abort_transaction(1.0)
            raise self._failed(error) from error

    def _produce(self, partition: int, record: StateRecord) -> None:
        while True:
            try:
                self._producer.produce(self._topic, record.value, record.key, partition)
            except BufferError:  # noqa: PERF203
                self._producer.poll(0.1)
            else:
                return

    def _failed(self, error: KafkaException) -> TransactionError | BrokerUnreachable:
        reason = error.args[0]
        name = reason.name()
        if "FENCED" in name or "EPOCH" in name:
            return FencedError(f"another writer took {self._id!r} meanwhile: start the command again")
        if reason.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            return BrokerUnreachable(
                f"Kafka at {self._bootstrap} did not take the transaction of {self._id!r} in time; what was "
                "written shows: pg-streaming-machine-learning snapshot list"
            )
        hint = ""
        if "AUTHORIZATION" in name:
            hint = "; Write and Describe on the transactional id and Write on the topic are needed"
        return TransactionError(f"transaction of {self._id!r} failed: {reason.str()} ({name}){hint}")
