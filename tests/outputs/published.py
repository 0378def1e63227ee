"""What the tests of published topics share: the contract's schemas by id, and topics that use them."""

from __future__ import annotations

from typing import Any

import fastavro

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.outputs.published import PUBLISHED_RECORDS, PublishedTopic
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.system_trace import SystemTrace

__all__ = ["IDS", "ContractSchemas", "topics"]

IDS: dict[type[Any], int] = {FeatureKey: 1, LabeledFeature: 2, Feature: 3, SystemTrace: 4}
"""Those of the golden bytes."""

_SCHEMAS = {number: fastavro.parse_schema(schema_of(model)) for model, number in IDS.items()}


class ContractSchemas:
    """The contract's schemas under these ids."""

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        if schema_id not in _SCHEMAS:
            raise RefusedRecord(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known")
        return _SCHEMAS[schema_id]


def topics(*names: str, partitions: int = 3) -> dict[str, PublishedTopic]:
    """Return topics named after what is published to them."""
    return {
        name: PublishedTopic(
            name, partitions, {part: IDS[model] for part, model in PUBLISHED_RECORDS[name].items()}
        )
        for name in names
    }
