"""What a user can get wrong: one line that says what, why and what to do, and an exit code for each."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

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


def test_ctrl_c_ends_a_worker_that_still_waits(worker: StartWorker, broker_free_place: Place) -> None:
    with closed_port() as port:
        waiting = worker(broker_free_place, KAFKA_BOOTSTRAP_SERVER=f"kafka://127.0.0.1:{port}")
        wait_until(lambda: str(port) in waiting.output(), END_TIMEOUT_S, "the worker waits for the broker")
        waiting.interrupt()
        waiting.wait(ENDS_WITHIN_S)
    assert "Traceback" not in waiting.output()
