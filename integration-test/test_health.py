"""What a worker says of itself, and that one which stands still ends, and one which rests does not."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from services.kafka import VERSIONS
from services.place import MakePlace, Place
from services.predictions import read_predictions
from services.topics import create_topic, wait_until
from services.upstream import flushing
from services.windows import SETTINGS, in_revisions, made_up
from services.worker import ENDS_WITHIN_S, ROOT, Worker

PATIENCE_S = 60.0
STUCK_AFTER_S = 3
NEWEST = pytest.param(f"kafka-{VERSIONS[-1]}", marks=pytest.mark.kafka)

LAUNCHER = """
import asyncio, pathlib, re, sys, time
from pg_streaming_machine_learning.app import app
from pg_streaming_machine_learning.streams.worker import run_worker

@app.task
async def block_the_loop():
    while not pathlib.Path(sys.argv[1]).exists():
        await asyncio.sleep(0.05)
    {block}

sys.exit(run_worker(["-l", "INFO"]))
"""
"""A worker with a task of its own, which blocks the event loop as soon as a file is there."""


class Watched(Worker):
    """A worker that answers `/live` and `/ready`, and can be blocked or stopped."""

    def __init__(self, settings: dict[str, str], folder: Path, block: str = "") -> None:
        self._port = free_port()
        web = {"WEB_ENABLED": "true", "WEB_PORT": str(self._port), "PYTHONPATH": str(ROOT)}
        super().__init__(settings | web, folder / f"worker-{self._port}.log")
        self._block = block
        self._sign = folder / f"block-{self._port}"

    def start(self) -> None:
        """Start the process, with the task that blocks if there is one."""
        if not self._block:
            super().start()
            return
        with self._log.open("ab") as log:
            launcher = LAUNCHER.format(block=self._block)
            self._process = subprocess.Popen(
                [sys.executable, "-c", launcher, str(self._sign)],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def block(self) -> None:
        """Block its event loop."""
        self._sign.touch()

    def send(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def ask(self, page: str) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a page; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def state(self) -> str:
        """Return what it says its state is; nothing if it does not answer, though it has to be running."""
        assert self.is_running, self.output()[-3000:]
        return str(self.ask("ready")[1].get("state", ""))

    def wait_for(self, state: str) -> dict[str, Any]:
        """Wait until it is in a state; return all that it says."""
        wait_until(lambda: self.state() == state, PATIENCE_S, f"the worker is {state}")
        return self.ask("ready")[1]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Return what starts a worker at a place that is stuck after three seconds; none outlives the test."""
    with ExitStack() as stack:

        def start(place: Place, block: str = "", **settings: str) -> Watched:
            own = {"STUCK_AFTER_S": str(STUCK_AFTER_S)}
            running = Watched(place.settings | own | settings, tmp_path, block)
            stack.enter_context(running)
            running.start()
            return running

        yield start


StartWatched = Callable[..., Watched]


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def names(topic: str, partitions: int) -> set[str]:
    """Return the names of the partitions of a topic."""
    return {f"{topic}[{number}]" for number in range(partitions)}


def test_ready_comes_once_the_partitions_are_restored(
    real_broker: str, place: MakePlace, watch: StartWatched
) -> None:
    """Before that the worker is live and not ready; both pages say why."""
    here = place(real_broker, **SETTINGS)
    running = watch(here)
    seen: list[tuple[int, int]] = []

    def is_ready() -> bool:
        assert running.is_running, running.output()[-3000:]
        seen.append((running.ask("live")[0], running.ask("ready")[0]))
        return seen[-1][1] == 200

    wait_until(is_ready, PATIENCE_S, "the worker is ready")
    assert (200, 503) in seen
    assert set(seen) <= {(0, 0), (0, 503), (200, 503), (200, 200)}
    status, answer = running.ask("live")
    assert (status, answer["state"], answer["stuck"], answer["stopped"]) == (200, "ready", None, {})
    assert set(answer["assigned"]) == names(here.topic("INPUT"), 3) | names(here.topic("LOG"), 1)
    assert (answer["restoring"], answer["restored"]) == ([], True)
    for age in ("loop_tick_age_s", "consumer_tick_age_s", "heartbeat_age_s"):
        assert 0 <= answer[age] < STUCK_AFTER_S
    assert running.stop() < ENDS_WITHIN_S


