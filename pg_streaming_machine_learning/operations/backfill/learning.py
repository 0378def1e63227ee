"""The engines of a backfill: one for each partition of the log, as the workers have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

from pg_streaming_machine_learning.engine import Engine, EngineConfig, EngineCounts
from pg_streaming_machine_learning.learning.evaluation import Score, scores_together
from pg_streaming_machine_learning.operations.backfill.account import Account
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.update import ProgressMark, Update
from pg_streaming_machine_learning.wire.partition import partition_of

__all__ = ["Learning", "Show", "Tell"]

Show = Callable[[int], None]
"""Is told how many offsets have been dealt with, of those of all stretches."""

Tell = Callable[[Sequence[Prediction]], None]
"""Is told predictions, in their order."""


def _silent(_predictions: Sequence[Prediction]) -> None:
    """Tell nobody."""


class Learning:
    """Fresh engines, and the account of what they make of a log.

    Parameters
    ----------
    config : EngineConfig
        As the workers have it.
    partitions : int
        Of the log: how many engines there are.
    tell : callable
        Is told every prediction.
    """

    def __init__(self, config: EngineConfig, partitions: int, tell: Tell = _silent) -> None:
        self.engines = tuple(Engine(config) for _ in range(partitions))
        self.account = Account()
        self._tell = tell
        self._partitions: dict[str, int] = {}

    @property
    def counts(self) -> EngineCounts:
        """What all engines have done."""
        counts = [engine.counts for engine in self.engines]
        names = [each.name for each in fields(EngineCounts)]
        return EngineCounts(**{name: sum(getattr(each, name) for each in counts) for name in names})

    @property
    def scores(self) -> dict[str, Score]:
        """Scores of the model and of what needs none, of all partitions of the log together."""
        return scores_together(engine.evaluation for engine in self.engines)

    @property
    def open_windows(self) -> int:
        """Windows, of all hosts, that wait to be closed."""
        return sum(engine.open_windows for engine in self.engines)

    def take(self, updates: Sequence[Update], marks: Sequence[ProgressMark]) -> None:
        """Let each engine read the updates of its hosts, then the marks.

        Raises
        ------
        WindowError
            If a window is not on the grid.
        """
        for number, some in enumerate(self._by_partition(updates)):
            self.read(number, [*some, *marks])

    def read(self, number: int, records: Sequence[LogRecord]) -> None:
        """Let the engine of a partition of the log read records.

        Raises
        ------
        WindowError
            If a window is not on the grid: the log was written with another hop.
        """
        engine = self.engines[number]
        predictions = engine.process(records)
        self.account.predict(predictions)
        self.account.come_late(engine.take_late())
        self.account.strangers += engine.take_strangers()
        if predictions:
            self._tell(predictions)

    def _by_partition(self, updates: Sequence[Update]) -> list[Sequence[Update]]:
        """Return updates by the partition of the log they belong to."""
        count = len(self.engines)
        if count == 1:
            return [updates]
        found: list[list[Update]] = [[] for _ in range(count)]
        for update in updates:
            number = self._partitions.get(update.host)
            if number is None:
                number = self._partitions[update.host] = partition_of(update.host.encode(), count)
            found[number].append(update)
        return [*found]
