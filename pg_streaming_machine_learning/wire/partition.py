"""In which partition a record belongs, as Kafka's own clients and Kafka Streams choose it."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

__all__ = ["partition_of"]


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key.

    Parameters
    ----------
    key : bytes
        Of the record; if the record is of a window, the inner key alone, without the window's start, as Kafka
        Streams' ``WindowedStreamPartitioner`` does: all windows of a key lie in one partition.
    partitions : int
        How many the topic has, at least 1.

    Examples
    --------
    >>> partition_of(b"abc", 1), partition_of(b"abc", 12), partition_of(b"foobar", 12)
    (0, 3, 6)
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
