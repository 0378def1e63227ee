"""Over how many partitions of a log hosts were spread: it must not change while the log is in use."""

from __future__ import annotations

from pg_streaming_machine_learning.errors import TopicError
from pg_streaming_machine_learning.state.fields import is_count, read_fields, write_fields

__all__ = ["check_partitioning", "partitioning", "partitioning_key"]

_KINDS = {"log_partitions": is_count}


def partitioning_key(log_topic: str) -> bytes:
    """Return the key under which it lies beside the progress of routers; earlier releases pass it over.

    Examples
    --------
    >>> partitioning_key("pg-streaming-samples")
    b'partitions/pg-streaming-samples'
    """
    return f"partitions/{log_topic}".encode()


def partitioning(log_partitions: int) -> bytes:
    """Return the value of the record."""
    return write_fields(1, {"log_partitions": log_partitions})


def check_partitioning(data: bytes, log_topic: str, log_partitions: int) -> None:
    """Accept the number that hosts were spread over before.

    Raises
    ------
    TopicError
        If it was another.
    SnapshotError
        If the bytes are something else.
    """
    before = read_fields(data, "number of partitions of a log", 1, _KINDS)["log_partitions"]
    if before != log_partitions:
        raise TopicError(
            f"LOG_PARTITIONS is {log_partitions}, and hosts were spread over {before} partitions of "
            f"{log_topic!r} before: what lies unread there would never be learned, or windows of a host be "
            f"split. Set it to {before} again, or begin anew, with another APPLICATION_ID, LOG_TOPIC, "
            "STATE_TOPIC, PROGRESS_TOPIC and PREDICTIONS_TOPIC"
        )
