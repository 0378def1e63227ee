"""What a user can get wrong: one line that says what, why and what to do, and an exit code for each."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.topics import own_topics
from services.place import MakePlace, Place, StartWorker
from services.topics import create_topic, partitions_of, wait_until
from services.windows import SETTINGS
from services.worker import ENDS_WITHIN_S, Worker

END_TIMEOUT_S = 60.0


def last_line(worker: Worker) -> str:
    """Return the last line it printed, after seeing that there was no traceback."""
    output = worker.output()
    assert "Traceback" not in output
    return [line for line in output.splitlines() if line.strip()][-1]


@contextmanager
def closed_port() -> Iterator[int]:
    """Hold a port on which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("WINDOW_HOP_S", "soon", "WINDOW_HOP_S"),
        ("WINDOW_HOP_S", "4000", "WINDOW_SIZE_S"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://elsewhere:9092", "KAFKA_BOOTSTRAP_SERVER"),
        ("SIMPLE_SETTINGS", "settingz", "SIMPLE_SETTINGS"),
        ("MODEL", "river.forest.ARFClassifie", "ARFClassifier"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_names_it(
    worker: StartWorker, broker_free_place: Place, setting: str, value: str, says: str
) -> None:
    settings = dict(broker_free_place.settings)
    if setting == "KAFKA_BOOTSTRAP_SERVERS":
        del settings["KAFKA_BOOTSTRAP_SERVER"]
    ended = worker(Place("", "", settings, broker_free_place.upstream), **{setting: value})
    assert ended.wait(END_TIMEOUT_S) == 2
    assert says in last_line(ended)


@pytest.fixture
def broker_free_place(place: MakePlace) -> Place:
    """Return a place at the embedded broker, for workers that never come to ask it."""
    return place("embedded")


def test_no_broker_ends_with_3_after_the_time_out(worker: StartWorker, broker_free_place: Place) -> None:
    with closed_port() as port:
        address = f"kafka://127.0.0.1:{port}"
        ended = worker(broker_free_place, KAFKA_BOOTSTRAP_SERVER=address, START_TIMEOUT_S="3")
        assert ended.wait(END_TIMEOUT_S) == 3
    assert f"127.0.0.1:{port}" in last_line(ended)


def test_no_input_topic_ends_with_4_and_names_it(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    ended = worker(place(real_broker), INPUT_TOPIC="not-there", START_TIMEOUT_S="3")
    assert ended.wait(END_TIMEOUT_S) == 4
    assert "not-there" in last_line(ended)


def test_a_missing_topic_of_ours_ends_with_4_if_it_may_not_be_made(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker)
    ended = worker(here, TOPICS_CREATE="false", START_TIMEOUT_S="3")
    assert ended.wait(END_TIMEOUT_S) == 4
    assert "TOPICS_CREATE" in last_line(ended)


def test_no_registry_ends_with_5_after_the_time_out(worker: StartWorker, broker_free_place: Place) -> None:
    with closed_port() as port:
        address = f"http://127.0.0.1:{port}"
        ended = worker(broker_free_place, SCHEMA_REGISTRY_URL=address, START_TIMEOUT_S="3")
        assert ended.wait(END_TIMEOUT_S) == 5
    assert f"127.0.0.1:{port}" in last_line(ended)


def test_a_topic_that_comes_later_is_waited_for_and_ours_are_made(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **SETTINGS)
    late = here.topic("INPUT") + "-later"
    running = worker(here, INPUT_TOPIC=late)
    wait_until(lambda: late in running.output(), END_TIMEOUT_S, "the worker waits for its input topic")
    create_topic(here.bootstrap, late, 2)
    wait_until(
        lambda: "partitions assigned" in running.output(), END_TIMEOUT_S, "the worker has its partitions"
    )
    assert partitions_of(here.bootstrap, here.topic("LOG")) == 1
    assert running.stop() < ENDS_WITHIN_S


def config_of(bootstrap: str, topic: str) -> dict[str, str | None]:
    """Return how a topic is configured."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in found.items()}


def create(bootstrap: str, topic: str, **config: str) -> None:
    """Make a topic of one partition; `_` stands for the dot in what configures it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    dotted = {name.replace("_", "."): value for name, value in config.items()}
    admin.create_topics([NewTopic(topic, 1, 1, config=dotted)])[topic].result(30)


def test_our_topics_are_made_as_the_table_says(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **SETTINGS, LOG_PARTITIONS="2")
    running = worker(here)
    wait_until(
        lambda: "partitions assigned" in running.output(), END_TIMEOUT_S, "the worker has its partitions"
    )
    ours = own_topics(Settings.load(here.settings))
    for topic in ours:
        config = config_of(here.bootstrap, topic.name)
        assert {name: config[name] for name in topic.creation_config} == topic.creation_config
        assert partitions_of(here.bootstrap, topic.name) == topic.creation_partitions
    assert not any(f"topic '{topic.name}'" in running.output() for topic in ours), "nothing to doubt"


def test_topics_that_lose_what_they_are_given_are_doubted_and_used(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **SETTINGS)
    create(here.bootstrap, here.topic("STATE"), cleanup_policy="delete")
    create(here.bootstrap, here.topic("LOG"), retention_ms="3600000")
    running = worker(here)
    wait_until(
        lambda: "partitions assigned" in running.output(), END_TIMEOUT_S, "the worker has its partitions"
    )
    output = " ".join(running.output().split())
    state, log = here.topic("STATE"), here.topic("LOG")
    assert f"topic '{state}' (STATE_TOPIC) has cleanup.policy=delete, expected compact: " in output
    assert f"topic '{log}' (LOG_TOPIC) has retention.ms=3600000, expected at least 86400000 " in output


def test_a_topic_that_cannot_be_written_ends_with_4(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **SETTINGS)
    create(here.bootstrap, here.topic("STATE"), cleanup_policy="compact", min_insync_replicas="2")
    ended = worker(here)
    assert ended.wait(END_TIMEOUT_S) == 4
    assert "min.insync.replicas=2, expected at most 1" in last_line(ended)


def test_ctrl_c_ends_a_worker_that_still_waits(worker: StartWorker, broker_free_place: Place) -> None:
    with closed_port() as port:
        waiting = worker(broker_free_place, KAFKA_BOOTSTRAP_SERVER=f"kafka://127.0.0.1:{port}")
        wait_until(lambda: str(port) in waiting.output(), END_TIMEOUT_S, "the worker waits for the broker")
        waiting.interrupt()
        waiting.wait(ENDS_WITHIN_S)
    assert "Traceback" not in waiting.output()
