"""The topics that are ours: one table of names, partitions, how long records are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_streaming_machine_learning.config import SOURCE_TOPICS, Settings

__all__ = ["PROGRESS_PARTITIONS", "OwnTopic", "own_topics"]

DAY_MS = 86_400_000
SPARE_BYTES = 1_048_576
"""Room in a dead letter for headers, and for records refused because they are too large."""

COMPACTED: Mapping[str, str] = {
    "cleanup.policy": "compact",
    # Only closed segments are compacted, and who takes a partition over reads all of it: they have to stay
    # small.
    "segment.bytes": "16777216",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(DAY_MS),
    # Kafka's own default, which a chunk of a snapshot fits in; a broker may have been given less.
    "max.message.bytes": "1048588",
}

PROGRESS_PARTITIONS = 16
"""So that routers seldom share one: its reader waits for the transactions that others have open there."""


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
        How many partitions it needs at least.
    retention_ms : int or None
        How long records are kept, milliseconds; None if it is compacted, which keeps the last of each key.
    config : mapping of str to str
        What else it is made with.
    made_with : int or None
        How many partitions it gets if it is missing; None if as many as it needs.
    """

    name: str
    setting: str
    partitions: int
    retention_ms: int | None
    config: Mapping[str, str] = field(default_factory=dict)
    made_with: int | None = None

    @property
    def is_compacted(self) -> bool:
        """Whether the last record of each key is kept, instead of all records for some time."""
        return self.retention_ms is None

    @property
    def creation_partitions(self) -> int:
        """How many partitions it gets if it is missing."""
        return self.partitions if self.made_with is None else self.made_with

    @property
    def creation_config(self) -> dict[str, str]:
        """All it is made with, in Kafka's words."""
        if self.retention_ms is None:
            return {**COMPACTED, **self.config}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms), **self.config}


def own_topics(settings: Settings) -> tuple[OwnTopic, ...]:
    """Return the topics of ours under the names that the settings give them.

    State and progress say how far everything was read, and what was learned from it. The log is read again
    from the older of two snapshots, minutes back; a month of it is kept for a new generation of the model to
    learn from. Predictions and dead letters wait a month for somebody to look at them. What is published for
    other jobs waits a week for them, in as many partitions as the log has.

    What was written stays if a broker is lost, and writing goes on: with `REPLICATION_FACTOR` copies, all but
    one have to be there.
    """
    partitions = settings.log_partitions
    copies = {"min.insync.replicas": str(max(1, settings.replication_factor - 1))}
    unlimited = {"retention.bytes": "-1", **copies}
    largest = {"max.message.bytes": str(settings.max_record_bytes + SPARE_BYTES), **copies}
    month_ms = 30 * DAY_MS
    published = (
        OwnTopic(name, SOURCE_TOPICS[what], 1, 7 * DAY_MS, copies, partitions)
        for what, name in settings.published_topics.items()
    )
    return (
        OwnTopic(settings.log_topic, "LOG_TOPIC", partitions, month_ms, unlimited),
        OwnTopic(settings.predictions_topic, "PREDICTIONS_TOPIC", partitions, month_ms, copies),
        OwnTopic(settings.dead_letters_topic, "DEAD_LETTERS_TOPIC", 1, month_ms, largest),
        OwnTopic(settings.state_topic, "STATE_TOPIC", partitions, None, copies),
        OwnTopic(settings.progress_topic, "PROGRESS_TOPIC", 1, None, copies, PROGRESS_PARTITIONS),
        *published,
    )
