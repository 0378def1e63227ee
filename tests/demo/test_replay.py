"""The replay sends every message, in the order of time, and does not run away from the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pg_streaming_machine_learning.demo import replay as replaying
from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS, bad_records
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.replay import Replay
from pg_streaming_machine_learning.demo.script import RecordedScript
from pg_streaming_machine_learning.demo.unread import Unread
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.recording import Recording

TOPICS = (LINES_TOPIC, SPANS_TOPIC)
PARTITIONS = 4
JOIN_S = 60.0

WINDOWS = 2 * 14
"""A minute and 4 ms hold readings in the windows from -5 s to 60 s, of two hosts."""


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """Return the address of a broker with empty topics of four partitions."""
    with EmbeddedBroker(topics=TOPICS) as broker:
        yield broker.bootstrap


def script_of(recording: Recording, minutes: float | None = None) -> RecordedScript:
    """Return the script of a recording."""
    return RecordedScript(recording, minutes, Objective(share=0.9, factor=5.0))


def replay_of(script: RecordedScript, bootstrap: str, speed: float = 0, is_live: bool = False) -> Replay:
    """Return a replay that was not started."""
    return Replay(script, bootstrap, PARTITIONS, Unread(bootstrap, "worker", every_s=0.0), speed, is_live)


def all_records(bootstrap: str, topic: str) -> list[list[InputRecord]]:
    """Return what lies in each partition."""
    with TopicReader(bootstrap) as reader:
        return [
            list(reader.read(topic, partition, *reader.bounds(topic, partition)))
            for partition in reader.partitions(topic)
        ]


def test_everything_is_sent_in_the_order_of_time(recording: Recording, bootstrap: str) -> None:
    """Byte for byte, each host's in a partition of its own, and bad records between them."""
    script = script_of(recording)
    replay = replay_of(script, bootstrap)
    replay.start()
    replay.join(JOIN_S)
    assert replay.error is None
    messages = list(recording.messages())
    assert (replay.messages_sent, replay.bad_sent) == (len(messages), BAD_RECORDS)
    assert replay.bytes_sent == sum(len(message.value) for message in messages)
    assert (replay.expected, replay.windows_sent) == (WINDOWS, WINDOWS)
    for topic in TOPICS:
        for number, records in enumerate(all_records(bootstrap, topic)):
            times_ms = [record.timestamp_ms for record in records]
            assert times_ms == sorted(times_ms)
            bad = {
                each.value
                for at_ms in set(times_ms)
                for host in script.hosts
                for each in bad_records(host, at_ms)
            }
            assert [
                (record.key, record.value, record.timestamp_ms)
                for record in records
                if record.value not in bad
            ] == [
                (message.key, message.value, message.timestamp_ms)
                for message in messages
                if (message.topic, message.service) == (topic, number)
            ]


def test_it_goes_at_its_speed(recording: Recording, bootstrap: str) -> None:
    """A minute between the first and the last step, at a hundred times real time."""
    replay = replay_of(script_of(recording), bootstrap, speed=100)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert 0.5 <= time.monotonic() - started_s < 5.0


def test_it_trickles_while_the_worker_is_behind(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held back, it goes on slowly, as an input that stands still would look idle."""
    monkeypatch.setattr(replaying, "MOST_UNREAD_BYTES", 0)
    monkeypatch.setattr(replaying, "HELD_STEP_S", 0.2)
    replay = replay_of(script_of(recording, minutes=0.2), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == 2 * 4
    # Twelve seconds: the first finds nothing unread, each of the rest waits.
    assert time.monotonic() - started_s >= 11 * 0.2


def test_what_happens_now_is_not_held_back(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live script goes on whether the worker is behind or not."""
    monkeypatch.setattr(replaying, "MOST_UNREAD_BYTES", 0)
    replay = replay_of(script_of(recording), bootstrap, speed=1, is_live=True)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == WINDOWS
    assert time.monotonic() - started_s < 20 * replaying.HELD_STEP_S


def test_it_does_not_wait_for_a_worker_that_keeps_up(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the consumer group has committed is read."""
    monkeypatch.setattr(replaying, "MOST_UNREAD_BYTES", 0)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "worker", "log_level": 0})
    far_ahead = [TopicPartition(topic, partition, 10_000) for topic in TOPICS for partition in range(4)]
    consumer.commit(offsets=far_ahead, asynchronous=False)
    consumer.close()
    replay = replay_of(script_of(recording), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == WINDOWS
    assert time.monotonic() - started_s < replaying.HELD_STEP_S * 5


def test_it_is_held_back_by_predictions_that_do_not_come(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is predicted after the start: steps more than 58 s later wait."""
    monkeypatch.setattr(replaying, "MOST_AHEAD_MS", 58_000)
    monkeypatch.setattr(replaying, "HELD_STEP_S", 0.3)
    replay = replay_of(script_of(recording), bootstrap)
    started_s = time.monotonic()
    replay.start()
    replay.join(JOIN_S)
    assert replay.expected == WINDOWS
    assert time.monotonic() - started_s >= 2 * 0.3


def test_it_does_not_pass_the_moment_it_is_held_at(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps behind it trickle, until the owner lets go."""
    monkeypatch.setattr(replaying, "HELD_STEP_S", 600.0)
    script = script_of(recording)
    replay = replay_of(script, bootstrap)
    replay.hold_at_ms = script.start_ms + 30_000
    replay.start()
    end_s = time.monotonic() + JOIN_S
    while replay.replayed_to_ms < replay.hold_at_ms - 1_000:
        assert time.monotonic() < end_s, "waited in vain"
    assert replay.is_alive()
    assert replay.replayed_to_ms <= replay.hold_at_ms
    replay.hold_at_ms = None
    replay.join(JOIN_S)
    assert (replay.expected, replay.replayed_to_ms) == (WINDOWS, script.start_ms + 61_000)


def test_it_can_be_stopped(make_recording: Callable[..., Recording], bootstrap: str) -> None:
    """In the middle, at once; what was sent stays."""
    replay = replay_of(script_of(make_recording()), bootstrap, speed=1)
    replay.start()
    replay.stop()
    assert not replay.is_alive()
    assert (replay.expected, replay.error) == (None, None)


def test_a_topic_that_refuses_is_an_error(
    recording: Recording, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for the owner, as a thread has nobody to raise to."""
    replay = replay_of(script_of(recording), bootstrap)

    def fail(_step: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(replay, "_send", fail)
    replay.start()
    replay.join(JOIN_S)
    assert isinstance(replay.error, ValueError)


def test_unread_counts_what_the_group_has_not_committed(bootstrap: str) -> None:
    """Of each partition of each topic; the broker is not asked all the time."""
    one, two = (LINES_TOPIC, 0), (SPANS_TOPIC, 1)
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for number in range(10):
        topic, partition = (one, two)[number % 2]
        producer.produce(topic, b"value", partition=partition)
    producer.flush(10)
    unread = Unread(bootstrap, "worker", every_s=5.0)
    assert unread.of({}, 0.0) == {}
    assert unread.of({one: 5, two: 5}, 0.0) == {one: 5, two: 5}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "worker", "log_level": 0})
    consumer.commit(offsets=[TopicPartition(*one, 4), TopicPartition(*two, 2)], asynchronous=False)
    consumer.close()
    assert unread.of({one: 5, two: 5}, 4.9) == {one: 5, two: 5}
    assert unread.of({one: 5, two: 5}, 5.0) == {one: 1, two: 3}
    unread.close()
