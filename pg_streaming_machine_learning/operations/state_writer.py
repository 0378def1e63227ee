"""Writing to the state topic, beside the workers or in place of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from pg_streaming_machine_learning.errors import BrokerUnreachable, TransactionError
from pg_streaming_machine_learning.state.layout import StateRecord
from pg_streaming_machine_learning.state.writers import names_of

__all__ = [
    "FencedError",
    "KafkaStateWriter",
    "OpenWriter",
    "StateWriter",
    "engine_writer",
    "keeper_writer",
    "parted",
]

Records = Mapping[int, Sequence[StateRecord]]
"""Records by partition of the state topic."""

TRANSACTION_TIMEOUT_MS = 30_000
TRANSACTION_BYTES = 8_000_000
"""What one transaction writes of snapshots: the broker aborts those that take longer than the time-out."""
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


def parted(records: Records, limit_bytes: int = TRANSACTION_BYTES) -> list[Records]:
    """Return records in groups for transactions, so that none takes long.

    Chunks of snapshots go ahead. What deletes, and all manifests, are in the last group: without its manifest
    a snapshot is nothing. One that is replaced cannot be used while its chunks are.
    """
    groups: list[dict[int, list[StateRecord]]] = [{}]
    size = 0
    for partition, some in records.items():
        for record in filter(_is_chunk, some):
            size += len(record.value or b"")
            if size > limit_bytes and groups[-1]:
                groups.append({})
                size = len(record.value or b"")
            groups[-1].setdefault(partition, []).append(record)
    for partition, some in records.items():
        last = [record for record in some if not _is_chunk(record)]
        if last:
            groups[-1].setdefault(partition, []).extend(last)
    return [*groups]


def _is_chunk(record: StateRecord) -> bool:
    return record.value is not None and not record.key.endswith(b"/manifest")


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
        self._producer, self._other = (
            Producer(
                {
                    "bootstrap.servers": bootstrap,
                    "transactional.id": name,
                    "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                    "log_level": 0,
                }
            )
            for name in names_of(transactional_id)
        )

    def fence(self) -> None:
        """Become the only writer under the name."""
        try:
            self._producer.init_transactions(ANSWER_WITHIN_S)
            self._other.init_transactions(ANSWER_WITHIN_S)
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
            hint = (
                "; Write and Describe on the transactional id and the same with -b, and Write on the topic, "
                "are needed"
            )
        return TransactionError(f"transaction of {self._id!r} failed: {reason.str()} ({name}){hint}")
