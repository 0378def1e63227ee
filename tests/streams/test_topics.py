"""The table of our topics."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.state.layout import CHUNK_BYTES
from pg_streaming_machine_learning.streams.topics import DAY_MS, OwnTopic, own_topics


def topics(settings: Settings) -> dict[str, OwnTopic]:
    """Return the topics by the settings that name them."""
    return {topic.setting: topic for topic in own_topics(settings)}


def test_what_belongs_together_has_the_same_partition_number() -> None:
    """Predictions and state go to the partition of their cause; one is enough for the others."""
    ours = topics(Settings(log_partitions=3))
    found = {
        setting: (topic.name, topic.partitions, topic.creation_partitions) for setting, topic in ours.items()
    }
    assert found == {
        "LOG_TOPIC": ("pg-streaming-samples", 3, 3),
        "PREDICTIONS_TOPIC": ("pg-streaming-predictions", 3, 3),
        "DEAD_LETTERS_TOPIC": ("pg-streaming-dead-letters", 1, 1),
        "STATE_TOPIC": ("pg-streaming-state", 3, 3),
        "PROGRESS_TOPIC": ("pg-streaming-progress", 1, 16),
    }


def test_what_is_published_waits_a_week_for_its_readers() -> None:
    """Made with the partitions of the log; others may have made it with more or fewer."""
    settings = Settings(log_partitions=3, publish=("features", "targets"), features_topic="windows")
    ours = topics(settings)
    assert set(ours) - set(topics(Settings())) == {"FEATURES_TOPIC", "TARGETS_TOPIC"}
    features = ours["FEATURES_TOPIC"]
    assert (features.name, features.partitions, features.creation_partitions) == ("windows", 1, 3)
    assert features.creation_config["retention.ms"] == str(7 * DAY_MS)


def test_the_log_is_kept_for_a_month_whatever_its_size() -> None:
    """A new generation of the model learns from it."""
    assert topics(Settings())["LOG_TOPIC"].creation_config == {
        "cleanup.policy": "delete",
        "retention.ms": str(30 * DAY_MS),
        "retention.bytes": "-1",
        "min.insync.replicas": "1",
    }


@pytest.mark.parametrize("setting", ["STATE_TOPIC", "PROGRESS_TOPIC"])
def test_of_state_and_progress_the_last_word_is_kept(setting: str) -> None:
    """They are compacted in small pieces: who takes a partition over reads all there is."""
    topic = topics(Settings())[setting]
    assert topic.is_compacted
    config = topic.creation_config
    assert config["cleanup.policy"] == "compact"
    assert int(config["segment.bytes"]) == 16 * 1024 * 1024
    assert float(config["min.cleanable.dirty.ratio"]) == 0.1
    assert int(config["delete.retention.ms"]) == DAY_MS
    assert int(config["max.message.bytes"]) >= CHUNK_BYTES + 100_000


def test_dead_letters_have_room_for_what_is_too_large() -> None:
    """A record refused for its length is kept as well, unless it is far too long."""
    dead_letters = topics(Settings(max_record_bytes=5_000_000))["DEAD_LETTERS_TOPIC"]
    assert int(dead_letters.creation_config["max.message.bytes"]) > 5_000_000


@pytest.mark.parametrize(("copies", "needed"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_writing_goes_on_without_one_of_the_brokers(copies: int, needed: str) -> None:
    """What was written is in all copies but one, in every topic."""
    ours = own_topics(Settings(replication_factor=copies))
    assert {topic.creation_config["min.insync.replicas"] for topic in ours} == {needed}
