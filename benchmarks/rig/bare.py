"""A bare loop: aiokafka's `getmany`, and fastavro for key and value; nothing is made of them.

Run as ``python -m benchmarks.rig.bare <bootstrap> <topic> <partitions> <records>``; prints the seconds from
the first wait to the last record decoded.
"""

from __future__ import annotations

import asyncio
import sys
import time
from io import BytesIO

import fastavro
from aiokafka import AIOKafkaConsumer, TopicPartition

from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature

__all__ = ["main"]

_HEADER, _WINDOW = 5, 8


async def loop(bootstrap: str, topic: str, partitions: int, count: int) -> float:
    """Return the seconds it takes to read and decode so many records."""
    key_schema = fastavro.parse_schema(schema_of(FeatureKey))
    value_schema = fastavro.parse_schema(schema_of(LabeledFeature))
    read = fastavro.schemaless_reader
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, group_id=None)
    await consumer.start()
    try:
        places = [TopicPartition(topic, each) for each in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        begin_s = time.monotonic()
        done = 0
        while done < count:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=4000)).values():
                for record in records:
                    read(BytesIO(record.key[_HEADER:-_WINDOW]), key_schema, None)
                    read(BytesIO(record.value[_HEADER:]), value_schema, None)
                done += len(records)
        return time.monotonic() - begin_s
    finally:
        await consumer.stop()


def main() -> None:
    """Print the seconds."""
    bootstrap, topic, partitions, count = sys.argv[1:]
    print(asyncio.run(loop(bootstrap, topic, int(partitions), int(count))))


if __name__ == "__main__":
    main()
