"""Workers with a defect put in, to see that a storm finds it.

Each defect is one that a way of working with Kafka has by itself, put in by wrapping methods of the product.
Where the product's own check of fingerprints would end the worker first, it is switched off: what has to be
seen here is that the counts find the defect, too.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from storm.points import replace_everywhere

__all__ = ["MUTANTS", "VARIABLE", "install"]

VARIABLE = "STORM_MUTANT"
"""Variable of the environment that names the defect to a worker."""


def install(name: str) -> None:
    """Put a defect in, in a worker; nothing if the name is empty."""
    if name:
        MUTANTS[name]()


def _no_fencing() -> None:
    """Give each process a transactional id of its own, so that nobody is fenced."""
    from pg_streaming_machine_learning.streams.transactions import KafkaTransactions

    inner = KafkaTransactions.__init__

    def init(self: Any, bootstrap_servers: str, transactional_id: str, *more: Any) -> None:
        inner(self, bootstrap_servers, f"{transactional_id}-{uuid4().hex}", *more)

    _put(KafkaTransactions, "__init__", init)


def _progress_ignored() -> None:
    """Send outputs again from the snapshot on, whatever was sent before."""
    _recover_otherwise(lambda found: {"emitted_to": found.position, "fingerprint": None})


def _committed_offset() -> None:
    """Go on where Kafka was last told, whatever the snapshot says."""
    from pg_streaming_machine_learning.streams.owners import KafkaOwners

    _recover_otherwise(lambda found: {"fingerprint": None})
    inner = KafkaOwners.engine

    async def engine(self: Any, place: tuple[str, int]) -> tuple[Any, int] | None:
        found: Any = await inner(self, place)
        if found is None:
            return None
        host, position = found
        return host, await asyncio.to_thread(_committed, self._settings, place, position)

    _put(KafkaOwners, "engine", engine)


def _without_offset() -> None:
    """Take the progress for the position of the snapshot."""
    _recover_otherwise(lambda found: {"position": max(found.position, found.emitted_to), "fingerprint": None})


def _offset_before() -> None:
    """Store with a snapshot the position of the one before."""
    from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter

    _recover_otherwise(lambda found: {"fingerprint": None})
    inner = SnapshotWriter._records

    def records(self: Any, engine: Any, position: int) -> Any:
        before, self.position_before = getattr(self, "position_before", 0), position
        return inner(self, engine, before)

    _put(SnapshotWriter, "_records", records)


def _acknowledge_on_error() -> None:
    """Go on with the next batch when the transaction of one fails, unless nothing can be written any more."""
    from pg_streaming_machine_learning.errors import TransactionError
    from pg_streaming_machine_learning.streams.transactions import KafkaTransactions

    inner = KafkaTransactions.write

    def write(self: Any, records: Any) -> None:
        try:
            inner(self, records)
        except TransactionError as error:
            if "FENCED" in str(error):
                raise
            with suppress(Exception):
                self.producer.abort_transaction(5.0)

    _put(KafkaTransactions, "write", write)


def _skip_on_registry_fault() -> None:
    """Pass over a record whose schema cannot be had."""
    from pg_streaming_machine_learning.errors import RefusedRecord, RegistryUnavailable
    from pg_streaming_machine_learning.sources.routing import Routed
    from pg_streaming_machine_learning.sources.source import read_whole
    from pg_streaming_machine_learning.streams.router import Router

    inner = Router._waited_for

    async def waited_for(self: Any, record: Any, breath: Any) -> Any:
        try:
            await read_whole(self._source, record)
        except RefusedRecord:
            pass
        except RegistryUnavailable:
            return Routed()
        return await inner(self, record, breath)

    _put(Router, "_waited_for", waited_for)


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no fencing": _no_fencing,
    "progress ignored": _progress_ignored,
    "Kafka's committed offset as position": _committed_offset,
    "snapshot without its offset": _without_offset,
    "snapshot with the offset of the one before": _offset_before,
    "acknowledge on error": _acknowledge_on_error,
    "skip on a registry fault": _skip_on_registry_fault,
}
"""What puts each defect in, by its name."""


def _put(owner: type, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def _recover_otherwise(change: Callable[[Any], dict[str, Any]]) -> None:
    """Change what was recovered."""
    import pg_streaming_machine_learning.streams.owners  # noqa: F401
    from pg_streaming_machine_learning.state import recovery

    inner = recovery.recover

    def recover(*arguments: Any, **named: Any) -> Any:
        found = inner(*arguments, **named)
        return dataclasses.replace(found, **change(found))

    replace_everywhere(inner, recover)


def _committed(settings: Any, place: tuple[str, int], otherwise: int) -> int:
    """Return what the consumer group last told of a partition."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": settings.application_id}
    )
    try:
        offset = consumer.committed([TopicPartition(*place)], timeout=10)[0].offset
    finally:
        consumer.close()
    return max(offset, otherwise) if offset >= 0 else otherwise
