"""What the tests of the sources share: the sources, and the bytes of their records."""

from __future__ import annotations

from typing import Any

import fastavro
import pytest

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.sources import Source, SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature

LIMITS = Limits(hop_ms=60_000, size_ms=1_800_000, max_ahead_ms=3_600_000, max_record_bytes=1_000)
KEY_ID, LABELED_ID, FEATURE_ID = 1, 2, 3


class ContractSchemas:
    """The contract's schemas under the ids of its golden bytes."""

    def __init__(self) -> None:
        models = {KEY_ID: FeatureKey, LABELED_ID: LabeledFeature, FEATURE_ID: Feature}
        self._schemas = {number: fastavro.parse_schema(schema_of(model)) for number, model in models.items()}

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        if schema_id not in self._schemas:
            raise RefusedRecord(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known")
        return self._schemas[schema_id]


@pytest.fixture(scope="session")
def sources() -> dict[str, Source]:
    """Return the sources by topic: windows of 30 minutes every minute, as in production."""
    return create_sources({"labeled-data": "labeled", "features": "plain"}, options())


@pytest.fixture(scope="session")
def joined() -> dict[str, Source]:
    """Return features and targets side by side."""
    return create_sources({"features": "plain", "targets": "targets"}, options())


def options() -> SourceOptions:
    """Return what sources are made with."""
    return SourceOptions(ContractSchemas(), LIMITS)
