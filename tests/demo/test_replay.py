"""The replay sends every revision, in the order of time, and does not run away from the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pg_streaming_machine_learning.demo import replay as replaying
from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.replay import Replay
from pg_streaming_machine_learning.demo.revisions import RecordedWindows
from pg_streaming_machine_learning.demo.unread import Unread
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.testbed.recording import Recording

TOPIC = "in"
JOIN_S = 60.0


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """Return the address of a broker with an empty topic of four partitions."""
    with EmbeddedBroker(topics=[TOPIC]) as broker:
        yield broker.bootstrap


def replay_of(windows: RecordedWindows, bootstrap: str, speed: float = 0) -> Replay:
    """Return a replay that was not started."""
    unread = Unread(bootstrap, "worker", TOPIC, every_s=0.0)
    return Replay(windows, WindowEncoder(1, 2, partitions=4), bootstrap, TOPIC, unread, speed)


def all_records(bootstrap: str) -> list[list[InputRecord]]:
    """Return what lies in each partition."""
    with TopicReader(bootstrap) as reader:
        return [
            list(reader.read(TOPIC, partition, *reader.bounds(TOPIC, partition)))
            for partition in reader.partitions(TOPIC)
        ]


def test_everything_is_sent_in_the_order_of_time(recording: Recording, bootstrap: str) -> None:
    """Revisions and bad records lie in their partitions, stamped with the time they were known at."""
    windows = RecordedWindows(recording)
    replay = replay_of(windows, bootstrap)
    replay.start()
    replay.join(JOIN_S)
    assert replay.error is None
    assert (replay.updates_sent, replay.windows_sent, replay.bad_sent) == (264, 132, BAD_RECORDS)
    assert (replay.expected, replay.replayed_to_ms) == (22, windows.end_ms)
    partitions = all_records(bootstrap)
    assert sum(map(len, partitions)) == 264 + BAD_RECORDS
    for records in partitions:
        times_ms = [record.timestamp_ms for record in records]
        assert times_ms == sorted(times_ms)
    encoder = WindowEncoder(1, 2, partitions=4)
    for step in windows.steps():
        for revision in step.revisions:
            window = encoder.encode(revision)
            assert any(
                (record.key, record.value) == (window.key, window.value)
                for record in partitions[window.partition]
                if record.timestamp_ms == step.at_ms
            )


def test_it_goes_at_its_speed(recording: Recording, bootstrap: str) -> None:
    """Fifty seconds between the first and the last step, at a hundred times real time."""
    replay = replay_of(RecordedWindows(recording), bootstrap, speed=100)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert 0.5 <= time.monotonic() - started_s < 5.0


def test_it_trickles_while_the_worker_is_behind(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held back, it goes on slowly, as an input that stands still would look idle."""
    monkeypatch.setattr(replaying, "MOST_UNREAD", 0)
    monkeypatch.setattr(replaying, "HELD_STEP_S", 0.2)
    replay = replay_of(RecordedWindows(recording), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == 22
    # Twelve moments: the first finds nothing unread, each of the rest waits.
    assert time.monotonic() - started_s >= 11 * 0.2


def test_it_does_not_wait_for_a_worker_that_keeps_up(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the consumer group has committed is read."""
    monkeypatch.setattr(replaying, "MOST_UNREAD", 0)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "worker", "log_level": 0})
    far_ahead = [TopicPartition(TOPIC, partition, 10_000) for partition in range(4)]
    consumer.commit(offsets=far_ahead, asynchronous=False)
    consumer.close()
    replay = replay_of(RecordedWindows(recording), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == 22
    assert time.monotonic() - started_s < replaying.HELD_STEP_S * 5


def test_it_is_held_back_by_predictions_that_do_not_come(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is predicted after the start: steps more than 50 s later wait."""
    monkeypatch.setattr(replaying, "MOST_AHEAD_MS", 50_000)
    monkeypatch.setattr(replaying, "HELD_STEP_S", 0.3)
    replay = replay_of(RecordedWindows(recording), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == 22
    assert time.monotonic() - started_s >= 2 * 0.3


def test_it_does_not_pass_the_moment_it_is_held_at(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps behind it trickle, until the owner lets go."""
    monkeypatch.setattr(replaying, "HELD_STEP_S", 600.0)
    windows = RecordedWindows(recording)
    replay = replay_of(windows, bootstrap)
    replay.hold_at_ms = windows.start_ms + 30_000
    replay.start()
    end_s = time.monotonic() + JOIN_S
    while replay.replayed_to_ms < replay.hold_at_ms - 5_000:
        assert time.monotonic() < end_s, "waited in vain"
    assert replay.is_alive()
    assert replay.replayed_to_ms <= replay.hold_at_ms
    replay.hold_at_ms = None
    replay.join(JOIN_S)
    assert (replay.expected, replay.replayed_to_ms) == (22, windows.end_ms)


def test_it_can_be_stopped(make_recording: Callable[..., Recording], bootstrap: str) -> None:
    """In the middle, at once; what was sent stays."""
    replay = replay_of(RecordedWindows(make_recording()), bootstrap, speed=1)
    replay.start()
    replay.stop()
    assert not replay.is_alive()
    assert (replay.expected, replay.error) == (None, None)


def test_a_topic_that_refuses_is_an_error(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for the owner, as a thread has nobody to raise to."""
    replay = replay_of(RecordedWindows(recording), bootstrap)

    def fail(_step: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(replay, "_send", fail)
    replay.start()
    replay.join(JOIN_S)
    assert isinstance(replay.error, ValueError)


def test_unread_counts_what_the_group_has_not_committed(bootstrap: str) -> None:
    """Four of ten are read in one partition, nothing in the other."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for number in range(10):
        producer.produce(TOPIC, b"value", partition=number % 2)
    producer.flush(10)
    unread = Unread(bootstrap, "worker", TOPIC, every_s=5.0)
    assert unread.most({}, 0.0) == 0
    assert unread.most({0: 5, 1: 5}, 0.0) == 5
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "worker", "log_level": 0})
    consumer.commit(offsets=[TopicPartition(TOPIC, 0, 4), TopicPartition(TOPIC, 1, 2)], asynchronous=False)
    consumer.close()
    assert unread.most({0: 5, 1: 5}, 4.9) == 5
    assert unread.most({0: 5, 1: 5}, 5.0) == 3
    unread.close()
