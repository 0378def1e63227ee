"""Before the first record: broker, topics, registry. What is not there yet is waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from confluent_kafka.admin import AdminClient

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import RegistryError, RegistryUnavailable, RegistryUnreachable
from pg_streaming_machine_learning.outputs.published import PUBLISHED_RECORDS, PublishedTopic
from pg_streaming_machine_learning.streams.patience import NotYet, patiently
from pg_streaming_machine_learning.streams.topic_checks import check_topics, partitions_of
from pg_streaming_machine_learning.streams.topics import PROGRESS_PARTITIONS
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

__all__ = ["StartRegistry", "Started", "check_start"]

logger = logging.getLogger(__name__)


class StartRegistry(Protocol):
    """What is needed of the Schema Registry at the start."""

    async def register(self, subject: str, schema: dict[str, Any]) -> int:
        """Register a schema, and return its id."""

    async def lookup(self, subject: str, schema: dict[str, Any]) -> int | None:
        """Return the id of a schema, None if it is not registered."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the start checks found.

    Parameters
    ----------
    schema_id : int
        Id of the schema of the predictions.
    dead_letter_bytes : int or None
        The largest record the topic of the dead letters takes, None if the broker does not tell.
    progress_partitions : int
        How many partitions of the progress topic are used: not more than it is made with; it may grow.
    published : mapping of str to PublishedTopic
        Where to publish what.
    """

    schema_id: int
    dead_letter_bytes: int | None
    progress_partitions: int
    published: Mapping[str, PublishedTopic]


async def check_start(settings: Settings, registry: StartRegistry) -> Started:
    """Wait for all that the worker needs, and make what is ours.

    Raises
    ------
    BrokerUnreachable, TopicError, RegistryUnreachable, RegistryError
        If something did not come in time, or is there and cannot be used.
    """
    end_s = time.monotonic() + settings.start_timeout_s

    def left_s() -> float:
        return max(0.0, end_s - time.monotonic())

    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    dead_letter_bytes = await patiently(lambda: asyncio.to_thread(check_topics, admin, settings), left_s())
    progress_partitions = await patiently(
        lambda: asyncio.to_thread(partitions_of, admin, settings.progress_topic), left_s()
    )
    logger.info("topics are there broker=%s", settings.bootstrap_servers)

    async def schema_id_of(subject: str, model: type[Any]) -> int:
        return await patiently(lambda: _schema_id(settings, registry, subject, model), left_s())

    schema_id = await schema_id_of(f"{settings.predictions_topic}-value", BottleneckPrediction)
    logger.info("registry is there predictions_schema_id=%d", schema_id)
    published = {}
    for what, topic in settings.published_topics.items():
        count = await patiently(partial(asyncio.to_thread, partitions_of, admin, topic), left_s())
        models = PUBLISHED_RECORDS[what]
        ids = {part: await schema_id_of(f"{topic}-{part}", model) for part, model in models.items()}
        published[what] = PublishedTopic(topic, count, ids)
        logger.info("publishing %s topic=%s partitions=%d schema_ids=%s", what, topic, count, ids)
    return Started(schema_id, dead_letter_bytes, min(progress_partitions, PROGRESS_PARTITIONS), published)


async def _schema_id(settings: Settings, registry: StartRegistry, subject: str, model: type[Any]) -> int:
    """Return the id of a subject's schema, registered if that is allowed."""
    schema = schema_of(model)
    try:
        if settings.schemas_register:
            return await registry.register(subject, schema)
        found = await registry.lookup(subject, schema)
    except RegistryUnavailable as error:
        raise NotYet(
            RegistryUnreachable(
                f"{error}: start the Schema Registry, or set SCHEMA_REGISTRY_URL to where it is"
            )
        ) from error
    if found is None:
        raise RegistryError(
            f"subject {subject!r} does not have the schema of {model.__name__} and SCHEMAS_REGISTER is "
            "false: register it, or set SCHEMAS_REGISTER to true"
        )
    return found
