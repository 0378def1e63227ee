"""The state topic as it lies there, and records put into it by somebody who is no worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Producer

from storm.capture import Capture
from storm.scene import Scene

__all__ = ["Stored", "put", "read_stored"]

_SLOTS = ("slot-0", "slot-1")


class Stored:
    """The last values of a partition of the state topic.

    Parameters
    ----------
    values : mapping of bytes to bytes
        By key.
    records : int
        How many records there were.
    """

    def __init__(self, values: Mapping[bytes, bytes], records: int) -> None:
        self.values = dict(values)
        self.records = records

    def manifests(self) -> dict[str, dict[str, Any]]:
        """Return the manifest of each slot, the newest first."""
        found = {
            slot: json.loads(self.values[key])
            for slot in _SLOTS
            if (key := f"{slot}/manifest".encode()) in self.values
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]["position"]))

    def chunks(self, slot: str) -> list[bytes]:
        """Return the keys of a slot's chunks that its manifest speaks of."""
        count = int(self.manifests()[slot]["chunks"])
        return [f"{slot}/{number:04d}".encode() for number in range(count)]


def read_stored(scene: Scene) -> list[Stored]:
    """Return what each partition of the state topic holds now."""
    capture = Capture(scene.bootstrap, scene.settings.state_topic, scene.settings.log_partitions)
    capture.refresh()
    found = []
    for records in capture.records:
        values: dict[bytes, bytes] = {}
        for record in records:
            if record.key is None:
                continue
            if record.value is None:
                values.pop(record.key, None)
            else:
                values[record.key] = record.value
        found.append(Stored(values, len(records)))
    return found


def put(scene: Scene, partition: int, records: Mapping[bytes, bytes | None]) -> None:
    """Write records into a partition of the state topic."""
    producer = Producer({"bootstrap.servers": scene.bootstrap, "acks": "all", "log_level": 0})
    for key, value in records.items():
        producer.produce(scene.settings.state_topic, value, key, partition=partition)
    assert producer.flush(30) == 0
