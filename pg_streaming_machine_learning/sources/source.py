"""What every source is: bytes of one input topic in, updates out."""

from __future__ import annotations

from typing import Protocol

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import WindowUpdate

__all__ = ["Source"]


class Source(Protocol):
    """Makes updates of the records of one input topic; keeps no state that matters."""

    name: str

    async def updates(self, record: InputRecord) -> list[WindowUpdate]:
        """Return the updates of a record, in their order.

        Raises
        ------
        RefusedRecord
            If the record is to become a dead letter.
        RegistryUnavailable
            If it cannot be told yet: the same record is to be tried again.
        """
