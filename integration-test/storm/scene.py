"""A storm's own topics, upstream, workers, and who watches them."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from services.place import register_schema
from services.topics import create_topic, partitions_of
from services.windows import SETTINGS
from storm.arena import Arena
from storm.capture import Capture
from storm.control import FOLDER, Control
from storm.crew import Crew
from storm.faulty_registry import FaultyRegistry
from storm.feeder import Feeder
from storm.mutants import VARIABLE
from storm.points import CHUNK_BYTES
from storm.watch import Place, Watch

__all__ = ["INPUT_PARTITIONS", "Scene", "scene"]

INPUT_PARTITIONS = 3
LOG_PARTITIONS = 2
_NUMBERS = count(1)
_PIECE_BYTES = 20_000
_CALM_S = 60.0


@dataclass
class Scene:
    """One storm.

    Attributes
    ----------
    lost : set of (int, int)
        Partition and offset of input records that were deleted before they were read.
    """

    arena: Arena
    settings: Settings
    environment: Mapping[str, str]
    control: Control
    registry: FaultyRegistry
    feeder: Feeder
    crew: Crew
    watch: Watch
    input: Capture
    log: Capture
    rng: random.Random
    lost: set[tuple[int, int]] = field(default_factory=set)
    began_s: float = field(default_factory=time.time)
    _schemas: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def bootstrap(self) -> str:
        """The broker's address that no fault of the network is before."""
        return self.arena.kafka.bootstrap

    def new_schema(self) -> tuple[int, int]:
        """Register a value schema under an id no worker has met; return the ids of keys and values."""
        schema = schema_of(LabeledFeature) | {"doc": f"revision {next(self._schemas)}"}
        value_id = register_schema(self.arena.registry_url, f"{self.settings.input_topic}-value", schema)
        return self._key_id(), value_id

    def admin(self) -> AdminClient:
        """Return a client for what only administrators do; keep it until it has answered."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Set properties of a topic."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        admin = self.admin()
        admin.incremental_alter_configs([resource])[resource].result(30)

    def places(self) -> list[Place]:
        """Return the partitions that have to move."""
        return self.watch.places

    def _key_id(self) -> int:
        subject = f"{self.settings.input_topic}-key"
        return register_schema(self.arena.registry_url, subject, schema_of(FeatureKey))


@contextmanager
def scene(
    arena: Arena, *, workers: int, seed: int, mutant: str = "", more: Mapping[str, str] | None = None
) -> Iterator[Scene]:
    """Set a storm up: topics made, upstream writing, workers at work on all partitions.

    Parameters
    ----------
    arena : Arena
        Where.
    workers : int
        How many to begin with.
    seed : int
        Of all that is made up.
    mutant : str
        Name of what is to be wrong with the workers.
    more : mapping of str to str
        More settings.
    """
    mark = f"storm-{os.getpid()}-{next(_NUMBERS)}"
    topics = {
        f"{name}_TOPIC": f"{mark}-{name.lower().replace('_', '-')}"
        for name in ("INPUT", "LOG", "PREDICTIONS", "DEAD_LETTERS", "STATE", "PROGRESS")
    }
    bootstrap = arena.kafka.bootstrap
    create_topic(bootstrap, topics["INPUT_TOPIC"], INPUT_PARTITIONS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pg-streaming-storm-")))
        (folder / "control").mkdir()
        registry = stack.enter_context(FaultyRegistry(arena.registry_url))
        environment = {
            "SIMPLE_SETTINGS": "settings",
            "KAFKA_BOOTSTRAP_SERVER": f"kafka://{arena.proxied}",
            "SCHEMA_REGISTRY_URL": registry.url,
            "APPLICATION_ID": mark,
            "LOG_PARTITIONS": str(LOG_PARTITIONS),
            "SESSION_TIMEOUT_S": str(arena.session_s),
            "SNAPSHOT_EVERY_UPDATES": "300",
            "SNAPSHOT_KEY": "the key of the storm",
            "START_TIMEOUT_S": "120",
            FOLDER: str(folder / "control"),
            CHUNK_BYTES: str(_PIECE_BYTES),
            VARIABLE: mutant,
            **topics,
            **SETTINGS,
            "IDLE_AFTER_S": "3600",
            **(more or {}),
        }
        settings = Settings.load(environment | {"SCHEMA_REGISTRY_URL": arena.registry_url})
        inputs = [(settings.input_topic, number) for number in range(INPUT_PARTITIONS)]
        watch = Watch(
            bootstrap,
            settings.state_topic,
            settings.log_topic,
            settings.progress_topic,
            LOG_PARTITIONS,
            inputs,
        )
        value_id = register_schema(
            arena.registry_url, f"{settings.input_topic}-value", schema_of(LabeledFeature)
        )
        key_id = register_schema(arena.registry_url, f"{settings.input_topic}-key", schema_of(FeatureKey))
        feeder = Feeder(bootstrap, settings.input_topic, INPUT_PARTITIONS, (key_id, value_id), seed)
        crew = Crew(arena.nursery, environment, folder)
        stack.callback(crew.resize, 0, 9)
        crew.resize(workers)
        partitions_of(bootstrap, settings.state_topic)
        stack.enter_context(watch)
        stack.enter_context(feeder)
        here = Scene(
            arena,
            settings,
            environment,
            Control(folder / "control"),
            registry,
            feeder,
            crew,
            watch,
            Capture(bootstrap, settings.input_topic, INPUT_PARTITIONS),
            Capture(bootstrap, settings.log_topic, LOG_PARTITIONS),
            random.Random(seed),
        )
        if watch.moved_since(time.time(), _CALM_S) is None:
            raise RuntimeError(f"workers did not begin within {_CALM_S:.0f} s:\n{crew.logs()[-5000:]}")
        yield here
