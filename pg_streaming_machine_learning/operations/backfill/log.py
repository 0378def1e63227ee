"""From the log itself: the very updates and progress marks that the workers' engines read, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pg_streaming_machine_learning.errors import LogFormatError, TopicError
from pg_streaming_machine_learning.operations.backfill.fetch import Fetch
from pg_streaming_machine_learning.operations.backfill.learning import Learning, Show
from pg_streaming_machine_learning.operations.backfill.stretch import Found, Stretch, find_stretches
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.wire.log import decode

__all__ = ["find_log", "learn_from_log"]


def find_log(
    reader: TopicReader, topic: str, partitions: int, from_ms: int | None = None, to_ms: int | None = None
) -> Found:
    """Return what the log holds between two times, of those of its partitions that are in use.

    Parameters
    ----------
    reader : TopicReader
        Asks the broker.
    topic : str
        The log.
    partitions : int
        How many partitions are in use, the first ones; there may be more.
    from_ms, to_ms : int or None
        See `find_stretches`.

    Raises
    ------
    BackfillError
        If there is nothing to read.
    TopicError
        If there is no such topic, or it has too few partitions.
    BrokerUnreachable
        If no broker answers.
    """
    found = find_stretches(reader, [topic], from_ms, to_ms)
    used = found.stretches[:partitions]
    if len(used) < partitions:
        raise TopicError(
            f"topic {topic!r} has {len(used)} partitions, LOG_PARTITIONS is {partitions}: expected at least "
            "as many"
        )
    notes = [
        f"{topic}[{each.partition}] is read from offset {each.first}: what the workers knew before, open "
        "windows and model, is not known here"
        for each in used
        if each.first > 0
    ]
    return Found(used, (*found.notes, *notes))


def learn_from_log(
    fetch: Fetch, learning: Learning, stretches: Sequence[Stretch], show: Show, check: Callable[[], None]
) -> None:
    """Learn all there is. Windows that no mark of the log closes stay open, as they are for the workers.

    Parameters
    ----------
    fetch : Fetch
        Reads the stretches.
    learning : Learning
        One engine for each of them.
    stretches : sequence of Stretch
        The partitions of the log, in their order.
    show : callable
        Is told how many offsets have been read.
    check : callable
        Called now and then; may raise to end it. The engines are between two records then.

    Raises
    ------
    LogFormatError
        If a record of the log cannot be read.
    BrokerUnreachable, TopicError
        If the log cannot be read.
    WindowError
        If the log was written with another hop.
    """
    while not all(fetch.is_ended(number) for number in range(len(stretches))):
        for number, records in fetch.take():
            learning.read(stretches[number].partition, [_decoded(record) for record in records])
            learning.account.records += len(records)
        show(sum(fetch.position(number) - stretch.first for number, stretch in enumerate(stretches)))
        check()


def _decoded(record: InputRecord) -> LogRecord:
    """Return what a record of the log holds."""
    try:
        return decode(record.value if record.value is not None else b"")
    except LogFormatError as error:
        raise LogFormatError(f"{record.topic}[{record.partition}]@{record.offset}: {error}") from error
