"""The engine, record by record."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from pg_streaming_machine_learning.engine import Engine, EngineCounts
from pg_streaming_machine_learning.errors import ModelError, SnapshotError, WindowError
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.prediction import LateUpdate
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    LogRecord,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window import Window
from tests.logs import CPU, GRACE_MS, HOP_MS, MEMORY, SIZE_MS, TOPIC, config, fleet, merged

OTHER_TOPIC = "pg-streaming-features"


class Inputs:
    """Makes updates and marks, with offsets that count up."""

    def __init__(self) -> None:
        self.offset = 0

    def update(
        self,
        host: str = "web",
        start_ms: int = 0,
        value: float = 1.0,
        *,
        metric: Metric = CPU,
        label: int | None = None,
        topic: str = TOPIC,
    ) -> WindowUpdate:
        self.offset += 1
        place = SourcePlace(topic, 0, self.offset)
        return WindowUpdate(place, host, metric, start_ms, (value,) * 11, label)

    @staticmethod
    def mark(event_ms: int | None, *, idle: bool = False, sent_ms: int = 0) -> ProgressMark:
        return ProgressMark(InputPartition(TOPIC, 0), 1, event_ms, idle, sent_ms)


@pytest.fixture
def inputs() -> Inputs:
    return Inputs()


CLOSING_MS = SIZE_MS + GRACE_MS


def test_only_marks_close_windows(inputs: Inputs) -> None:
    """A record far ahead of the others says nothing of what is still under way."""
    engine = Engine(config())
    assert engine.process([inputs.mark(0), inputs.update(), inputs.update(start_ms=50 * HOP_MS)]) == []
    [prediction] = engine.process([inputs.mark(50 * HOP_MS)])
    assert (prediction.host, prediction.window) == ("web", Window(0, SIZE_MS))


def test_a_window_closes_at_its_end_plus_grace_and_not_before(inputs: Inputs) -> None:
    engine = Engine(config())
    assert engine.process([inputs.update(), inputs.mark(CLOSING_MS - 1)]) == []
    assert len(engine.process([inputs.mark(CLOSING_MS)])) == 1


def test_all_metrics_of_a_host_make_one_sample(inputs: Inputs) -> None:
    """Label 1 if any says 1."""
    engine = Engine(config())
    [prediction] = engine.process(
        [inputs.update(label=1), inputs.update(metric=MEMORY, label=0), inputs.mark(CLOSING_MS)]
    )
    assert (prediction.metrics, prediction.label) == ((CPU, MEMORY), 1)


def test_a_label_that_a_later_revision_takes_back_does_not_count(inputs: Inputs) -> None:
    """The last revision of a metric wins, label and all."""
    engine = Engine(config())
    [prediction] = engine.process([inputs.update(label=1), inputs.update(label=0), inputs.mark(CLOSING_MS)])
    assert prediction.label == 0


def test_closed_windows_come_by_end_then_by_host(inputs: Inputs) -> None:
    engine = Engine(config())
    updates = [inputs.update(host, start) for start in (HOP_MS, 0) for host in ("b", "a", "c")]
    predictions = engine.process([*updates, inputs.mark(10 * SIZE_MS)])
    assert [each.id for each in predictions] == [
        "a@0+0",
        "b@0+0",
        "c@0+0",
        "a@5000+0",
        "b@5000+0",
        "c@5000+0",
    ]


def test_a_late_update_is_counted_and_told_but_not_used(inputs: Inputs) -> None:
    """With how late it was."""
    engine = Engine(config())
    records: list[LogRecord] = [inputs.update(label=0), inputs.mark(CLOSING_MS + 7), inputs.update(label=1)]
    assert len(engine.process([*records, inputs.mark(CLOSING_MS + 20)])) == 1
    assert engine.counts == EngineCounts(2, 0, 1, 1, 1, 1)
    assert engine.take_late() == [LateUpdate("web", CPU, 0, 7)]
    assert engine.take_late() == []


def test_late_updates_that_nobody_takes_do_not_pile_up(inputs: Inputs) -> None:
    engine = Engine(config())
    engine.process([inputs.update(), inputs.mark(CLOSING_MS)])
    engine.process([inputs.update() for _ in range(1500)])
    assert (engine.counts.late, len(engine.take_late())) == (1500, 1000)


def test_an_update_sent_twice_counts_once(inputs: Inputs) -> None:
    """A router that starts again sends from its last commit: the older revision must not win again."""
    first, second = inputs.update(value=1.0, label=0), inputs.update(value=2.0, label=1)
    engine = Engine(config())
    [prediction] = engine.process([first, second, first, second, first, inputs.mark(CLOSING_MS)])
    assert prediction.label == 1
    assert (engine.counts.updates, engine.counts.repeated) == (5, 3)


def test_a_stream_that_stops_closes_its_last_windows(inputs: Inputs) -> None:
    engine = Engine(config())
    records: list[LogRecord] = [inputs.update(), inputs.update(start_ms=HOP_MS), inputs.mark(HOP_MS)]
    assert engine.process(records) == []
    assert len(engine.process([inputs.mark(HOP_MS, idle=True)])) == 2
    assert engine.open_windows == 0


def test_two_inputs_are_joined_and_waited_for(inputs: Inputs) -> None:
    """Features without labels from one topic, labels from another."""
    engine = Engine(config(inputs=(TOPIC, OTHER_TOPIC)))
    updates = [inputs.update(label=1), inputs.update(metric=MEMORY, topic=OTHER_TOPIC)]
    assert engine.process([*updates, inputs.mark(CLOSING_MS)]) == []
    other = ProgressMark(InputPartition(OTHER_TOPIC, 0), 1, CLOSING_MS, False, 0)
    [prediction] = engine.process([other])
    assert (prediction.metrics, prediction.label) == ((CPU, MEMORY), 1)


def test_every_prediction_is_made_before_its_label_is_learned(inputs: Inputs) -> None:
    engine = Engine(config())
    updates = [inputs.update(start_ms=n * HOP_MS, label=n % 2) for n in range(4)]
    predictions = engine.process([*updates, inputs.mark(100 * HOP_MS)])
    assert [each.samples_learned for each in predictions] == [0, 1, 2, 3]
    assert engine.counts.learned == 4
    assert engine.evaluation.since_start()["model"].samples == 4


def test_one_mark_that_closes_many_windows_is_worked_off_step_by_step(inputs: Inputs) -> None:
    """A caller with an event loop may breathe after each window, and none is closed ahead of it."""
    engine = Engine(config())
    engine.process([inputs.update(f"host {n:03}") for n in range(200)])
    steps = engine.steps([inputs.mark(CLOSING_MS)])
    first = list(islice(steps, 3))
    assert [each and each.host for each in first] == ["host 000", "host 001", "host 002"]
    assert engine.open_windows == 197
    assert len([each for each in steps if each is not None]) == 197


def test_steps_without_a_prediction_are_told_apart(inputs: Inputs) -> None:
    engine = Engine(config())
    steps = list(engine.steps([inputs.update(), inputs.mark(0), inputs.mark(CLOSING_MS)]))
    assert [each is None for each in steps] == [True, True, False, True]


def test_a_window_off_the_grid_is_an_error(inputs: Inputs) -> None:
    """The router refuses it, so the log is of another hop: nothing sensible can be made of it."""
    with pytest.raises(WindowError, match="the log was written with another hop"):
        Engine(config()).process([inputs.update(start_ms=HOP_MS + 1)])


def test_a_wrong_model_is_an_error_at_once() -> None:
    with pytest.raises(ModelError, match=r"no module 'nonsense'"):
        Engine(config(ModelSpec("nonsense.Model")))


def test_the_watermark_and_the_open_windows_can_be_read(inputs: Inputs) -> None:
    engine = Engine(config())
    assert Engine(config()).watermark_ms is None
    engine.process([inputs.update(), inputs.update("db"), inputs.mark(123)])
    assert (engine.watermark_ms, engine.open_windows) == (123, 2)


def test_late_updates_not_taken_yet_survive_a_snapshot(inputs: Inputs) -> None:
    engine, restored = Engine(config()), Engine(config())
    engine.process([inputs.update(), inputs.mark(CLOSING_MS), inputs.update(metric=MEMORY)])
    restored.restore(engine.snapshot())
    assert restored.counts == engine.counts
    assert restored.take_late() == [LateUpdate("web", MEMORY, 0, 0)]


def test_a_snapshot_of_other_settings_is_refused() -> None:
    snapshot = Engine(config()).snapshot()
    with pytest.raises(SnapshotError, match="snapshot is of an engine with other settings"):
        Engine(config(host_as_feature=True)).restore(snapshot)


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="no snapshot: 5 bytes"):
        Engine(config()).restore(b"hello")


def test_a_host_may_be_a_feature() -> None:
    """Then the model can tell hosts apart."""
    sent = fleet(["a", "b"], 30, seed=1)
    log = merged(sent.partitions, random.Random(1))
    with_host = Engine(config(host_as_feature=True)).process(log)
    without = Engine(config()).process(log)
    assert [each.id for each in with_host] == [each.id for each in without]
    assert [each.probability for each in with_host] != [each.probability for each in without]
