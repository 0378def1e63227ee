"""Source ``labeled-data``: windowed statistics with a label, from the labeling job."""

from __future__ import annotations

from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.windowed_feature import WindowedFeatures
from pg_streaming_machine_learning.wire.codec import WriterSchemas
from pg_streaming_machine_learning.wire.feature import LabeledFeature

__all__ = ["LabeledDataSource"]


class LabeledDataSource(WindowedFeatures):
    """Makes an update with a label of each record."""

    name = "labeled-data"

    def __init__(self, registry: WriterSchemas, limits: Limits) -> None:
        super().__init__(LabeledFeature, registry, limits)
