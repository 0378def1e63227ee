"""Source ``features``: windowed statistics without a label, from the feature extraction."""

from __future__ import annotations

from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.windowed_feature import WindowedFeatures
from pg_streaming_machine_learning.wire.codec import WriterSchemas
from pg_streaming_machine_learning.wire.feature import Feature

__all__ = ["FeaturesSource"]


class FeaturesSource(WindowedFeatures):
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
        super().__init__(Feature, registry, limits, is_tolerant=is_joined)
