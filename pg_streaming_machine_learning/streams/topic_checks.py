"""What is looked at before the first record: broker, topics, and whether they keep what they are given."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from pg_streaming_machine_learning.config import SOURCE_TOPICS, Settings
from pg_streaming_machine_learning.errors import BrokerUnreachable, TopicError
from pg_streaming_machine_learning.streams.patience import NotYet
from pg_streaming_machine_learning.streams.topics import DAY_MS, OwnTopic, own_topics

__all__ = ["FoundTopic", "check_topic", "check_topics", "doubts", "partitions_of"]

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""How long one question to the broker may take."""

CONFIG_ANSWER_S = 1.0
"""How long the broker may take to tell how topics are configured. It is good to know, and not necessary."""


@dataclass(frozen=True)
class FoundTopic:
    """A topic as the broker has it.

    Parameters
    ----------
    partitions : int
        How many it has.
    copies : int
        Of each record, in the partition that has the fewest.
    config : mapping of str to str
        How it is configured, in Kafka's words; empty if the broker does not tell.
    """

    partitions: int
    copies: int
    config: Mapping[str, str]


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
        If a topic has too few partitions, cannot be made, or can never be written.
    """
    brokers, topics = _ask(admin, settings)
    for source, name in settings.input_topics.items():
        if name not in topics:
            raise NotYet(
                TopicError(
                    f"input topic {name!r} does not exist at {settings.bootstrap_servers}: create it, or set "
                    f"{SOURCE_TOPICS[source]} to the topic that upstream writes"
                )
            )
    ours = own_topics(settings)
    missing = [topic for topic in ours if topic.name not in topics]
    if missing:
        _make(admin, settings, missing)
    configs = _configs(admin, [topic.name for topic in ours])
    for topic in ours:
        found = FoundTopic(*topics[topic.name], configs[topic.name])
        check_topic(topic, found)
        for doubt in doubts(topic, found, brokers):
            logger.warning("topic %r %s", topic.name, doubt)
    limit = configs[settings.dead_letters_topic].get("max.message.bytes")
    return None if limit is None else int(limit)


def partitions_of(admin: AdminClient, topic: str) -> int:
    """Return how many partitions a topic has that is there; it blocks.

    Raises
    ------
    NotYet
        If the broker does not tell.
    """
    try:
        found = admin.list_topics(topic, timeout=ANSWER_S).topics[topic]
    except KafkaException as error:
        raise NotYet(BrokerUnreachable(f"no broker tells of topic {topic!r}: {error}")) from error
    if not found.partitions:
        raise NotYet(TopicError(f"topic {topic!r} does not show its partitions yet"))
    return len(found.partitions)


def doubts(topic: OwnTopic, found: FoundTopic, brokers: int) -> Iterator[str]:
    """Yield what is wrong with a topic that can be used all the same; the name of the topic goes before.

    Parameters
    ----------
    topic : OwnTopic
        What it should be.
    found : FoundTopic
        What it is.
    brokers : int
        How many the cluster has.

    Examples
    --------
    >>> state = OwnTopic("state", "STATE_TOPIC", 1, None)
    >>> list(doubts(state, FoundTopic(1, 1, {"cleanup.policy": "compact"}), brokers=1))
    []
    """
    policy = found.config.get("cleanup.policy", "compact" if topic.is_compacted else "delete")
    retention_ms = int(found.config.get("retention.ms", "-1"))
    if topic.is_compacted and policy != "compact":
        yield (
            f"({topic.setting}) has cleanup.policy={policy}, expected compact: state and progress are "
            "deleted with time, or grow without end"
        )
    if topic.setting == "LOG_TOPIC":
        if "compact" in policy:
            yield (
                f"({topic.setting}) has cleanup.policy={policy}, expected delete: compaction takes updates "
                "away that were not learned yet"
            )
        if 0 <= retention_ms < DAY_MS:
            yield (
                f"({topic.setting}) has retention.ms={retention_ms}, expected at least {DAY_MS} (a day): if "
                "no worker runs for so long, updates are lost"
            )
    if found.copies == 1 and brokers > 1:
        yield (
            f"({topic.setting}) has one copy of each record, expected more with {brokers} brokers: it is "
            "lost with its broker; add replicas (REPLICATION_FACTOR is for topics that are made)"
        )
    needed = _copies_needed(found)
    if found.copies > 1 and needed == found.copies:
        yield (
            f"({topic.setting}) has min.insync.replicas={needed} and {found.copies} copies, expected at most "
            f"{found.copies - 1}: nothing can be written while a broker is away"
        )


def check_topic(topic: OwnTopic, found: FoundTopic) -> None:
    """See that a topic can be used.

    Raises
    ------
    TopicError
        If it has too few partitions, or needs more copies of each record than it has.
    """
    if found.partitions < topic.partitions:
        raise TopicError(
            f"topic {topic.name!r} has {found.partitions} partitions, expected at least {topic.partitions} "
            "(LOG_PARTITIONS): begin with a new topic, or set LOG_PARTITIONS lower"
        )
    needed = _copies_needed(found)
    if needed > found.copies:
        raise TopicError(
            f"topic {topic.name!r} has min.insync.replicas={needed}, expected at most {found.copies}, the "
            "copies of each record: nothing can be written until it has more replicas or the setting is lower"
        )


def _copies_needed(found: FoundTopic) -> int:
    return int(found.config.get("min.insync.replicas", "1"))


def _ask(admin: AdminClient, settings: Settings) -> tuple[int, Mapping[str, tuple[int, int]]]:
    """Return the number of brokers, and each topic's partitions and copies of a record."""
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
    return len(metadata.brokers), {
        name: (len(topic.partitions), min(len(each.replicas) for each in topic.partitions.values()))
        for name, topic in metadata.topics.items()
        if topic.partitions
    }


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
            num_partitions=topic.creation_partitions,
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
            logger.info("topic made name=%s partitions=%d", topic.name, topic.creation_partitions)
    raise NotYet(TopicError(f"our topics {names} were made and do not show yet"))


def _not_made(topic: OwnTopic, reason: KafkaError) -> Exception:
    refused = TopicError(
        f"cannot create topic {topic.name!r} ({reason.str()}): create it yourself (docs/topics.md), or set "
        f"{topic.setting} or REPLICATION_FACTOR to what the cluster allows"
    )
    return NotYet(refused) if reason.retriable() else refused


def _configs(admin: AdminClient, topics: list[str]) -> dict[str, dict[str, str]]:
    """Return how topics are configured, nothing if the broker does not tell, as the embedded one."""
    resources = {topic: ConfigResource(ResourceType.TOPIC, topic) for topic in topics}
    asked = admin.describe_configs(list(resources.values()), request_timeout=CONFIG_ANSWER_S)
    configs: dict[str, dict[str, str]] = {topic: {} for topic in topics}
    for topic, resource in resources.items():
        with suppress(KafkaException):
            entries = asked[resource].result()
            configs[topic] = {name: one.value for name, one in entries.items() if one.value is not None}
    return configs