@pytest.mark.parametrize("real_broker", [NEWEST], indirect=True)
def test_a_partition_that_stands_still_is_not_ready(
    real_broker: str, place: MakePlace, watch: StartWatched
) -> None:
    """Records were deleted while no worker ran; the worker is live, and says what to do."""
    here = place(real_broker, **SETTINGS)
    windows = made_up(["web-1", "web-2"], 20)
    first = watch(here)
    here.upstream.send(in_revisions(here.upstream, windows))
    here.upstream.send(record for each in flushing(windows) for record in here.upstream.records(each))
    topics = here.topic("PREDICTIONS"), here.registry_url
    assert len(read_predictions(here.bootstrap, *topics, len(windows), PATIENCE_S)) == len(windows)
    assert first.stop() < ENDS_WITHIN_S
    here.upstream.send(in_revisions(here.upstream, windows))
    delete_all(here.bootstrap, here.topic("INPUT"), 0)
    second = watch(here)
    answer = second.wait_for("stopped")
    (place_name,) = answer["stopped"]
    assert place_name == f"{here.topic('INPUT')}[0]"
    assert "ALLOW_HOLES" in answer["stopped"][place_name]
    assert (second.ask("live")[0], second.ask("ready")[0]) == (200, 503)


def delete_all(bootstrap: str, topic: str, partition: int) -> None:
    """Delete all records of a partition, as retention does."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    end = TopicPartition(topic, partition, -1)
    admin.delete_records([end])[end].result(30)


@pytest.mark.parametrize("real_broker", [NEWEST], indirect=True)
@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("time.sleep(3600)", "the event loop stood still for "),
        ("while True: pass", "the event loop stood still for "),
        ("re.match('(a+)+$', 'a' * 60 + 'b')", "code outside Python let no thread run for "),
    ],
    ids=["asleep", "in Python", "in C"],
)
def test_a_worker_whose_loop_is_blocked_ends_with_75(
    real_broker: str, place: MakePlace, watch: StartWatched, block: str, says: str
) -> None:
    """Whatever it is blocked by; one line says so."""
    here = place(real_broker, **SETTINGS)
    running = watch(here, block)
    running.wait_for("ready")
    blocked_s = time.monotonic()
    running.block()
    assert running.wait(10 * STUCK_AFTER_S) == 75
    assert time.monotonic() - blocked_s < 4 * STUCK_AFTER_S
    last = running.output().splitlines()[-1].strip()
    assert says in last
    assert last.endswith("ending with exit code 75")
    assert "Traceback" not in running.output()


@pytest.mark.parametrize("real_broker", [NEWEST], indirect=True)
def test_a_worker_that_was_stopped_for_long_goes_on(
    real_broker: str, place: MakePlace, watch: StartWatched
) -> None:
    """SIGSTOP for longer than anything may stand still, and than the session: it joins again and goes on."""
    here = place(real_broker, **SETTINGS)
    running = watch(here)
    running.wait_for("ready")
    running.send(signal.SIGSTOP)
    threading.Event().wait(3 * STUCK_AFTER_S)
    running.send(signal.SIGCONT)
    went_on_s = time.monotonic()

    def is_in_order() -> bool:
        return running.state() == "ready" and time.monotonic() - went_on_s > 2 * STUCK_AFTER_S

    wait_until(is_in_order, PATIENCE_S, "the worker is ready again")
    assert " stood still " not in running.output()
    assert running.stop() < ENDS_WITHIN_S


@pytest.mark.parametrize("real_broker", [NEWEST], indirect=True)
def test_a_worker_without_partitions_stands_by(
    real_broker: str, place: MakePlace, watch: StartWatched
) -> None:
    """Two partitions for three workers: all are ready, and the idle one is as alive as the others."""
    here = place(real_broker, **SETTINGS)
    narrow = here.topic("INPUT") + "-narrow"
    create_topic(here.bootstrap, narrow, 1)
    workers = [watch(here, INPUT_TOPIC=narrow) for _ in range(3)]
    settled_s: list[float] = []

    def are_in_order() -> bool:
        if sorted(worker.state() for worker in workers) != ["ready", "ready", "standby"]:
            settled_s.clear()
            return False
        settled_s.append(time.monotonic())
        return settled_s[-1] - settled_s[0] > 2 * STUCK_AFTER_S

    wait_until(are_in_order, PATIENCE_S, "two workers work and one stands by, for a while")
    answers = [worker.ask("ready") for worker in workers]
    assert [status for status, _ in answers] == [200, 200, 200]
    assigned = sorted(name for _, answer in answers for name in answer["assigned"])
    assert assigned == sorted(names(narrow, 1) | names(here.topic("LOG"), 1))


def test_a_worker_whose_broker_is_gone_ends_with_75(place: MakePlace, watch: StartWatched) -> None:
    """It believes to be a member of its group, which does not answer any more."""
    here = place("embedded", **SETTINGS)
    ours = [here.topic(kind) for kind in ("INPUT", "LOG", "PREDICTIONS", "DEAD_LETTERS", "STATE", "PROGRESS")]
    with EmbeddedBroker(topics=ours) as broker:
        running = watch(here, KAFKA_BOOTSTRAP_SERVER=f"kafka://{broker.bootstrap}")
        running.wait_for("ready")
    assert running.wait(PATIENCE_S) == 75
    assert "the consumer group did not hear from this worker for " in running.output().splitlines()[-1]
