"""Partitions of published records: those that Kafka's own clients would choose."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.wire.partition import partition_of

HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""As Kafka's clients in Java hash them, 32 bits with sign."""


@pytest.mark.parametrize("key", HASHES)
def test_keys_are_hashed_as_in_java(key: bytes) -> None:
    assert murmur2(key) & 0xFFFFFFFF == HASHES[key] & 0xFFFFFFFF
    assert [partition_of(key, count) for count in (1, 3, 12)] == [
        (HASHES[key] & 0x7FFFFFFF) % count for count in (1, 3, 12)
    ]


@given(st.binary(max_size=80), st.integers(1, 100))
def test_it_is_the_partition_of_every_other_client(key: bytes, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)
