"""The topics that are ours: one table of names, partitions, retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_streaming_machine_learning.config import Settings

__all__ = ["OwnTopic", "own_topics"]

FOR_EVER_MS = -1
DAY_MS = 86_400_000
SPARE_BYTES = 1_048_576
"""Room in a dead letter for headers, and for records refused because they are too large."""


@dataclass(frozen=True)
class OwnTopic:
    """A topic this application writes, and how it is made if it is missing.

    Parameters
    ----------
    name : str
        Its name.
    setting : str
        The setting the name comes from.
    partitions : int
        How many partitions it needs at least, and gets.
    retention_ms : int
        How long records are kept, milliseconds; -1 for ever.
    config : mapping of str to str
        What else it is made with.
    """

    name: str
    setting: str
    partitions: int
    retention_ms: int
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def creation_config(self) -> dict[str, str]:
        """All it is made with, in Kafka's words."""
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms), **self.config}


def own_topics(settings: Settings) -> tuple[OwnTopic, ...]:
    """Return the topics of ours under the names that the settings give them.

    The log is the state: it is kept for ever. Predictions are kept for a month, so that a worker which starts
    finds out how far they were sent. Dead letters wait a month for somebody to look at them.
    """
    largest = settings.max_record_bytes + SPARE_BYTES
    compacted = {
        "cleanup.policy": "compact",
        "segment.bytes": "16777216",
        "segment.ms": "600000",
        "min.cleanable.dirty.ratio": "0.1",
    }
    return (
        OwnTopic(settings.state_topic, "STATE_TOPIC", settings.log_partitions, FOR_EVER_MS, compacted),
        OwnTopic(settings.progress_topic, "PROGRESS_TOPIC", 1, FOR_EVER_MS, compacted),
        OwnTopic(
            settings.log_topic, "LOG_TOPIC", settings.log_partitions, FOR_EVER_MS, {"retention.bytes": "-1"}
        ),
        OwnTopic(settings.predictions_topic, "PREDICTIONS_TOPIC", settings.log_partitions, 30 * DAY_MS),
        OwnTopic(
            settings.dead_letters_topic,
            "DEAD_LETTERS_TOPIC",
            1,
            30 * DAY_MS,
            {"max.message.bytes": str(largest)},
        ),
    )
