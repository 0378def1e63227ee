"""What a reader has to see of a partition: the outputs of an engine that reads its log and never stops."""

from __future__ import annotations

from collections.abc import Mapping

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.wire.log import decode
from tests.logs import config
from tests.streams.memory import MemoryBroker
from tests.streams.process import PREDICTIONS

__all__ = ["Undisturbed"]


class Undisturbed:
    """An engine that follows the progress of workers on a partition of the log, and never stops.

    Parameters
    ----------
    broker : MemoryBroker
        Where the log is.
    partition : int
        Of the log.
    orders : mapping of int to bytes or None
        The generations of the model that were ordered, by number: the snapshot whose model is to go on, or
        None if it is to be learned from the log again.
    """

    def __init__(self, broker: MemoryBroker, partition: int, orders: Mapping[int, bytes | None]) -> None:
        self.engine = Engine(config())
        self.outputs: list[Outgoing] = []
        self.position = 0
        self._broker = broker
        self._place = ("log", partition)
        self._orders = orders
        self._fingerprints = {(0, 1): self.engine.fingerprint()}

    def is_at(self, progress: EngineProgress) -> bool:
        """Go as far as a worker says to be; return whether the state is the same there."""
        self.read_on(progress.end)
        if progress.generation > self.engine.generation:
            self._begin_generation(progress.generation)
        return self._fingerprints.get((progress.end, progress.generation)) == progress.fingerprint

    def read_on(self, end: int) -> None:
        """Read up to an offset."""
        while self.position < end:
            self.outputs += self._outputs(self.position)
            self.position += 1
            self._note()

    def _outputs(self, offset: int) -> list[Outgoing]:
        """Let the engine read a record; return what comes of it."""
        return [
            self._outgoing(prediction, offset, index)
            for _, record in self._broker.committed(self._place, offset, offset + 1)
            for index, prediction in enumerate(self.engine.process([decode(record.value or b"")]))
        ]

    def _outgoing(self, prediction: Prediction, offset: int, index: int) -> Outgoing:
        output = PredictionOutput("predictions", PREDICTIONS).encode(prediction)
        headers = (("log-offset", b"%d" % offset), ("log-index", b"%d" % index))
        return Outgoing("predictions", self._place[1], output.key, output.value, headers)

    def _begin_generation(self, number: int) -> None:
        """Go on with another model from here."""
        snapshot = self._orders[number]
        if snapshot is None:
            self.engine = Engine(config())
            for offset in range(self.position):
                self._outputs(offset)
        else:
            self.engine.adopt_learner(snapshot)
        self.engine.begin_generation(number)
        self._note()

    def _note(self) -> None:
        self._fingerprints[self.position, self.engine.generation] = self.engine.fingerprint()
