"""A backfill, from the settings to the last line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from pg_streaming_machine_learning.assembly import engine_config, input_sources
from pg_streaming_machine_learning.cli.backfill_report import print_backfill
from pg_streaming_machine_learning.cli.backfill_view import create_backfill_view
from pg_streaming_machine_learning.cli.patience import Patience
from pg_streaming_machine_learning.cli.snapshot_table import amount
from pg_streaming_machine_learning.cli.state_access import now_ms
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.ending import Ending
from pg_streaming_machine_learning.demo.saved import saved_line
from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.errors import BackfillError
from pg_streaming_machine_learning.operations.backfill.fetch import Fetch
from pg_streaming_machine_learning.operations.backfill.inputs import InputRouting, learn_from_inputs
from pg_streaming_machine_learning.operations.backfill.learning import Learning, Show
from pg_streaming_machine_learning.operations.backfill.log import find_log, learn_from_log
from pg_streaming_machine_learning.operations.backfill.stretch import Found, find_stretches
from pg_streaming_machine_learning.operations.backfill.trained import check_trained, write_trained
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.state.signing import Signer, key_file, load_key
from pg_streaming_machine_learning.state.taken import SnapshotTaker
from pg_streaming_machine_learning.streams.collecting import collecting_seldom
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry

__all__ = ["BackfillOptions", "run_backfill"]


@dataclass(frozen=True)
class BackfillOptions:
    """The options of the command.

    Parameters
    ----------
    from_ms, to_ms : int or None
        Milliseconds since the epoch.
    source : str
        ``inputs`` or ``log``.
    save, snapshot : Path or None
        Files for predictions and model.
    name : str
        Of the snapshot.
    force, plain : bool
        Whether files are replaced; whether lines are wanted.
    """

    from_ms: int | None
    to_ms: int | None
    source: str
    save: Path | None
    snapshot: Path | None
    name: str
    force: bool
    plain: bool


def run_backfill(options: BackfillOptions, out: Console, err: Console) -> None:
    """Learn, then print how it went.

    Parameters
    ----------
    options : BackfillOptions
        What to do.
    out, err : Console
        For the scores and counts; for progress and notes.

    Raises
    ------
    PgStreamingError
        If it cannot be done. What was done until then has been printed.
    KeyboardInterrupt, SystemExit
        If it was told to end; what was done until then has been printed and written.
    """
    settings = Settings.load()
    config = engine_config(settings)
    _check_files(options, config)
    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        found = _find(settings, options)
        for note in found.notes:
            err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        saving = _Saving(settings, stack, options.save, err)
        learning = Learning(config, settings.log_partitions, saving.tell)
        run = _Run(settings, config, found, learning, ending.check)
        began_s = time.monotonic()
        view = create_backfill_view(err, found.offsets, plain=options.plain)
        is_sound = False
        try:
            with view, collecting_seldom():
                run.go(options.source, lambda done: view.show(done, learning.account))
            is_sound = True
        except (KeyboardInterrupt, SystemExit):
            is_sound = True  # the engines are between two records
            err.print("told to end: what follows is of what was read so far", highlight=False)
            raise
        finally:
            print_backfill(out, learning, time.monotonic() - began_s)
            if options.snapshot is not None and is_sound:
                _write(options.snapshot, options.name, settings, learning, run.positions, out)


def _check_files(options: BackfillOptions, config: EngineConfig) -> None:
    """See that what is wanted at the end can be written then."""
    if options.save is not None and options.save.exists() and not options.force:
        raise BackfillError(f"{str(options.save)!r} is there already: take another name, or --force")
    if options.snapshot is not None:
        check_trained(options.snapshot, options.name, Engine(config), may_replace=options.force)


def _find(settings: Settings, options: BackfillOptions) -> Found:
    """Return what is to be read."""
    times = (options.from_ms, options.to_ms)
    with Patience() as tell, TopicReader(settings.bootstrap_servers) as reader:
        tell(f"waiting for Kafka at {settings.bootstrap_servers}")
        if options.source == "log":
            return find_log(reader, settings.log_topic, settings.log_partitions, *times)
        return find_stretches(reader, settings.input_topics.values(), *times)


class _Run:
    """One backfill: what it reads, and what learns."""

    def __init__(
        self,
        settings: Settings,
        config: EngineConfig,
        found: Found,
        learning: Learning,
        check: Callable[[], None],
    ) -> None:
        self.positions = [0] * len(learning.engines)
        self._settings = settings
        self._config = config
        self._stretches = found.stretches
        self._learning = learning
        self._check = check

    def go(self, source: str, show: Show) -> None:
        """Read and learn all there is."""
        settings = self._settings
        fetch = Fetch(
            settings.bootstrap_servers, self._stretches, check_crcs=settings.check_crcs, check=self._check
        )
        with fetch:
            if source == "inputs":
                asyncio.run(self._from_inputs(fetch, show))
                return
            try:
                learn_from_log(fetch, self._learning, self._stretches, show, self._check)
            finally:
                self.positions = [fetch.position(number) for number in range(len(self._stretches))]

    async def _from_inputs(self, fetch: Fetch, show: Show) -> None:
        registry = Registry(self._settings.schema_registry_url)
        routing = InputRouting(
            self._stretches,
            input_sources(self._settings, registry),
            HoppingWindows(self._config.size_ms, self._config.hop_ms),
            self._learning,
            registry_patience_s=self._settings.start_timeout_s,
            check=self._check,
        )
        try:
            await learn_from_inputs(fetch, routing, self._stretches, show, self._check)
        finally:
            await registry.aclose()


class _Saving:
    """Writes predictions to a file, with the bytes that a worker sends; nothing without a file."""

    def __init__(self, settings: Settings, stack: ExitStack, path: Path | None, err: Console) -> None:
        self._file: TextIO | None = None
        if path is None:
            return
        self._encoder = AvroEncoder(BottleneckPrediction, asyncio.run(_schema_id(settings, err)))
        try:
            self._file = stack.enter_context(path.open("w", encoding="utf-8"))
        except OSError as error:
            raise BackfillError(f"cannot write {str(path)!r}: {error.strerror or error}") from error

    def tell(self, predictions: Sequence[Prediction]) -> None:
        """Write predictions."""
        if self._file is not None:
            records = [BottleneckPrediction.from_prediction(each) for each in predictions]
            self._file.writelines(saved_line(each, self._encoder.encode(each)) for each in records)


async def _schema_id(settings: Settings, err: Console) -> int:
    """Return the id that workers write predictions with, 0 if there is none yet."""
    registry = Registry(settings.schema_registry_url)
    try:
        found = await registry.lookup(f"{settings.predictions_topic}-value", schema_of(BottleneckPrediction))
    finally:
        await registry.aclose()
    if found is None:
        err.print(
            "note: the registry does not have the schema of predictions yet, as no worker has run: the bytes "
            "in the file carry schema id 0",
            highlight=False,
            soft_wrap=True,
        )
    return found or 0


def _write(
    path: Path, name: str, settings: Settings, learning: Learning, positions: Sequence[int], out: Console
) -> None:
    """Write the model, and say what to do with it."""
    signer = Signer(load_key(settings.snapshot_key, key_file()), settings.snapshot_unsigned)
    taker = SnapshotTaker(settings.application_id, signer, settings.snapshot_max_bytes)
    size = write_trained(path, name, learning.engines, positions, taker, now_ms())
    out.print(
        f"{str(path)!r}: the model, {amount(size)}. To go to work with it:\n"
        f"  pg-streaming-machine-learning snapshot import {path}\n"
        f"  pg-streaming-machine-learning snapshot restore {name}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
