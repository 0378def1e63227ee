"""Records that Kafka deleted before they were read."""

from __future__ import annotations

from collections.abc import Mapping

from pg_streaming_machine_learning.errors import TopicError
from pg_streaming_machine_learning.streams.batch import TopicPlace

__all__ = ["TrimmedError"]


class TrimmedError(TopicError):
    """A partition no longer, or not yet, has the offset at which reading has to go on.

    Parameters
    ----------
    offsets : mapping of (topic, partition) to int
        Where reading had to go on.
    """

    def __init__(self, offsets: Mapping[TopicPlace, int]) -> None:
        places = ", ".join(f"{place[0]}[{place[1]}]@{offset}" for place, offset in offsets.items())
        super().__init__(
            f"offset {places or 'to read on at'} is out of range: its records were deleted before they were "
            "read, or the topic was made anew; nothing is skipped without being asked to: stop the workers "
            "and move the consumer group with kafka-consumer-groups --reset-offsets, or use another "
            "APPLICATION_ID"
        )
