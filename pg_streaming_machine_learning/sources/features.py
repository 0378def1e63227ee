"""Source ``features``: windowed statistics without a label, from the feature extraction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import WindowUpdate
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.update_rows import UpdateRows
from pg_streaming_machine_learning.sources.windowed_feature import WindowedFeatures
from pg_streaming_machine_learning.wire.codec import WriterSchemas
from pg_streaming_machine_learning.wire.feature import Feature

__all__ = ["FeaturesSource"]


class FeaturesSource:
    """Makes an update without a label of each record.

    Parameters
    ----------
    registry : WriterSchemas
        Where the writers' schemas are.
    limits : Limits
        What records may be.
    is_joined : bool
        Whether targets are read as well: windows nearly the same as theirs are theirs then.
    """

    name = "features"

    def __init__(self, registry: WriterSchemas, limits: Limits, *, is_joined: bool = False) -> None:
        self._features = WindowedFeatures(Feature, registry, limits, is_tolerant=is_joined)

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
