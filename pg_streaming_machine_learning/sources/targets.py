"""Source ``targets``: whether a host was slow in a window, from the target extraction."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import LabelUpdate, SourcePlace
from pg_streaming_machine_learning.sources.host_name import check_host
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.wire.target import decode_target, decode_target_key

__all__ = ["TargetsSource"]


class TargetsSource:
    """Makes the label of a host's window of each record.

    Parameters
    ----------
    limits : Limits
        Of records, and where their windows may lie: one that is at most a quarter of a hop off the grid is
        moved to it (`Limits.nearest_start`).
    """

    name = "targets"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def at_once(self, record: InputRecord) -> LabelUpdate:
        """Return the label of a record (`PromptSource.at_once`)."""
        if record.key is None:
            raise RefusedRecord(Reason.NULL_KEY, "the record has no key, expected a windowed host")
        value = self._limits.value(record)
        host, start_ms = decode_target_key(record.key)
        return LabelUpdate(
            place=SourcePlace(record.topic, record.partition, record.offset),
            host=check_host(host),
            window_start_ms=self._limits.nearest_start(start_ms, record.timestamp_ms),
            label=decode_target(value),
        )

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the label of a record (`Source.parts`)."""
        yield self.at_once(record)
