"""What every source is: bytes of one input topic in, updates out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Update
from pg_streaming_machine_learning.sources.update_rows import UpdateRows

__all__ = ["Part", "PromptSource", "RefusedPart", "RowSource", "Source", "read_whole"]


@dataclass(frozen=True, slots=True)
class RefusedPart:
    """A part of a record that is to become a dead letter, while the rest of the record is good.

    Parameters
    ----------
    refused : RefusedRecord
        Why; its detail begins with which part it is, such as ``line 3``.
    value : bytes
        The part, untouched.
    """

    refused: RefusedRecord
    value: bytes


Part = Update | RefusedPart | None


class Source(Protocol):
    """Makes updates of the records of one input topic; keeps no state that matters."""

    name: str

    def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the updates of a record and its refused parts, in their order.

        Yields
        ------
        Update, RefusedPart or None
            None after a piece of work that led to nothing yet. A piece takes milliseconds.

        Raises
        ------
        RefusedRecord
            If the whole record is to become a dead letter; what was yielded of it before is void.
        RegistryUnavailable
            If it cannot be told yet: the same record is to be tried again, from its beginning.
        """


@runtime_checkable
class PromptSource(Source, Protocol):
    """A source whose records are short, and lead to one update each: most need not be waited for."""

    def at_once(self, record: InputRecord) -> Update | None:
        """Return the one update of a record, None if `parts` has to be asked, because a schema is not known.

        Raises
        ------
        RefusedRecord
            If the record is to become a dead letter.
        """


@runtime_checkable
class RowSource(PromptSource, Protocol):
    """A source whose records lead to one window update each, and which reads many of them at a time."""

    def many(
        self,
        offsets: list[int],
        timestamps_ms: list[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> UpdateRows:
        """Return the updates of many records of a partition, of those that are like most.

        Parameters
        ----------
        offsets, timestamps_ms : list of int
            Of the records, in their order.
        keys, values : sequence of bytes or None
            Their contents.

        Returns
        -------
        UpdateRows
            The same updates as of `PromptSource.at_once`. Which of the others are good is not said.
        """


async def read_whole(source: Source, record: InputRecord) -> list[Update | RefusedPart]:
    """Return the updates of a record and its refused parts, in their order.

    Raises
    ------
    RefusedRecord, RegistryUnavailable
        See `Source.parts`.
    """
    return [part async for part in source.parts(record) if part is not None]
