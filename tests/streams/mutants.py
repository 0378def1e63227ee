"""Workers that each do one thing wrong, so that a test that finds nothing wrong can be shown to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StateRecord
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.transactions import Outgoing, Transactions
from tests.streams.memory import MemoryTransactions
from tests.streams.process import MemoryProcess

__all__ = ["MUTANTS", "SIGNER"]

SIGNER = Signer(b"0123456789abcdef", accept_unsigned=False)


class FencesNobody(MemoryProcess):
    """Writes under a name that no other process has."""

    def open_transactions(self, name: str, codec: str) -> Transactions:
        """Return transactions under a name of this process."""
        return super().open_transactions(f"{name}-{self.name}", codec)


class _LateFence(MemoryTransactions):
    async def open(self) -> None:
        """Fence nobody yet."""

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Fence, if that was not done before, and write."""
        if self.epoch == 0:
            await super().open()
        await super().commit(records)


class FencesAfterReading(MemoryProcess):
    """Reads the state first, and fences the former owner when there is something to write."""

    transactions_class = _LateFence


class IgnoresProgress(MemoryProcess):
    """Does not know up to where outputs were sent."""

    def read_state(self, topic: str, partition: int) -> list[StateRecord]:
        """Return all but the progress."""
        records = super().read_state(topic, partition)
        return [record for record in records if record.key != PROGRESS_KEY]


class BelievesAbortedState(MemoryProcess):
    """Reads its state without minding which transactions were committed."""

    def read_state(self, topic: str, partition: int) -> list[StateRecord]:
        """Return the last values, aborted ones too."""
        self.broker.read_state(topic, partition)
        written = self.broker.written((topic, partition))
        return [StateRecord(record.key or b"", record.value) for _, record in written]


class LearnsAbortedUpdates(MemoryProcess):
    """Reads the log without minding which transactions were committed."""

    def read_log(self, place: TopicPlace, begin: int, end: int) -> list[tuple[int, Outgoing]]:
        """Return records of a partition of the log, aborted ones too."""
        return self.broker.written(place, begin, end)


class _OneOffsetOff(MemoryTransactions):
    async def write(self, records: Sequence[Outgoing]) -> None:
        """Write manifests that name the offset before theirs."""
        await super().write([_moved(record) for record in records])


def _moved(record: Outgoing) -> Outgoing:
    if not (record.key or b"").endswith(b"/manifest"):
        return record
    manifest = Manifest.from_bytes(record.value or b"")
    moved = replace(manifest, position=max(0, manifest.position - 1))
    signed = replace(moved, signature=SIGNER.sign(moved.signed_bytes()))
    return replace(record, value=signed.to_bytes())


class StoresTheWrongOffset(MemoryProcess):
    """Takes snapshots that claim to be of one record before."""

    transactions_class = _OneOffsetOff


class _Apart(MemoryTransactions):
    async def write(self, records: Sequence[Outgoing]) -> None:
        """Write outputs, then what is said about them."""
        await super().write([record for record in records if record.key != PROGRESS_KEY])
        await super().write([record for record in records if record.key == PROGRESS_KEY])


class WritesProgressApart(MemoryProcess):
    """Writes progress in a transaction of its own."""

    transactions_class = _Apart


class _Deaf(MemoryTransactions):
    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write, and take it for done whatever comes of it."""
        try:
            await super().commit(records)
        except TransactionError:
            await self.open()


class GoesOnAfterErrors(MemoryProcess):
    """Takes what failed for done."""

    transactions_class = _Deaf


class _Stubborn(MemoryTransactions):
    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write, and write again if nobody says that it was done."""
        try:
            await super().commit(records)
        except TransactionError:
            await self.open()
            await super().commit(records)


class TriesAgain(MemoryProcess):
    """Writes a transaction again that failed."""

    transactions_class = _Stubborn


MUTANTS: dict[type[MemoryProcess], set[str]] = {
    FencesNobody: {"doubled"},
    FencesAfterReading: {"doubled"},
    IgnoresProgress: {"doubled"},
    BelievesAbortedState: {"missing", "missing at the end"},
    LearnsAbortedUpdates: {"divergent", "missing", "too many"},
    StoresTheWrongOffset: {"FingerprintError ends a process"},
    WritesProgressApart: {"too many", "doubled"},
    GoesOnAfterErrors: {"doubled", "missing"},
    TriesAgain: {"doubled"},
}
"""What each leads to."""
