"""Where a test takes place: a broker, a registry, and topics and a consumer group of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.registry import Registry
from services.upstream import Upstream
from services.worker import Worker

__all__ = ["MakePlace", "Place", "StartWorker", "register_input_schemas", "register_schema"]


@dataclass(frozen=True)
class Place:
    """A broker, a registry, and topics and a consumer group that belong to one test alone."""

    bootstrap: str
    registry_url: str
    settings: dict[str, str]
    upstream: Upstream

    def topic(self, kind: str) -> str:
        """Return the name of a topic: ``INPUT``, ``LOG``, ``PREDICTIONS``, ``DEAD_LETTERS``."""
        return self.settings[f"{kind}_TOPIC"]


MakePlace = Callable[..., Place]
"""Name of a broker, and settings → a place there."""

StartWorker = Callable[..., Worker]
"""A place, and more settings → a worker that is running."""


def register_input_schemas(url: str) -> tuple[int, int]:
    """Register the schemas of the input topic; return the ids of the key's and the value's."""
    key_id = register_schema(url, "input-key", schema_of(FeatureKey))
    return key_id, register_schema(url, "input-value", schema_of(LabeledFeature))


def register_schema(url: str, subject: str, schema: dict[str, Any]) -> int:
    """Register a schema; return its id."""

    async def register() -> int:
        registry = Registry(url)
        try:
            return await registry.register(subject, schema)
        finally:
            await registry.aclose()

    return asyncio.run(register())
