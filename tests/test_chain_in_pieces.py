"""Collection, windows, labels and learning in one worker, or in several one after the other, are the same."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Concluded, Measured, Prediction, Sample
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    Metric,
    ProgressMark,
    Reading,
    ReadingsUpdate,
    SourcePlace,
)
from pg_streaming_machine_learning.sources import SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.wire.log import decode, encode_update
from tests.logs import SMALL_FOREST, config
from tests.outputs.published import ContractSchemas, topics
from tests.state_digest import part_digests

SIZE_MS, HOP_MS, GRACE_MS = 10, 5, 1
CPU = Metric("CPU", "UTILIZATION", "PERCENT")
DISK = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
TELEGRAF, ZIPKIN = "telegraf", "zipkin"

AFTER = st.integers(-15, 9)
"""How long after the time now; of what lies before it, some or all windows may be closed."""

ROWS = st.lists(
    st.one_of(
        st.tuples(st.just(CPU), AFTER, st.floats(-1e6, 1e6), st.just("")),
        st.tuples(
            st.just(DISK),
            st.sampled_from([-9, 0, 4]),
            st.floats(0, 1e6),
            st.sampled_from(["sda", "sdb", "sdc"]),
        ),
        st.tuples(st.just(DISK), AFTER, st.floats(-1e6, 1e6), st.just("")),
    ),
    min_size=1,
    max_size=4,
)
SPANS = st.lists(st.tuples(AFTER, st.integers(0, 2_000_000)), min_size=1, max_size=3)
HOSTS = st.sampled_from(["web", "db", "käse"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("readings"), HOSTS, ROWS),
        st.tuples(st.just("readings"), HOSTS, ROWS),
        st.tuples(st.just("spans"), HOSTS, SPANS),
        st.tuples(st.just("time"), st.integers(0, 6), st.integers(-8, 3)),
    ),
    max_size=30,
)
MODELS = st.sampled_from([SMALL_FOREST, ModelSpec("river.linear_model.LogisticRegression")])
Steps = Sequence[tuple[str, object, object]]


def log_of(steps: Steps) -> list[SingleRecord]:
    """Return the log that steps stand for: readings and spans near a time that goes on, late ones too."""
    log: list[SingleRecord] = []
    now_ms = 20
    for what, one, two in steps:
        place = SourcePlace(TELEGRAF if what == "readings" else ZIPKIN, 0, len(log))
        if what == "readings":
            readings = tuple(
                Reading(metric, now_ms + after, now_ms * value if counter else value, counter)
                for metric, after, value, counter in two  # type: ignore[attr-defined]
            )
            log.append(ReadingsUpdate(place, str(one), readings))
        elif what == "spans":
            durations = tuple(Duration("", now_ms + after, length) for after, length in two)  # type: ignore[attr-defined]
            log.append(DurationsUpdate(place, str(one), durations))
        else:
            now_ms += int(one)  # type: ignore[call-overload]
            log += marks((TELEGRAF, ZIPKIN), max(0, now_ms + int(two)))  # type: ignore[call-overload]
    return [*log, *marks((TELEGRAF, ZIPKIN), 10_000)]


def marks(inputs: Sequence[str], event_ms: int | None) -> list[SingleRecord]:
    """Return what tells that all inputs have come so far."""
    return [ProgressMark(InputPartition(topic, 0), 1, event_ms, False, 0) for topic in inputs]


def configured(model: ModelSpec, inputs: Sequence[str], without_spans: int | None) -> EngineConfig:
    return dataclasses.replace(
        config(model, inputs=tuple(inputs)),
        size_ms=SIZE_MS,
        hop_ms=HOP_MS,
        grace_ms=GRACE_MS,
        label_without_spans=without_spans,
        tell_measured=True,
    )


class Piece:
    """A worker of the chain: an engine that is restarted now and then, and what it publishes."""

    def __init__(
        self, config: EngineConfig, publish: Sequence[str] = (), restarts: Sequence[bool] = ()
    ) -> None:
        self.engine = Engine(config)
        self.samples: list[Sample] = []
        self.predictions: list[Prediction] = []
        self.measured: list[Measured] = []
        self._restarts = list(restarts)
        self._publisher = Publisher(topics(*publish))

    def read(self, record: SingleRecord) -> list[Output]:
        """Read a record; return what is published."""
        if self._restarts and self._restarts.pop(0):
            snapshot = self.engine.snapshot()
            self.engine = Engine(self.engine.config)
            self.engine.restore(snapshot)
        outputs: list[Output] = []
        for effect in self.engine.steps([record]):
            if isinstance(effect, Concluded):
                self.samples.append(effect.sample)
                self.predictions += [effect.prediction] if effect.prediction is not None else []
            elif effect is not None:
                self.measured.append(effect)
            outputs += self._publisher.encode(effect) if effect is not None else []
        return outputs


class Wire:
    """Published topics between two workers: partitions in their order, and the sources that read them."""

    def __init__(self, names: Sequence[str], order: random.Random) -> None:
        limits = Limits(SIZE_MS, HOP_MS, max_ahead_ms=0, max_record_bytes=10_000)
        self._sources = create_sources(
            {name: name for name in names}, SourceOptions(ContractSchemas(), limits)
        )
        self._order = order
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)
        self._waiting: list[Output] = []

    def send(self, outputs: Sequence[Output]) -> None:
        self._waiting += outputs

    async def receive(self) -> list[SingleRecord]:
        """Return updates of all that was sent; partitions are read in any order, each in its own."""
        partitions: dict[tuple[str, int], list[Output]] = defaultdict(list)
        for output in self._waiting:
            assert output.partition is not None
            partitions[output.topic, output.partition].append(output)
        turns = [place for place, outputs in partitions.items() for _ in outputs]
        self._order.shuffle(turns)
        self._waiting = []
        return [update for place in turns for update in await self._updates(place, partitions[place].pop(0))]

    async def _updates(self, place: tuple[str, int], output: Output) -> list[SingleRecord]:
        record = InputRecord(*place, self._offsets[place], 0, output.key, output.value)
        self._offsets[place] += 1
        found = [part async for part in self._sources[place[0]].parts(record)]
        # As through the log, where nothing may be lost either.
        return [decode(encode_update(part)) for part in found]  # type: ignore[arg-type, misc]


async def chained(
    log: Sequence[SingleRecord],
    first: Piece,
    second: Piece,
    names: Sequence[str],
    order: random.Random,
) -> None:
    """Let two workers read a log one after the other, the second what the first published."""
    wire = Wire(names, order)
    passed_on = [topic for topic in second.engine.config.inputs if topic not in names]
    for record in log:
        wire.send(first.read(record))
        if not isinstance(record, ProgressMark):
            if record.place.topic in passed_on:
                second.read(record)
            continue
        for update in await wire.receive():
            second.read(update)
        for mark in marks(second.engine.config.inputs, first.engine.watermark_ms):
            second.read(mark)


def predicted(piece: Piece) -> tuple[list[Prediction], list[str]]:
    """Return predictions, and what they are of, bit by bit, without what is not published."""
    samples = [dataclasses.replace(each, durations=None) for each in piece.samples if each.metrics]
    return piece.predictions, [repr(each) for each in samples]


RESTARTS = st.lists(st.booleans(), max_size=30)
ORDER = st.randoms(use_true_random=False)
WITHOUT_SPANS = st.sampled_from([None, 0])


@hypothesis_settings(max_examples=150)
@given(STEPS, MODELS, WITHOUT_SPANS, RESTARTS, RESTARTS, ORDER)
def test_who_only_collects_and_who_does_the_rest_are_as_good_as_one(
    steps: Steps,
    model: ModelSpec,
    without_spans: int | None,
    restarts: list[bool],
    others: list[bool],
    order: random.Random,
) -> None:
    """The second reads `system-traces` and spans, and has the same samples and predictions, bit by bit."""
    log = log_of(steps)
    whole = Piece(configured(model, (TELEGRAF, ZIPKIN), without_spans))
    for record in log:
        whole.read(record)
    first = Piece(configured(model, (TELEGRAF, ZIPKIN), without_spans), ["system-traces"], restarts)
    second = Piece(configured(model, ("system-traces", ZIPKIN), without_spans), (), others)
    asyncio.run(chained(log, first, second, ["system-traces"], order))
    assert repr(second.samples) == repr(whole.samples)
    assert second.predictions == whole.predictions
    assert second.engine.counts.late <= whole.engine.counts.late
    assert first.measured == whole.measured
    assert sorted(map(repr, second.measured)) == sorted(map(repr, whole.measured))


@hypothesis_settings(max_examples=100)
@given(STEPS, MODELS, WITHOUT_SPANS, RESTARTS, RESTARTS, ORDER)
def test_who_makes_windows_and_labels_and_who_learns_are_as_good_as_one(
    steps: Steps,
    model: ModelSpec,
    without_spans: int | None,
    restarts: list[bool],
    others: list[bool],
    order: random.Random,
) -> None:
    """The second reads `features` and `targets`."""
    log = log_of(steps)
    first = Piece(configured(model, (TELEGRAF, ZIPKIN), without_spans), ["features", "targets"], restarts)
    second = Piece(configured(model, ("features", "targets"), None), (), others)
    asyncio.run(chained(log, first, second, ["features", "targets"], order))
    assert predicted(second) == predicted(first)
    assert second.engine.counts.late == 0


@hypothesis_settings(max_examples=100)
@given(STEPS, MODELS, RESTARTS, RESTARTS, ORDER)
def test_who_labels_and_who_learns_are_as_good_as_one(
    steps: Steps, model: ModelSpec, restarts: list[bool], others: list[bool], order: random.Random
) -> None:
    """The second reads `labeled-data` alone: every window needs a label."""
    log = log_of(steps)
    first = Piece(configured(model, (TELEGRAF, ZIPKIN), 0), ["labeled-data"], restarts)
    second = Piece(configured(model, ("labeled-data",), None), (), others)
    asyncio.run(chained(log, first, second, ["labeled-data"], order))
    assert predicted(second) == predicted(first)
    assert second.engine.counts.late == 0


@hypothesis_settings(max_examples=50)
@given(STEPS, ORDER)
def test_a_chain_of_four_is_as_good_as_one(steps: Steps, order: random.Random) -> None:
    """Collection, then windows beside labels, then learning: every job in a worker of its own."""
    model = ModelSpec("river.linear_model.LogisticRegression")
    log = log_of(steps)
    whole = Piece(configured(model, (TELEGRAF, ZIPKIN), None))
    collection = Piece(configured(model, (TELEGRAF,), None), ["system-traces"])
    extraction = Piece(configured(model, ("system-traces",), None), ["features"])
    targets = Piece(configured(model, (ZIPKIN,), None), ["targets"])
    learning = Piece(configured(model, ("features", "targets"), None))

    async def run() -> None:
        traces, windows = Wire(["system-traces"], order), Wire(["features", "targets"], order)
        for record in log:
            whole.read(record)
            if not isinstance(record, ProgressMark):
                if record.place.topic == TELEGRAF:
                    traces.send(collection.read(record))
                else:
                    windows.send(targets.read(record))
                continue
            if record.input.topic == TELEGRAF:
                traces.send(collection.read(record))
                continue
            windows.send(targets.read(record))
            for update in await traces.receive():
                windows.send(extraction.read(update))
            for mark in marks(["system-traces"], collection.engine.watermark_ms):
                windows.send(extraction.read(mark))
            for update in await windows.receive():
                learning.read(update)
            for mark in marks(["features", "targets"], extraction.engine.watermark_ms):
                learning.read(mark)

    asyncio.run(run())
    assert predicted(learning) == predicted(whole)


@hypothesis_settings(max_examples=50)
@given(STEPS, MODELS)
def test_neither_predictions_nor_state_depend_on_what_is_told(steps: Steps, model: ModelSpec) -> None:
    """A snapshot of one who tells is one of another who does not, and the other way round."""
    log = log_of(steps)
    telling_config = configured(model, (TELEGRAF, ZIPKIN), None)
    silent_config = dataclasses.replace(telling_config, tell_measured=False)
    telling, silent = Engine(telling_config), Engine(silent_config)
    assert telling.process(log) == silent.process(log)
    assert telling.fingerprint() == silent.fingerprint()
    restored = Engine(silent_config)
    restored.restore(telling.snapshot())
    assert part_digests(restored) == part_digests(silent)


def test_a_worker_that_is_not_asked_tells_nothing() -> None:
    silent = dataclasses.replace(configured(ModelSpec(), (TELEGRAF,), None), tell_measured=False)
    update = ReadingsUpdate(SourcePlace(TELEGRAF, 0, 0), "web", (Reading(CPU, 5, 1.0),))
    assert [effect for effect in Engine(silent).steps([update]) if effect is not None] == []
