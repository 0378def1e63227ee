"""All of it joined, in the order the data flows."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.sources import Source, create_sources
from pg_streaming_machine_learning.streams.agents import engine_agent, forever, router_agent
from pg_streaming_machine_learning.streams.answered import LogPlace, last_answered
from pg_streaming_machine_learning.streams.application import Application, BatchSchema
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.ending import ending_on_errors
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.outlet import Outlet, ProducerOutlet
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router
from pg_streaming_machine_learning.streams.start import check_start
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry

__all__ = ["create_app", "engine_config"]

logger = logging.getLogger(__name__)

MARKS_EVERY_S = 1.0


def engine_config(settings: Settings) -> EngineConfig:
    """Return what the engines' outputs depend on."""
    return EngineConfig(
        inputs=tuple(settings.input_topics.values()),
        size_ms=settings.window_size_s * 1000,
        hop_ms=settings.window_hop_s * 1000,
        grace_ms=settings.window_grace_s * 1000,
        idle_after_ms=settings.idle_after_s * 1000,
        model=ModelSpec(settings.model, settings.model_parameters),
        seed=settings.seed,
        warm_up_samples=settings.warm_up_samples,
        decision_threshold=settings.decision_threshold,
        host_as_feature=settings.host_as_feature,
    )


def create_app(settings: Settings) -> Application:
    """Return the application. It opens no connection before it is started.

    Raises
    ------
    ModelError
        If the model cannot be built.
    """
    positions = Positions()
    app = Application(settings, positions)
    outlet = ProducerOutlet(app)
    registry = Registry(settings.schema_registry_url)
    marks = MarkSchedule(settings.idle_after_s)

    dead_letters = DeadLetters(settings.dead_letters_topic, outlet)
    router = Router(
        _sources(settings, registry),
        settings.log_topic,
        settings.log_partitions,
        outlet,
        dead_letters,
        positions,
        marks,
    )
    hosts = _Hosts(settings, outlet, positions)
    assignment = Assignment(
        settings.log_topic,
        settings.log_partitions,
        positions,
        marks,
        app,
        partial(last_answered, settings.bootstrap_servers, settings.predictions_topic),
        hosts.create,
    )
    _look_before_start(app, settings, registry, hosts, dead_letters)
    _attach(app, settings, router, assignment)
    return app


def _sources(settings: Settings, registry: Registry) -> dict[str, Source]:
    return create_sources(
        settings.input_topics,
        registry,
        topics=settings.input_topics,
        hop_ms=settings.window_hop_s * 1000,
        size_ms=settings.window_size_s * 1000,
        max_ahead_ms=settings.max_ahead_s * 1000,
        max_record_bytes=settings.max_record_bytes,
    )


class _Hosts:
    """Makes the host of a partition of the log, as soon as the schema of the predictions is known."""

    def __init__(self, settings: Settings, outlet: Outlet, positions: Positions) -> None:
        self.schema_id: int | None = None
        self._topic = settings.predictions_topic
        self._config = engine_config(settings)
        self._outlet = outlet
        self._positions = positions
        Engine(self._config)  # a model that cannot be built shows now, not when the first partition arrives

    def create(self, place: TopicPlace, answered: LogPlace | None, replay_to: int) -> EngineHost:
        """Return a host with a fresh engine."""
        if self.schema_id is None:
            raise RuntimeError("a partition was taken over before the schema of the predictions was known")
        output = PredictionOutput(self._topic, AvroEncoder(BottleneckPrediction, self.schema_id))
        engine = Engine(self._config)
        return EngineHost(place, engine, answered, replay_to, output, self._outlet, self._positions)


def _look_before_start(
    app: Application, settings: Settings, registry: Registry, hosts: _Hosts, dead_letters: DeadLetters
) -> None:
    """Have everything looked at that can be wrong, before the application connects."""

    async def look() -> None:
        for talkative in ("httpx", "schema_registry"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        logger.info("pg-streaming-machine-learning %s", __version__)
        for line in settings.describe():
            logger.info("setting %s", line)
        with ending_on_errors("cannot start"):
            started = await check_start(settings, registry)
        hosts.schema_id = started.schema_id
        if started.dead_letter_bytes is not None:
            dead_letters.limit_bytes = started.dead_letter_bytes

    app.at_start(look)


def _attach(app: Application, settings: Settings, router: Router, assignment: Assignment) -> None:
    """Let Faust call us: after each rebalance, for each batch, and once a second."""

    async def take_over(*_: Any, **__: Any) -> None:
        with ending_on_errors("cannot take partitions over"):
            await assignment.take_over(app.assigned())

    async def tell_progress() -> None:
        consumer = app.batch_consumer
        await router.tell_progress(consumer.is_read_to_end, consumer.partitions_of)

    app.on_rebalance_complete.connect(take_over)
    for name, topic in settings.input_topics.items():
        app.agent(app.topic(topic, schema=BatchSchema()), name=f"router-{name}")(router_agent(router))
    log = app.topic(settings.log_topic, schema=BatchSchema())
    app.agent(log, name="engine")(engine_agent(assignment, app.positions))
    app.task(forever(MARKS_EVERY_S, "telling progress", tell_progress, lambda: app.should_stop))
