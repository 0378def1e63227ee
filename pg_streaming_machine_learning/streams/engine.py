"""An engine at work on a partition of the log: batches in, transactions of predictions and progress out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import FingerprintError, LogFormatError
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Concluded, Effect
from pg_streaming_machine_learning.records.update import ProgressMark
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.recovery import Recovered
from pg_streaming_machine_learning.streams.batch import Batch, FetchedRecord, TopicPlace
from pg_streaming_machine_learning.streams.breath import Breath
from pg_streaming_machine_learning.streams.cause import LogPlace, cause_headers
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from pg_streaming_machine_learning.streams.transactions import Outgoing, Transactions
from pg_streaming_machine_learning.windows.open_windows import Late
from pg_streaming_machine_learning.wire.log import decode

__all__ = ["EngineHost", "EngineOutlet"]

logger = logging.getLogger(__name__)

EMPTY_EVERY_S = 1.0
"""How often progress without any output is written: it saves nothing but the check of what comes after it."""

TRANSACTION_BYTES = 8_000_000
"""What one transaction writes of a snapshot: the broker aborts those that take over 15 seconds."""


_MOST_NAMED = 20
"""Hosts without metrics that are named at a time."""


@dataclass(frozen=True)
class EngineOutlet:
    """Where the results of an engine go.

    Parameters
    ----------
    transactions : Transactions
        Opened before the state was read.
    predictions : PredictionOutput
        Makes the records.
    state_topic : str
        Where progress and snapshots go.
    published : Publisher
        Makes the records of what else is told.
    """

    transactions: Transactions
    predictions: PredictionOutput
    state_topic: str
    published: Publisher = field(default_factory=lambda: Publisher({}))


class EngineHost:
    """Runs an engine over one partition of the log, from where it was recovered.

    Outputs and the progress they mean are one transaction. Up to the progress that was found, the log is
    read again without outputs; there the state has to be the one whose outputs were sent, by its fingerprint,
    unless a new generation of the model begins.

    Parameters
    ----------
    place : (str, int)
        The partition of the log.
    recovered : Recovered
        Engine, position, and what is known of the outputs sent.
    outlet : EngineOutlet
        Where results go.
    snapshots : SnapshotWriter
        Takes snapshots when they are due.
    positions : Positions
        How far the partition is done.
    gate : CommitGate
        Whether a commit may begin.
    monotonic : callable
        Passing time, seconds.
    """

    def __init__(
        self,
        place: TopicPlace,
        recovered: Recovered,
        outlet: EngineOutlet,
        snapshots: SnapshotWriter,
        positions: Positions,
        gate: CommitGate,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = recovered.engine
        self.is_closed = False
        self._place = place
        self._recovered = recovered
        self._emitted_to = max(recovered.emitted_to, recovered.position)
        self._is_replaying = True
        self._outlet = outlet
        self._snapshots = snapshots
        self._positions = positions
        self._gate = gate
        self._monotonic = monotonic
        self._taken_s = monotonic()
        self._committed_s = -EMPTY_EVERY_S
        self._is_busy = False

    @property
    def is_restored(self) -> bool:
        """Whether the state is as new as the outputs that were sent."""
        return not self._is_replaying

    async def begin(self) -> None:
        """Check the state at once if there is nothing to read again."""
        if self._is_replaying and self._recovered.position >= self._emitted_to:
            await self._meet()

    def close(self) -> None:
        """Give the partition up; work underway stops at the next step, and the engine is thrown away."""
        self.is_closed = True
        self._outlet.transactions.close()

    async def take(self, batch: Batch) -> None:
        """Let the engine read a batch; it is done when its transaction is committed.

        Raises
        ------
        LogFormatError
            If a record of the log cannot be read. The message says where it is.
        FingerprintError
            If reading the log again gave another state than before.
        TransactionError
            If the results cannot be written.
        RuntimeError
            If the batch before was not finished: the engine stopped between two states.
        """
        if self._is_busy:
            raise RuntimeError(f"engine of {self._name} was left in the middle of a batch")
        new = self._positions.new_records(batch)
        if new is None or self.is_closed:
            return
        self._is_busy = True
        outputs: list[Outgoing] = []
        breath = Breath(self._monotonic)
        began_s = self._monotonic()
        read = 0
        for fetched in new:
            if self._is_replaying and fetched.offset >= self._emitted_to:
                await self._meet()
            record = self._record(fetched)
            read += len(record) if isinstance(record, WindowUpdates) else 1
            if isinstance(record, ProgressMark):
                await self._advance(record, fetched.offset, outputs, breath)
            else:
                for final in self.engine.take(record):
                    self._put_out(final, outputs)
            if breath.is_due():
                await breath.take()
            if self.is_closed:
                return
        if self._is_replaying and batch.end >= self._emitted_to:
            await self._meet()
        self._snapshots.schedule.worked(read, self._monotonic() - began_s)
        if not self._is_replaying:
            await self._commit(outputs, batch.end)
        if self.is_closed:
            return  # the position is that of another engine by now
        self._positions.done(self._place, batch.end)
        self._report_late()
        self._report_drifts()
        self._is_busy = False

    def _record(self, fetched: FetchedRecord) -> LogRecord:
        """Return the record of the log that was fetched."""
        try:
            return decode(fetched.value if fetched.value is not None else b"")
        except LogFormatError as error:
            raise LogFormatError(f"{self._name}@{fetched.offset}: {error}") from error

    async def _advance(
        self, mark: ProgressMark, offset: int, outputs: list[Outgoing], breath: Breath
    ) -> None:
        """Let the engine close what a mark lets it, in steps."""
        index = 0
        for effect in self.engine.steps((mark,)):
            if effect is not None:
                self._put_out(effect, outputs)
            if isinstance(effect, Concluded) and effect.prediction is not None:
                if not self._is_replaying:
                    output = self._outlet.predictions.encode(effect.prediction)
                    outputs.append(self._outgoing(output, LogPlace(offset, index)))
                index += 1
            if breath.is_due():
                await breath.take()
                if self.is_closed:
                    return

    def _put_out(self, effect: Effect, outputs: list[Outgoing]) -> None:
        """Add what is published of an effect; without headers, as others write these topics."""
        if not (self._is_replaying or self._outlet.published.is_silent):
            outputs += [self._outgoing(each) for each in self._outlet.published.encode(effect)]

    def _outgoing(self, output: Output, cause: LogPlace | None = None) -> Outgoing:
        partition = self._place[1] if output.partition is None else output.partition
        headers = () if cause is None else cause_headers(cause)
        return Outgoing(output.topic, partition, output.key, output.value, headers)

    async def _meet(self) -> None:
        """Begin to send outputs: the state has come to where they were sent to."""
        recovered = self._recovered
        found = self.engine.fingerprint()
        if recovered.fingerprint is not None and found != recovered.fingerprint:
            raise FingerprintError(self._mismatch(found))
        if recovered.learner is not None:
            self.engine.adopt_learner(recovered.learner)
        self._is_replaying = False
        self.engine.take_late()
        logger.info(
            "state restored partition=%s offset=%d seconds=%.1f generation=%d read_again=%d %s",
            self._name,
            self._emitted_to,
            self._monotonic() - self._taken_s,
            recovered.generation,
            self._emitted_to - recovered.position,
            self.engine.counts,
        )
        if recovered.generation != self.engine.generation:
            self.engine.begin_generation(recovered.generation)
            # At once and together, so that no progress of a generation is ever without its state.
            first = await self._snapshots.records(self.engine, self._emitted_to, is_needed=True)
            await self._write([], self._emitted_to, first)

    async def _commit(self, outputs: list[Outgoing], end: int) -> None:
        """Write outputs and progress; then a snapshot if it is due."""
        is_quiet = not outputs and self._monotonic() - self._committed_s < EMPTY_EVERY_S
        if not is_quiet:
            await self._write(outputs, end)
        if self._snapshots.schedule.is_due() and not self.is_closed:
            await self._write([], end, await self._snapshots.records(self.engine, end))

    async def _write(self, outputs: list[Outgoing], end: int, snapshot: Sequence[Outgoing] = ()) -> None:
        """Write a transaction; its last record is the progress.

        A snapshot's chunks go ahead in transactions of their own where they are many, so that none takes
        long: without the manifest, which goes with the progress, they are nothing.
        """
        *ahead, last = _parted(snapshot)
        for chunks in ahead:
            await self._send(chunks)
        records = [*outputs, *last]
        progress = EngineProgress(
            end=end,
            fingerprint=self.engine.fingerprint(),
            generation=self.engine.generation,
            model_version=model_version(self.engine.generation),
        )
        topic, partition = self._outlet.state_topic, self._place[1]
        records.append(Outgoing(topic, partition, PROGRESS_KEY, progress.to_bytes()))
        await self._send(records)
        self._committed_s = self._monotonic()

    async def _send(self, records: list[Outgoing]) -> None:
        """Write records in one transaction, unless the partition was given up."""
        async with self._gate:
            if not self.is_closed:
                await self._outlet.transactions.commit(records)

    def _report_late(self) -> None:
        """Log the late updates of a batch in one line, with the one that was latest."""
        late, strangers = self.engine.take_late(), self.engine.take_strangers()
        if self._is_replaying:
            return
        if late:
            _log_late(self._name, late)
        for host in strangers[:_MOST_NAMED]:
            logger.warning(
                "spans of a host without metrics partition=%s host=%s: "
                "if its metrics have another name, say so in HOST_ALIASES",
                self._name,
                host,
            )
        if len(strangers) > _MOST_NAMED:
            logger.warning("spans of %d more hosts without metrics", len(strangers) - _MOST_NAMED)

    def _report_drifts(self) -> None:
        """Log in one line what a batch has changed in the model."""
        kinds = [event.kind for event in self.engine.take_model_events()]
        if kinds and not self._is_replaying:
            logger.info(
                "model drifts partition=%s warnings=%d trees_replaced=%d samples_learned=%d",
                self._name,
                kinds.count("warning"),
                kinds.count("drift"),
                self.engine.counts.learned,
            )

    def _mismatch(self, found: str) -> str:
        recovered = self._recovered
        return (
            f"{self._name}: reading the log again from offset {recovered.position} to {self._emitted_to} "
            f"gave another state ({found[:12]}) than the one whose predictions were sent "
            f"({(recovered.fingerprint or '')[:12]}, by {recovered.model_version!r}; this is "
            f"{model_version(self.engine.generation)!r}): a release or a setting that changes "
            "predictions. Go on with the former one, or begin a new generation of the model: "
            "pg-streaming-machine-learning reset --generation (docs/snapshots.md)"
        )

    @property
    def _name(self) -> str:
        return f"{self._place[0]}[{self._place[1]}]"


def _parted(records: Sequence[Outgoing]) -> list[list[Outgoing]]:
    """Return records in groups for transactions, none too large; at least one group."""
    groups: list[list[Outgoing]] = [[]]
    size = 0
    for record in records:
        size += len(record.value or b"")
        if size > TRANSACTION_BYTES:
            groups.append([])
            size = len(record.value or b"")
        groups[-1].append(record)
    return groups


def _log_late(name: str, late: list[Late]) -> None:
    """Log late updates."""
    latest = max(late, key=lambda update: update.late_ms)
    logger.warning(
        "late updates not used partition=%s count=%d latest_ms=%d host=%s metric=%s window_start_ms=%d",
        name,
        sum(each.count for each in late),
        latest.late_ms,
        latest.host,
        latest.metric or "-",
        latest.window_start_ms,
    )
