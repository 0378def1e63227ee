"""The worker without durability: plain sends in place of transactions, no fingerprints, no snapshots.

Run as ``python -m benchmarks.rig.without worker -l INFO``. It is what durability is compared with, and loses
and repeats records as soon as something goes wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Producer

from pg_streaming_machine_learning import assembly
from pg_streaming_machine_learning.demo import child
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule
from pg_streaming_machine_learning.streams.transactions import Outgoing

__all__ = ["PlainSends", "main"]


class PlainSends:
    """Sends that nobody waits for, where `Transactions` are expected; progress is not sent."""

    def __init__(self, bootstrap_servers: str, transactional_id: str, codec: str) -> None:
        self.transactional_id = transactional_id
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "compression.type": codec,
                "compression.level": 1,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )

    async def open(self) -> None:
        """Do nothing: nobody else is kept from writing."""

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Hand the records to the producer, but for progress and what else only a new start reads."""
        for record in records:
            if not _is_state(record):
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition, headers=list(record.headers)
                )
        self._producer.poll(0)

    def close(self) -> None:
        """Send what is left."""
        self._producer.flush(5)


def _is_state(record: Outgoing) -> bool:
    return record.topic.endswith(("-state", "-progress"))


def main() -> None:
    """Take durability away, and be the worker."""
    for owner, name, replacement in (
        (assembly, "KafkaTransactions", PlainSends),
        (Engine, "fingerprint", lambda _: "0" * 32),
        (SnapshotSchedule, "is_due", lambda _: False),
    ):
        setattr(owner, name, replacement)
    child.main()


if __name__ == "__main__":
    main()
