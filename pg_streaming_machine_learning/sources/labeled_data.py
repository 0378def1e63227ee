"""Source ``labeled-data``: windowed statistics with a label, from the labeling job."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
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
from pg_streaming_machine_learning.wire.feature import LabeledFeature

__all__ = ["LabeledDataSource"]


class LabeledDataSource:
    """Makes an update with a label of each record."""

    name = "labeled-data"

    def __init__(self, registry: WriterSchemas, limits: Limits) -> None:
        self._limits = limits
        self._keys = WindowedKeys(registry, limits)
        self._values = AvroDecoder(LabeledFeature, registry)

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the update of a record (`Source.parts`)."""
        key, value = self._limits.key_and_value(record)
        feature_key, start_ms = await self._keys.decode(key, record)
        feature = await self._values.decode(value, written_at_s(record))
        if feature.label not in (0, 1):
            raise RefusedRecord(Reason.BAD_LABEL, f"label is {feature.label}, expected 0 or 1")
        yield update_of(record, feature_key, start_ms, finite(feature.statistics()), feature.label)
