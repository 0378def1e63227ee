"""What is wrong with a topic: what ends the start, and what is only said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import TopicError
from pg_streaming_machine_learning.streams.patience import NotYet
from pg_streaming_machine_learning.streams.topic_checks import (
    FoundTopic,
    check_topic,
    check_topics,
    doubts,
)
from pg_streaming_machine_learning.streams.topics import DAY_MS, own_topics

SETTINGS = Settings()
OURS = {topic.setting: topic for topic in own_topics(SETTINGS)}
INPUT = SETTINGS.input_topic


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Yield settings that name a broker on which all topics are, with four partitions each."""
    with EmbeddedBroker(topics=[INPUT, *(topic.name for topic in OURS.values())]) as broker:
        yield Settings(kafka_bootstrap_server=f"kafka://{broker.bootstrap}")


def check(settings: Settings) -> int | None:
    """Check the topics of a broker."""
    return check_topics(AdminClient({"bootstrap.servers": settings.bootstrap_servers}), settings)


def found(setting: str, name: str = "", value: str = "", *, copies: int = 1, brokers: int = 1) -> list[str]:
    """Return the doubts about a topic configured as it is made, but for one value."""
    topic = OURS[setting]
    config = topic.creation_config | ({name: value} if name else {})
    return list(doubts(topic, FoundTopic(1, copies, config), brokers))


def test_all_is_there(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said. The embedded broker does not tell how topics are configured."""
    with caplog.at_level(logging.WARNING):
        assert check(settings) is None
    assert caplog.records == []


def test_too_few_partitions_end_the_start(settings: Settings) -> None:
    """They do not become more by waiting; the embedded broker makes four of each topic."""
    expected = r" has 4 partitions, expected at least 5 \(LOG_PARTITIONS\): begin with a new topic"
    with pytest.raises(TopicError, match=expected):
        check(replace(settings, log_partitions=5))


@pytest.mark.parametrize("setting", ["LOG_TOPIC", "PREDICTIONS_TOPIC", "STATE_TOPIC"])
def test_log_predictions_and_state_need_the_partitions_of_the_log(setting: str) -> None:
    """More do no harm."""
    topic = next(topic for topic in own_topics(Settings(log_partitions=3)) if topic.setting == setting)
    check_topic(topic, FoundTopic(3, 1, {}))
    check_topic(topic, FoundTopic(4, 1, {}))
    with pytest.raises(TopicError, match=r" has 2 partitions, expected at least 3 "):
        check_topic(topic, FoundTopic(2, 1, {}))


def test_a_topic_that_can_never_be_written_ends_the_start() -> None:
    """It would be a time-out of the first transaction otherwise."""
    expected = r"^topic 'pg-streaming-state' has min\.insync\.replicas=2, expected at most 1, the copies "
    with pytest.raises(TopicError, match=expected):
        check_topic(OURS["STATE_TOPIC"], FoundTopic(1, 1, {"min.insync.replicas": "2"}))


def test_what_is_not_ours_is_waited_for(settings: Settings) -> None:
    """Upstream makes it."""
    with pytest.raises(NotYet, match=r"^input topic 'other' does not exist .* set INPUT_TOPIC to "):
        check(replace(settings, input_topic="other"))


def test_what_is_ours_is_waited_for_if_it_may_not_be_made(settings: Settings) -> None:
    """Somebody else makes it."""
    with pytest.raises(NotYet, match=r"^our topics 'other' do not exist and TOPICS_CREATE is false"):
        check(replace(settings, state_topic="other", topics_create=False))


@pytest.mark.parametrize("setting", OURS)
def test_topics_as_they_are_made_are_beyond_doubt(setting: str) -> None:
    """With one broker and one copy."""
    assert found(setting) == []


@pytest.mark.parametrize("setting", ["STATE_TOPIC", "PROGRESS_TOPIC"])
@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_state_that_is_deleted_with_time(setting: str, policy: str) -> None:
    """What is lost is read again, if it can be."""
    (doubt,) = found(setting, "cleanup.policy", policy)
    assert doubt.startswith(f"({setting}) has cleanup.policy={policy}, expected compact: ")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("cleanup.policy", "compact", "has cleanup.policy=compact, expected delete: "),
        ("cleanup.policy", "compact,delete", "has cleanup.policy=compact,delete, expected delete: "),
        (
            "retention.ms",
            str(DAY_MS - 1),
            "has retention.ms=86399999, expected at least 86400000 (a day): ",
        ),
        ("retention.ms", "0", "has retention.ms=0, expected at least "),
    ],
)
def test_a_log_that_loses_updates(name: str, value: str, says: str) -> None:
    """Before a worker that was away could learn them."""
    (doubt,) = found("LOG_TOPIC", name, value)
    assert says in doubt


@pytest.mark.parametrize("retention_ms", [str(DAY_MS), "-1"])
def test_a_log_kept_for_a_day_or_for_ever_is_in_order(retention_ms: str) -> None:
    """Earlier versions made it for ever."""
    assert found("LOG_TOPIC", "retention.ms", retention_ms) == []


def test_one_copy_where_there_could_be_more() -> None:
    """A cluster of one broker cannot do better."""
    assert found("LOG_TOPIC", copies=1, brokers=1) == []
    (doubt,) = found("LOG_TOPIC", copies=1, brokers=3)
    assert doubt.startswith("(LOG_TOPIC) has one copy of each record, expected more with 3 brokers: ")


def test_copies_that_all_have_to_be_there() -> None:
    """Each broker that is away stops the writing."""
    assert found("STATE_TOPIC", "min.insync.replicas", "2", copies=3, brokers=3) == []
    (doubt,) = found("STATE_TOPIC", "min.insync.replicas", "3", copies=3, brokers=3)
    assert doubt.startswith("(STATE_TOPIC) has min.insync.replicas=3 and 3 copies, expected at most 2: ")
