"""What came of it, against what must have come: counts of everything that must be zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import SourcePlace, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.wire.log import decode
from storm.truth import Expected, Truth, log_partition

__all__ = ["Counts", "count_letters", "count_log", "count_predictions"]


@dataclass
class Counts:
    """What must be zero.

    Parameters
    ----------
    missing, duplicate, divergent, out_of_order : int
        Predictions that never came, came more than once, came with other bytes (or were never to come), or
        came before one that belongs before them.
    letters_missing, letters_double, letters_wrong : int
        The same of dead letters; wrong are other bytes or another reason.
    log_never, log_twice, log_wrong : int
        Input records that never reached the log, did more than once, or with other content, in another
        partition or out of order.
    late : int
        Updates that came after their window had closed.
    states_unequal : int
        Partitions of the log whose state at the end is not that of an undisturbed engine.
    """

    missing: int = 0
    duplicate: int = 0
    divergent: int = 0
    out_of_order: int = 0
    letters_missing: int = 0
    letters_double: int = 0
    letters_wrong: int = 0
    log_never: int = 0
    log_twice: int = 0
    log_wrong: int = 0
    late: int = 0
    states_unequal: int = 0

    def nonzero(self) -> dict[str, int]:
        """Return what is not zero."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}


def count_predictions(
    counts: Counts, expected: Sequence[Sequence[Expected]], found: Sequence[Sequence[InputRecord]]
) -> None:
    """Compare the predictions of each partition of the log, byte by byte and in their order."""
    for wanted, records in zip(expected, found, strict=True):
        order = {(each.key, each.value): number for number, each in enumerate(wanted)}
        numbers = [order.get((record.key or b"", record.value or b"")) for record in records]
        seen = Counter(number for number in numbers if number is not None)
        missing = len(wanted) - len(seen)
        strange = sum(number is None for number in numbers)
        # What came with other bytes is missing in its right form: count it once, as what it is.
        counts.divergent += strange
        counts.missing += max(0, missing - strange)
        counts.duplicate += sum(seen.values()) - len(seen)
        counts.out_of_order += _inversions(numbers)


def count_log(counts: Counts, truth: Truth, log: Sequence[Sequence[InputRecord]]) -> None:
    """Compare the updates in the log with the good records of the input."""
    seen: Counter[SourcePlace] = Counter()
    for partition, records in enumerate(log):
        greatest: dict[tuple[str, int], int] = {}
        for update in chain.from_iterable(_updates(record) for record in records):
            place = update.place
            seen[place] += 1
            source = (place.topic, place.partition)
            wanted = truth.updates.get(place)
            is_right = (
                wanted is not None
                and repr(wanted) == repr(update)  # NaN equals NaN here
                and log_partition(update.host, len(log)) == partition
                and place.offset >= greatest.get(source, -1)
            )
            counts.log_wrong += not is_right
            greatest[source] = max(greatest.get(source, -1), place.offset)
    counts.log_never += len(truth.updates.keys() - seen.keys())
    counts.log_twice += sum(number - 1 for number in seen.values())


def _updates(record: InputRecord) -> Iterable[WindowUpdate]:
    """Return the updates of windows that a record of the log holds."""
    found = decode(record.value or b"")
    if isinstance(found, WindowUpdates):
        return found
    return [found] if isinstance(found, WindowUpdate) else []


def count_letters(counts: Counts, truth: Truth, letters: Iterable[InputRecord]) -> None:
    """Compare the dead letters with the refused records of the input, byte by byte."""
    seen: Counter[SourcePlace] = Counter()
    for letter in letters:
        headers = dict(letter.headers)
        place = SourcePlace(
            headers["topic"].decode(), int(headers["partition"].decode()), int(headers["offset"].decode())
        )
        seen[place] += 1
        wanted = truth.refused.get(place)
        if wanted is None:
            counts.letters_wrong += 1
            continue
        record, reason = wanted
        is_right = (letter.key, letter.value, headers["reason"].decode()) == (
            record.key,
            record.value,
            reason,
        )
        counts.letters_wrong += not is_right
    counts.letters_missing += len(truth.refused.keys() - seen.keys())
    counts.letters_double += sum(number - 1 for number in seen.values())


def _inversions(numbers: Iterable[int | None]) -> int:
    """Count the first appearances that come after one that belongs behind them."""
    greatest, found = -1, 0
    seen: set[int] = set()
    for number in numbers:
        if number is None or number in seen:
            continue
        seen.add(number)
        found += number < greatest
        greatest = max(greatest, number)
    return found
