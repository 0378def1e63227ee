"""What the state topic holds, partition by partition, as an operator's command needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pg_streaming_machine_learning.errors import StateError, TopicError
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.layout import StateRecord, StoredState, named_place
from pg_streaming_machine_learning.state.recovery import LogBounds

__all__ = ["PartitionState", "StateTopic", "Tell", "silent"]

Tell = Callable[[str], object]
"""Is told what is being done, often; whether anybody is to see it is not the caller's to decide."""

_TELL_EVERY = 1000


def silent(_what: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class PartitionState:
    """What a partition of the state topic holds.

    Parameters
    ----------
    partition : int
        Of the log, and so of the state topic.
    values : mapping of bytes to bytes
        The last value of each key.
    log : LogBounds
        What the partition of the log has.
    end : int
        Offset of the state topic up to which it was read.
    """

    partition: int
    values: Mapping[bytes, bytes]
    log: LogBounds
    end: int = 0

    @cached_property
    def stored(self) -> StoredState:
        """The same, understood.

        Raises
        ------
        StateError
            If progress or order cannot be read.
        """
        try:
            return StoredState.from_records(StateRecord(key, value) for key, value in self.values.items())
        except StateError as error:
            raise StateError(f"partition {self.partition}: {error}") from error

    @property
    def generation(self) -> int:
        """Number of the last generation that began or is ordered; 1 before anything."""
        progress, order = self.stored.progress, self.stored.generation
        numbers = [1]
        if progress is not None:
            numbers.append(progress.generation)
        if order is not None:
            numbers.append(order.number)
        return max(numbers)

    @property
    def pending(self) -> GenerationOrder | None:
        """The order of a generation that has not begun yet."""
        progress, order = self.stored.progress, self.stored.generation
        if order is None or (progress is not None and order.number <= progress.generation):
            return None
        return order

    def keys_of(self, name: str) -> list[bytes]:
        """Return the keys of all records there are of a snapshot kept under a name."""
        prefix = f"{named_place(name)}/".encode()
        return [key for key in self.values if key.startswith(prefix)]

    def after(self, records: Iterable[StateRecord], end: int) -> PartitionState:
        """Return it as it is with more records, read up to another offset."""
        values = dict(self.values)
        for record in records:
            values.pop(record.key, None)
            if record.value is not None:
                values[record.key] = record.value
        return replace(self, values=values, end=end)


class StateTopic:
    """Reads the state topic.

    Parameters
    ----------
    reader : TopicReader
        The Kafka to read from.
    topic, log_topic : str
        The state topic, and the log.
    partitions : int
        How many partitions of the log are in use.
    tell : callable
        Is told how far it is.
    """

    def __init__(
        self, reader: TopicReader, topic: str, log_topic: str, partitions: int, tell: Tell = silent
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._log_topic = log_topic
        self._partitions = partitions
        self._tell = tell

    def read(self) -> list[PartitionState]:
        """Return what each partition in use holds.

        Raises
        ------
        TopicError
            If state topic or log are missing, or have too few partitions.
        BrokerUnreachable
            If Kafka does not answer in time.
        """
        for setting, topic in (("STATE_TOPIC", self._topic), ("LOG_TOPIC", self._log_topic)):
            self._check(setting, topic)
        return [
            self.read_on(PartitionState(partition, {}, LogBounds(0, 0)))
            for partition in range(self._partitions)
        ]

    def read_on(self, state: PartitionState) -> PartitionState:
        """Return what a partition holds by now; only what came since then is read.

        What others have not committed yet is waited for: a word behind it would be missed.
        """
        partition = state.partition
        first, end = self._reader.bounds(self._topic, partition)
        end = max(end, self._reader.end(self._topic, partition))
        start = max(first, state.end)
        records = []
        for count, record in enumerate(self._reader.read(self._topic, partition, start, end, waits=True)):
            if count % _TELL_EVERY == 0 or len(record.value or b"") > _TELL_EVERY:
                share = (record.offset - start) * 100 // (end - start)
                self._tell(f"reading {self._topic}[{partition}]: {share} %")
            if record.key is not None:
                records.append(StateRecord(record.key, record.value))
        # After the state: what was answered for is in the log by then.
        log = LogBounds(*self._reader.bounds(self._log_topic, partition))
        return replace(state.after(records, end), log=log)

    def _check(self, setting: str, topic: str) -> None:
        try:
            found: Sequence[int] = self._reader.partitions(topic)
        except TopicError as error:
            raise TopicError(
                f"{error}; the worker makes it when it is first started, and {setting} has its name"
            ) from error
        if len(found) < self._partitions:
            raise TopicError(
                f"topic {topic!r} has {len(found)} partitions, expected at least {self._partitions}: set "
                "LOG_PARTITIONS as the workers have it"
            )
