"""Labels that come by themselves wait for their window."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import LabelUpdate, SourcePlace
from pg_streaming_machine_learning.windows.labels import LabelStore


def update(host: str, start_ms: int, label: int, topic: str = "targets") -> LabelUpdate:
    return LabelUpdate(SourcePlace(topic, 0, 0), host, start_ms, label)


def filled(*updates: LabelUpdate) -> LabelStore:
    store = LabelStore()
    for each in updates:
        store.add(each)
    return store


def test_the_last_label_of_a_topic_counts() -> None:
    """A target is sent again as its window fills; topics count apart."""
    store = filled(update("web", 0, 1), update("web", 0, 0), update("web", 0, 1, "other"))
    assert store.take("web", 0) == {"targets": 0, "other": 1}


def test_hosts_and_windows_count_apart_and_a_taken_label_is_gone() -> None:
    store = filled(update("web", 0, 1), update("web", 5, 0), update("db", 0, 0))
    assert [store.take("web", 0), store.take("web", 0), store.take("db", 5)] == [{"targets": 1}, {}, {}]
    assert [store.take("db", 0), store.take("web", 5)] == [{"targets": 0}, {"targets": 0}]


def test_a_snapshot_brings_the_labels_back_whatever_their_order() -> None:
    updates = [update("web", 5, 1), update("ä", 0, 0), update("web", 5, 0, "other")]
    restored = LabelStore()
    restored.restore(filled(*updates).snapshot())
    assert restored.snapshot() == filled(*reversed(updates)).snapshot()
    assert restored.take("web", 5) == {"targets": 1, "other": 0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"nothing", "7 bytes are no state of 'labels'"),
        (b'{"part":"labels","version":1,"state":[[0]]}', "state of the labels is incomplete"),
        (b'{"part":"labels","version":1,"state":[[0,"web",7]]}', "state of the labels is incomplete"),
    ],
)
def test_bytes_of_something_else_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        LabelStore().restore(data)
