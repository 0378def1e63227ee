"""Source ``features``: windowed statistics without a label, from the feature extraction."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.windowed_feature import (
    WindowedKeys,
    finite,
    update_of,
    written_at_s,
)
from pg_streaming_machine_learning.wire.codec import AvroDecoder, WriterSchemas
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
        self._limits = limits
        self._keys = WindowedKeys(registry, limits, is_tolerant=is_joined)
        self._values = AvroDecoder(Feature, registry)

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the update of a record (`Source.parts`)."""
        key, value = self._limits.key_and_value(record)
        feature_key, start_ms = await self._keys.decode(key, record)
        feature = await self._values.decode(value, written_at_s(record))
        yield update_of(record, feature_key, start_ms, finite(feature.statistics()), label=None)
