"""Brokers, a registry, and a worker with topics of its own, for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from services.kafka import VERSIONS, Kafka
from services.maven import missing
from services.place import Place, register_input_schemas
from services.topics import create_topic, partitions_of
from services.upstream import Upstream
from services.worker import Worker

EMBEDDED = "embedded"
REAL = [pytest.param(f"kafka-{version}", marks=pytest.mark.kafka) for version in VERSIONS]
INPUT_PARTITIONS = 3
SNAPSHOT_KEY = "the key of the integration tests"

_NUMBERS = itertools.count(1)
_KINDS = ("input", "samples", "predictions", "dead-letters", "state", "progress")


@pytest.fixture(scope="session")
def brokers() -> Iterator[Callable[[str], str]]:
    """Return what starts a broker when it is first asked for, and gives its address."""
    with ExitStack() as stack:
        started: dict[str, str] = {}

        def start(name: str) -> str:
            if name not in started:
                if name == EMBEDDED:
                    started[name] = stack.enter_context(EmbeddedBroker(topics=())).bootstrap
                else:
                    started[name] = stack.enter_context(Kafka(name.removeprefix("kafka-"))).bootstrap
            return started[name]

        yield start


@pytest.fixture(params=[EMBEDDED, *REAL])
def broker(request: pytest.FixtureRequest, brokers: Callable[[str], str]) -> str:
    """Return the name of a broker that is running: the embedded one, and each real version."""
    name: str = request.param
    why = None if name == EMBEDDED else missing()
    if why is not None:
        pytest.skip(why)
    brokers(name)
    return name


@pytest.fixture(params=REAL)
def real_broker(request: pytest.FixtureRequest, brokers: Callable[[str], str]) -> str:
    """Return the name of a real Kafka, running; for what the embedded broker cannot show."""
    why = missing()
    if why is not None:
        pytest.skip(why)
    brokers(request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def registry_url() -> Iterator[str]:
    """Return the address of a registry that knows the two schemas of the input topic."""
    with DemoRegistry.start_in_thread() as registry:
        register_input_schemas(registry.url)
        yield registry.url


@pytest.fixture
def place(brokers: Callable[[str], str], registry_url: str) -> Callable[..., Place]:
    """Return what makes a place on a broker: topics of its own, and settings for workers."""

    def make(broker: str, **settings: str) -> Place:
        bootstrap = brokers(broker)
        mark = f"test-{os.getpid()}-{next(_NUMBERS)}"
        names = dict(zip(_KINDS, (f"{mark}-{kind}" for kind in _KINDS), strict=True))
        if broker == EMBEDDED:
            for name in names.values():
                partitions_of(bootstrap, name)  # asking for a topic makes it there
        else:
            create_topic(bootstrap, names["input"], INPUT_PARTITIONS)
        effective = {
            "SIMPLE_SETTINGS": "settings",
            "KAFKA_BOOTSTRAP_SERVER": f"kafka://{bootstrap}",
            "SCHEMA_REGISTRY_URL": registry_url,
            "INPUT_TOPIC": names["input"],
            "LOG_TOPIC": names["samples"],
            "PREDICTIONS_TOPIC": names["predictions"],
            "DEAD_LETTERS_TOPIC": names["dead-letters"],
            "STATE_TOPIC": names["state"],
            "PROGRESS_TOPIC": names["progress"],
            "SNAPSHOT_KEY": SNAPSHOT_KEY,
            "CHECK_CRCS": "false" if broker == EMBEDDED else "true",
            "APPLICATION_ID": mark,
            "TOPICS_CREATE": "false" if broker == EMBEDDED else "true",
            **settings,
        }
        key_id, value_id = register_input_schemas(registry_url)
        partitions = partitions_of(bootstrap, names["input"])
        upstream = Upstream(bootstrap, names["input"], partitions, key_id, value_id)
        return Place(bootstrap, effective["SCHEMA_REGISTRY_URL"], effective, upstream)

    return make


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return what starts a worker at a place, with some settings of its own; none outlives the test."""
    with ExitStack() as stack:

        def start(place: Place, **settings: str) -> Worker:
            log = tmp_path / f"worker-{next(_NUMBERS)}.log"
            running = stack.enter_context(Worker(place.settings | settings, log))
            running.start()
            return running

        yield start
