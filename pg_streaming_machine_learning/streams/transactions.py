"""Transactions of one writer: all of its records become visible together, or none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from confluent_kafka import KafkaException, Producer

from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.state.writers import names_of

__all__ = [
    "FOR_ANYBODY",
    "FOR_US",
    "Header",
    "KafkaTransactions",
    "OpenTransactions",
    "Outgoing",
    "Transactions",
]

Header = tuple[str, bytes]

_Result = TypeVar("_Result")

TRANSACTION_TIMEOUT_MS = 15_000
"""After how long the broker aborts a transaction whose writer is gone and has no successor."""

FOR_ANYBODY = "gzip"
"""The codec that every client reads."""

FOR_US = "lz4"
"""The codec of what only workers read: a tenth of the work."""

FENCE_WITHIN_S = 60.0
COMMIT_WITHIN_S = 30.0


@dataclass(slots=True, unsafe_hash=True)
class Outgoing:
    """A record on its way to a partition.

    Nobody changes it. It is not frozen, since that would take three times as long to make, for each record.

    Parameters
    ----------
    topic, partition
        Where to.
    key, value : bytes or None
        What.
    headers : tuple of (str, bytes)
        In their order.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


class Transactions(Protocol):
    """Writes batches of records, each wholly or not at all, as the only writer under its name."""

    async def open(self) -> None:
        """Become the only writer: whoever had the name before cannot write any more."""

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write records in one transaction; when this returns, readers see them.

        Raises
        ------
        TransactionError
            If it is not known to have succeeded. Nothing more can be written then.
        """

    def close(self) -> None:
        """Write nothing more."""


OpenTransactions = Callable[[str, str], Transactions]
"""Transactional id and codec → transactions, not opened yet."""


class KafkaTransactions:
    """Transactions of two librdkafka producers in turns, in a thread of their own.

    Under which names, and why two, is said in `state.writers`. Nothing is retried or aborted by hand: after
    an error the process ends, and its successor's `open` has the broker abort what was left.

    Parameters
    ----------
    bootstrap_servers : str
        The brokers.
    transactional_id : str
        The writer's name. Of several with the same one only the last that was opened can write.
    codec : str
        By which its records are compressed: `FOR_ANYBODY` or `FOR_US`.

    Attributes
    ----------
    transactional_id : str
        The writer's name.
    """

    def __init__(self, bootstrap_servers: str, transactional_id: str, codec: str = FOR_ANYBODY) -> None:
        self.transactional_id = transactional_id
        self._bootstrap_servers = bootstrap_servers
        self._codec = codec
        self._producers: list[Producer] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=transactional_id)

    @property
    def producer(self) -> Producer:
        """The one whose turn it is."""
        return self._producers[0]

    async def open(self) -> None:
        """Become the only writer under the name."""
        await self._in_thread(self.fence)

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write records in one transaction."""
        await self._in_thread(lambda: self.write(records))

    def close(self) -> None:
        """Write nothing more; what is under way is left to itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def fence(self) -> None:
        """Make the producers, and have the broker refuse those before them, in their order; it blocks."""
        end_s = time.monotonic() + FENCE_WITHIN_S
        self._producers = [self._fenced(name, end_s) for name in names_of(self.transactional_id)]

    def _fenced(self, name: str, end_s: float) -> Producer:
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "transactional.id": name,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "compression.type": self._codec,
                "compression.level": 1,
                "linger.ms": 5,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 1000,
                "message.max.bytes": 1_000_000_000,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
                "log_level": 0,
            }
        )
        while True:
            try:
                producer.init_transactions(max(1.0, end_s - time.monotonic()))
            except KafkaException as error:
                if error.args[0].retriable() and time.monotonic() < end_s:
                    continue
                raise self._failed("could not be begun", error) from error
            return producer

    def write(self, records: Sequence[Outgoing]) -> None:
        """Write records in one transaction; it blocks."""
        try:
            self.producer.begin_transaction()
            for record in records:
                self.produce(record)
            self.finish()
        except KafkaException as error:
            raise self._failed("failed", error) from error
        self._producers.reverse()  # not after an error, which the same one has to repeat

    def produce(self, record: Outgoing) -> None:
        """Hand a record of the transaction to the producer."""
        headers: list[tuple[str, str | bytes | None]] | None = None
        if record.headers:
            headers = list(record.headers)
        while True:
            try:
                self.producer.produce(
                    record.topic, record.value, record.key, record.partition, headers=headers
                )
            except BufferError:  # noqa: PERF203
                self.producer.poll(0.1)
            else:
                return

    def finish(self) -> None:
        """Commit the transaction."""
        self.producer.commit_transaction(COMMIT_WITHIN_S)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _failed(self, how: str, error: KafkaException) -> TransactionError:
        reason = error.args[0]
        return TransactionError(
            f"transactions of {self.transactional_id!r} {how} ({reason.name()}: {reason.str()}); "
            f"{_hint(reason.name())}"
        )


def _hint(name: str) -> str:
    """Return what an operator can make of an error of librdkafka."""
    if "FENCED" in name or "INVALID_PRODUCER_EPOCH" in name:
        return "another worker has the partition now, this one has to start anew"
    if "TIMED_OUT" in name or "COORDINATOR" in name:
        return (
            "a new start mends it once the broker answers; if it never does, see transaction.state.log.* in "
            "its settings (replication factor and min.isr must not exceed the number of brokers)"
        )
    if "AUTHORIZATION" in name:
        return (
            "the broker's access control has to allow Write and Describe on the transactional id, and on the "
            "same with -b"
        )
    return "a new start mends it if the cause is gone"
