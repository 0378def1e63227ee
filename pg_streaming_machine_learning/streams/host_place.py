"""Where in the log a host's records are."""

from __future__ import annotations

from functools import lru_cache

from pg_streaming_machine_learning.wire.partition import partition_of

__all__ = ["host_place"]

_MOST_HOSTS = 50_000
"""Hosts remembered at most: finding a partition takes longer than all else that is done with a record."""


@lru_cache(_MOST_HOSTS)
def host_place(host: str, partitions: int) -> tuple[bytes, int]:
    """Return the key of a host's records, and the partition it belongs to, as Kafka's own clients choose it.

    Parameters
    ----------
    host : str
        Its name.
    partitions : int
        How many the log has, at least 1.

    Examples
    --------
    >>> host_place("abc", 1), host_place("abc", 12), host_place("foobar", 12)
    ((b'abc', 0), (b'abc', 3), (b'foobar', 6))
    """
    key = host.encode()
    return key, partition_of(key, partitions)
