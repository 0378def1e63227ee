"""Records that Kafka deleted before they were read."""

from __future__ import annotations

from collections.abc import Mapping

from pg_streaming_machine_learning.errors import TopicError
from pg_streaming_machine_learning.streams.batch import TopicPlace

__all__ = ["TrimmedError"]


class TrimmedError(TopicError):
    """A partition no longer, or not yet, has the offset at which reading has to go on."""

    @classmethod
    def hole(cls, place: TopicPlace, position: int, begin: int) -> TrimmedError:
        """Return the error of a partition that begins behind the position."""
        return cls(
            f"{begin - position} records of {place[0]}[{place[1]}] from offset {position} to {begin} were "
            "deleted before they were read; nothing is skipped without being asked to: set ALLOW_HOLES to "
            "true for one start, and keep the topic's records longer (retention.ms) than workers may be away"
        )

    @classmethod
    def replaced(cls, place: TopicPlace, position: int, end: int) -> TrimmedError:
        """Return the error of a partition that ends before the position."""
        return cls(
            f"{place[0]}[{place[1]}] ends at offset {end} and was read to {position} before: the topic was "
            "made anew. Begin anew too: with another APPLICATION_ID, LOG_TOPIC, STATE_TOPIC, PROGRESS_TOPIC "
            "and PREDICTIONS_TOPIC"
        )

    @classmethod
    def out_of_range(cls, offsets: Mapping[TopicPlace, int]) -> TrimmedError:
        """Return the error of a fetch that found nothing where it had to go on."""
        places = ", ".join(f"{place[0]}[{place[1]}]@{offset}" for place, offset in offsets.items())
        return cls(
            f"offset {places or 'to read on at'} is out of range: its records were deleted before they were "
            "read, or the topic was made anew; a new start looks at it again"
        )
