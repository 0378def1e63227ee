"""All of it joined, in the order the data flows."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.labels.objective_file import read_objectives
from pg_streaming_machine_learning.labels.objectives import Objectives
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.sources import Source, SourceOptions, create_sources
from pg_streaming_machine_learning.sources.host_aliases import HostAliases
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.nagios_rule import nagios_rules
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions
from pg_streaming_machine_learning.state.signing import Signer, key_file, load_key
from pg_streaming_machine_learning.streams.agents import batch_agent, forever
from pg_streaming_machine_learning.streams.application import Application, BatchSchema
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.ending import ending_on_errors
from pg_streaming_machine_learning.streams.health import attach_health
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.owners import KafkaOwners, Shared
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.progress import ProgressTeller
from pg_streaming_machine_learning.streams.start import check_start
from pg_streaming_machine_learning.streams.state_reader import read_last_values
from pg_streaming_machine_learning.streams.transactions import KafkaTransactions
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry

__all__ = ["create_app", "engine_config", "input_sources"]

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
        objectives=_objectives(settings.objectives),
        label_without_spans=None if settings.label_without_spans == "none" else 0,
        tell_measured="system-traces" in settings.publish,
    )


def _objectives(name: str) -> Objectives:
    """Return what counts as slow, from a file if one is named.

    Raises
    ------
    SettingsError
        If the file cannot be read, or something in it is wrong.
    """
    if not name:
        return Objectives.default()
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"OBJECTIVES is {name!r}, which cannot be read ({error.strerror}), expected a file"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"OBJECTIVES is {name!r}, which is not UTF-8, expected a text file") from error
    return read_objectives(text, name)


def create_app(settings: Settings) -> Application:
    """Return the application. It opens no connection before it is started.

    Raises
    ------
    ModelError
        If the model cannot be built.
    """
    config = engine_config(settings)
    Engine(config)  # a model that cannot be built shows now, not when the first partition arrives
    positions = Positions()
    app = Application(settings, positions)
    registry = Registry(settings.schema_registry_url)
    marks = MarkSchedule(settings.idle_after_s)
    owners = KafkaOwners(
        settings,
        config,
        input_sources(settings, registry),
        Signer(None, settings.snapshot_unsigned),
        Shared(positions, marks, app.gate),
        app,
        partial(KafkaTransactions, settings.bootstrap_servers),
        partial(read_last_values, settings.bootstrap_servers),
    )
    assignment = Assignment(
        settings.log_topic, settings.log_partitions, positions, marks, app.gate, app, owners
    )
    _look_before_start(app, settings, registry, owners)
    _attach(app, settings, assignment, marks)
    return app


def input_sources(settings: Settings, registry: Registry) -> dict[str, Source]:
    """Return what reads each input topic, by the topic."""
    limits = Limits(
        size_ms=settings.window_size_s * 1000,
        hop_ms=settings.window_hop_s * 1000,
        max_ahead_ms=settings.max_ahead_s * 1000,
        max_record_bytes=settings.max_record_bytes,
    )
    options = SourceOptions(
        registry,
        limits,
        TelegrafMapping.from_json(settings.telegraf_mapping, settings.telegraf_devices_left_out),
        settings.telegraf_precision,
        nagios_rules(settings.nagios_services),
        ZipkinOptions(
            settings.zipkin_host_from,
            tuple("" if kind == "none" else kind for kind in settings.zipkin_kinds),
            HostAliases(settings.host_aliases),
        ),
    )
    return create_sources(settings.input_topics, options)


def _look_before_start(app: Application, settings: Settings, registry: Registry, owners: KafkaOwners) -> None:
    """Have everything looked at that can be wrong, before the application connects."""

    async def look() -> None:
        for talkative in ("httpx", "schema_registry"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        logger.info("pg-streaming-machine-learning %s", __version__)
        for line in settings.describe():
            logger.info("setting %s", line)
        with ending_on_errors("cannot start"):
            started = await check_start(settings, registry)
        key = load_key(settings.snapshot_key, key_file())
        owners.signer = Signer(key, settings.snapshot_unsigned)
        encoder = AvroEncoder(BottleneckPrediction, started.schema_id)
        owners.predictions = PredictionOutput(settings.predictions_topic, encoder)
        owners.published = Publisher(started.published)
        owners.progress_partitions = started.progress_partitions
        if started.dead_letter_bytes is not None:
            owners.dead_letters.limit_bytes = started.dead_letter_bytes

    app.at_start(look)


def _attach(app: Application, settings: Settings, assignment: Assignment, marks: MarkSchedule) -> None:
    """Let Faust call us: before and after each rebalance, for each batch, and once a second."""

    async def release(*_: Any, **__: Any) -> None:
        await assignment.release()

    async def take_over(*_: Any, **__: Any) -> None:
        with ending_on_errors("cannot take partitions over"):
            await assignment.take_over(app.assigned())

    async def tell_progress() -> None:
        consumer = app.batch_consumer
        teller = ProgressTeller(assignment, marks, consumer.is_read_to_end, consumer.partitions_of)
        await teller.tell()
        assignment.remind()

    attach_health(app, app.liveness, assignment)
    app.is_held_back = assignment.is_held_back
    app.on_partitions_revoked.connect(release)
    app.on_rebalance_complete.connect(take_over)
    for name, topic in {**settings.input_topics, "engine": settings.log_topic}.items():
        agent = f"router-{name}" if name != "engine" else name
        app.agent(app.topic(topic, schema=BatchSchema()), name=agent)(batch_agent(assignment.lanes))
    app.task(forever(MARKS_EVERY_S, "telling progress", tell_progress, lambda: app.should_stop))
