"""A hook in aiokafka's fetcher: records are handed on as its parser made them.

aiokafka copies what it has parsed into a record of its own, with fields that nobody here looks at: most of
what a fetched record costs. What the parser made has all that is used of it (`streams.batch.FetchedRecord`).
``tests/streams/test_fetched.py`` fails when a new version of aiokafka no longer works like this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher

__all__ = ["ParsedRecords", "hand_on_as_parsed"]

_AiokafkaRecords: Any = fetcher.PartitionRecords


def hand_on_as_parsed() -> None:
    """Let aiokafka's consumers of this process return what was parsed; a second call changes nothing."""
    fetcher.PartitionRecords = ParsedRecords


class ParsedRecords(_AiokafkaRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of a partition that a fetch brought, aborted ones and control records left out."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the records without a call for each."""
        return self._records_iterator or iter(())

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        """Return what was parsed; with headers aiokafka's record, which has them as they are promised."""
        return super()._consumer_record(tp, record) if record.headers else record
