"""Before the first record: broker, topics, registry. What is not there yet is waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import (
    BrokerUnreachable,
    PgStreamingError,
    RegistryError,
    RegistryUnavailable,
    RegistryUnreachable,
    TopicError,
)
from pg_streaming_machine_learning.streams.topics import OwnTopic, own_topics
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

__all__ = ["NotYet", "StartRegistry", "Started", "check_start", "check_topics", "patiently"]

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
ANSWER_S = 3.0
"""How long one question to the broker may take."""

CONFIG_ANSWER_S = 1.0
"""How long the broker may take to tell how topics are configured. It is good to know, and not necessary."""

_Found = TypeVar("_Found")


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
    """

    schema_id: int
    dead_letter_bytes: int | None


class NotYet(Exception):
    """Something is not there yet. Its error is what to say when it never comes."""

    def __init__(self, error: PgStreamingError) -> None:
        super().__init__(str(error))
        self.error = error


async def patiently(
    attempt: Callable[[], Awaitable[_Found]],
    timeout_s: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> _Found:
    """Try until it succeeds or the time is over, with a line in the log for each attempt.

    Parameters
    ----------
    attempt : callable
        Raises `NotYet` as long as trying again can help.
    timeout_s : float
        How long to try, seconds.
    monotonic, pause : callable
        Passing time, and what waits, seconds.

    Raises
    ------
    PgStreamingError
        The error of the last attempt.
    """
    end_s = monotonic() + timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except NotYet as waiting:
            left_s = end_s - monotonic()
            if left_s <= 0:
                raise waiting.error from None
            logger.warning("waiting, %.0f s left: %s", left_s, waiting.error)
        await pause(min(pause_s, max(left_s, 0.0)))
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


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
    logger.info("topics are there broker=%s", settings.bootstrap_servers)
    schema_id = await patiently(lambda: _prediction_schema(settings, registry), left_s())
    logger.info("registry is there predictions_schema_id=%d", schema_id)
    return Started(schema_id, dead_letter_bytes)


def check_topics(admin: AdminClient, settings: Settings) -> int | None:
    """See that broker and topics are there, and make those of ours that are missing; it blocks.

    Returns
    -------
    int or None
        The largest record the topic of the dead letters takes, None if the broker does not tell.

    Raises
    ------
    NotYet
        If waiting can help.
    TopicError
        If a topic has too few partitions, or cannot be made.
    """
    partitions = _partitions(admin, settings)
    for setting, name in (("INPUT_TOPIC", settings.input_topic), ("FEATURES_TOPIC", settings.features_topic)):
        if name and name not in partitions:
            raise NotYet(
                TopicError(
                    f"input topic {name!r} does not exist at {settings.bootstrap_servers}: create it, or set "
                    f"{setting} to the topic that upstream writes"
                )
            )
    missing = [topic for topic in own_topics(settings) if topic.name not in partitions]
    if missing:
        _make(admin, settings, missing)
    for topic in own_topics(settings):
        _check_partitions(topic, partitions[topic.name])
    configs = _configs(admin, settings.log_topic, settings.dead_letters_topic)
    _warn_of_trimming(settings.log_topic, configs[settings.log_topic])
    limit = configs[settings.dead_letters_topic].get("max.message.bytes")
    return None if limit is None else int(limit)


def _partitions(admin: AdminClient, settings: Settings) -> Mapping[str, int]:
    """Return how many partitions each topic of the broker has."""
    try:
        metadata = admin.list_topics(timeout=ANSWER_S)
    except KafkaException as error:
        reason = error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else str(error)
        raise NotYet(
            BrokerUnreachable(
                f"no Kafka broker answers at {settings.bootstrap_servers} ({reason}): start Kafka, or set "
                "KAFKA_BOOTSTRAP_SERVER to where it is"
            )
        ) from error
    # A topic just made has no partitions for a moment.
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.partitions}


def _make(admin: AdminClient, settings: Settings, missing: list[OwnTopic]) -> None:
    """Make topics of ours; they are looked at again before anything else happens."""
    names = ", ".join(repr(topic.name) for topic in missing)
    if not settings.topics_create:
        raise NotYet(
            TopicError(
                f"our topics {names} do not exist and TOPICS_CREATE is false: create them (docs/topics.md)"
            )
        )
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=settings.replication_factor,
            config=topic.creation_config,
        )
        for topic in missing
    ]
    made = admin.create_topics(wanted, operation_timeout=10, request_timeout=15)
    for topic in missing:
        try:
            made[topic.name].result()
        except KafkaException as error:  # noqa: PERF203
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _not_made(topic, reason) from error
        else:
            logger.info("topic made name=%s partitions=%d", topic.name, topic.partitions)
    raise NotYet(TopicError(f"our topics {names} were made and do not show yet"))


def _not_made(topic: OwnTopic, reason: KafkaError) -> Exception:
    refused = TopicError(
        f"cannot create topic {topic.name!r} ({reason.str()}): create it yourself (docs/topics.md), or set "
        f"{topic.setting} or REPLICATION_FACTOR to what the cluster allows"
    )
    return NotYet(refused) if reason.retriable() else refused


def _configs(admin: AdminClient, *topics: str) -> dict[str, dict[str, str]]:
    """Return how topics are configured, nothing if the broker does not tell, as the embedded one."""
    resources = {topic: ConfigResource(ResourceType.TOPIC, topic) for topic in topics}
    asked = admin.describe_configs(list(resources.values()), request_timeout=CONFIG_ANSWER_S)
    configs: dict[str, dict[str, str]] = {topic: {} for topic in topics}
    for topic, resource in resources.items():
        with suppress(KafkaException):
            entries = asked[resource].result()
            configs[topic] = {name: one.value for name, one in entries.items() if one.value is not None}
    return configs


def _warn_of_trimming(topic: str, config: Mapping[str, str]) -> None:
    """Say so if the log will lose records that the state is made of."""
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    wrong = [f"{name}={config[name]}" for name, value in kept.items() if config.get(name, value) != value]
    if wrong:
        logger.warning(
            "the log %r will lose records, after which no worker can start: it has %s, expected %s",
            topic,
            " ".join(wrong),
            " ".join(f"{name}={value}" for name, value in kept.items()),
        )


def _check_partitions(topic: OwnTopic, found: int) -> None:
    if found < topic.partitions:
        raise TopicError(
            f"topic {topic.name!r} has {found} partitions, expected at least {topic.partitions} "
            "(LOG_PARTITIONS): begin with a new topic, or set LOG_PARTITIONS lower"
        )


async def _prediction_schema(settings: Settings, registry: StartRegistry) -> int:
    """Return the id of the predictions' schema, registered if that is allowed."""
    subject = f"{settings.predictions_topic}-value"
    schema = schema_of(BottleneckPrediction)
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
            f"subject {subject!r} does not have the schema of the predictions and SCHEMAS_REGISTER is false: "
            "register it, or set SCHEMAS_REGISTER to true"
        )
    return found
