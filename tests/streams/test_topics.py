"""The table of our topics."""

from __future__ import annotations

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.topics import own_topics


def test_log_and_predictions_have_the_same_partitions_and_the_log_is_kept() -> None:
    """Predictions go to the partition number of their cause; the log is the state."""
    log, predictions, dead_letters = own_topics(Settings(log_partitions=3))
    assert (log.name, log.partitions, log.retention_ms) == ("pg-streaming-samples", 3, -1)
    assert log.creation_config == {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
    }
    assert (predictions.name, predictions.partitions) == ("pg-streaming-predictions", 3)
    assert (dead_letters.name, dead_letters.partitions) == ("pg-streaming-dead-letters", 1)


def test_dead_letters_have_room_for_what_is_too_large() -> None:
    """A record refused for its length is kept as well, unless it is far too long."""
    _, _, dead_letters = own_topics(Settings(max_record_bytes=5_000_000))
    assert int(dead_letters.creation_config["max.message.bytes"]) > 5_000_000
