"""Source ``labeled-data``: windowed statistics with a label, from the labeling job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import WindowUpdate
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.update_rows import UpdateRows
from pg_streaming_machine_learning.sources.windowed_feature import WindowedFeatures
from pg_streaming_machine_learning.wire.codec import WriterSchemas
from pg_streaming_machine_learning.wire.feature import LabeledFeature

__all__ = ["LabeledDataSource"]


class LabeledDataSource:
    """Makes an update with a label of each record."""

    name = "labeled-data"

    def __init__(self, registry: WriterSchemas, limits: Limits) -> None:
        self._features = WindowedFeatures(LabeledFeature, registry, limits)

    def at_once(self, record: InputRecord) -> WindowUpdate | None:
        """Return the update of a record (`PromptSource.at_once`)."""
        return self._features.at_once(record)

    def many(
        self,
        offsets: list[int],
        timestamps_ms: list[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> UpdateRows:
        """Return the updates of many records (`RowSource.many`)."""
        return self._features.many(offsets, timestamps_ms, keys, values)

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the update of a record (`Source.parts`)."""
        yield await self._features.decode(record)
