"""An engine at work on a partition of the log: batches in, predictions out."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.prediction import LateUpdate, Prediction
from pg_streaming_machine_learning.streams.answered import LogPlace, cause_headers
from pg_streaming_machine_learning.streams.batch import Batch, FetchedRecord, TopicPlace
from pg_streaming_machine_learning.streams.breath import Breath
from pg_streaming_machine_learning.streams.outlet import Outlet, stored
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.wire.log import decode

__all__ = ["EngineHost"]

logger = logging.getLogger(__name__)


class EngineHost:
    """Runs an engine over one partition of the log.

    What the log held when the partition was taken over is replayed: the engine gets the state it had, and
    outputs that were already sent are not sent again.

    Parameters
    ----------
    place : (str, int)
        The partition of the log.
    engine : Engine
        A fresh engine: the log is read from its beginning.
    answered : LogPlace or None
        The cause of the furthest output sent before.
    replay_to : int
        The end of the log when the partition was taken over.
    output : PredictionOutput
        Makes the records.
    outlet : Outlet
        Where they leave.
    positions : Positions
        How far the partition is done.
    monotonic : callable
        Passing time, seconds.
    """

    def __init__(
        self,
        place: TopicPlace,
        engine: Engine,
        answered: LogPlace | None,
        replay_to: int,
        output: PredictionOutput,
        outlet: Outlet,
        positions: Positions,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.is_closed = False
        self._place = place
        self._answered = answered
        self._replay_to = replay_to
        self._output = output
        self._outlet = outlet
        self._positions = positions
        self._monotonic = monotonic
        self._taken_s = monotonic()
        self._sendings: list[Awaitable[Any]] = []
        self._is_busy = False

    def close(self) -> None:
        """Give the partition up; work underway stops at the next step, and the engine is thrown away."""
        self.is_closed = True

    async def take(self, batch: Batch) -> None:
        """Let the engine read a batch; it is done when Kafka has stored all predictions it led to.

        Raises
        ------
        LogFormatError
            If a record of the log cannot be read. The message says where it is.
        RuntimeError
            If the batch before was not finished: the engine stopped between two states.
        """
        if self._is_busy:
            raise RuntimeError(f"engine of {self._name} was left in the middle of a batch")
        new = self._positions.new_records(batch)
        if new is None or self.is_closed:
            return
        self._is_busy = True
        breath = Breath(self._monotonic)
        for fetched in new:
            await self._read(fetched, breath)
            if self.is_closed:
                return
        await stored(self._sendings)
        if self.is_closed:
            return  # the position is that of another engine by now
        self._sendings.clear()
        self._positions.done(self._place, batch.end)
        self._report(batch)
        self._is_busy = False

    async def _read(self, fetched: FetchedRecord, breath: Breath) -> None:
        """Let the engine read one record, in steps."""
        index = 0
        try:
            record = decode(fetched.value if fetched.value is not None else b"")
        except LogFormatError as error:
            raise LogFormatError(f"{self._name}@{fetched.offset}: {error}") from error
        for prediction in self.engine.steps((record,)):
            if prediction is not None:
                await self._answer(prediction, LogPlace(fetched.offset, index))
                index += 1
            await breath.take()
            if self.is_closed:
                return

    async def _answer(self, prediction: Prediction, cause: LogPlace) -> None:
        """Send a prediction, unless it was sent in a life before."""
        if self._answered is not None and cause <= self._answered:
            return
        output = self._output.encode(prediction)
        self._sendings.append(await self._outlet.send(output, self._place[1], cause_headers(cause)))

    def _report(self, batch: Batch) -> None:
        """Log what an operator wants to know of a batch."""
        late = self.engine.take_late()
        if batch.end <= self._replay_to:
            late = []
        if late:
            _log_late(self._name, late)
        if batch.base < self._replay_to <= batch.end:
            logger.info(
                "state rebuilt partition=%s offset=%d seconds=%.1f %s",
                self._name,
                batch.end,
                self._monotonic() - self._taken_s,
                self.engine.counts,
            )

    @property
    def _name(self) -> str:
        return f"{self._place[0]}[{self._place[1]}]"


def _log_late(name: str, late: list[LateUpdate]) -> None:
    """Log the late updates of a batch in one line, with the one that was latest."""
    latest = max(late, key=lambda update: update.late_ms)
    logger.warning(
        "late updates not used partition=%s count=%d latest_ms=%d host=%s metric=%s window_start_ms=%d",
        name,
        len(late),
        latest.late_ms,
        latest.host,
        latest.metric,
        latest.window_start_ms,
    )
