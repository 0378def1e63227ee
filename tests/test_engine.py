"""The engine, record by record."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from pg_streaming_machine_learning.engine import Engine, EngineCounts
from pg_streaming_machine_learning.errors import ModelError, SnapshotError, WindowError
from pg_streaming_machine_learning.learning.models import ModelSpec, model_version
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.prediction import Concluded
from pg_streaming_machine_learning.records.snapshot import pack, unpack, write_state
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.open_windows import Late
from tests.logs import (
    CPU,
    GRACE_MS,
    HOP_MS,
    MEMORY,
    SIZE_MS,
    SMALL_RIVER_FOREST,
    TOPIC,
    config,
    fleet,
    merged,
)
from tests.state_digest import part_digests

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
    records: list[SingleRecord] = [
        inputs.update(label=0),
        inputs.mark(CLOSING_MS + 7),
        inputs.update(label=1),
    ]
    assert len(engine.process([*records, inputs.mark(CLOSING_MS + 20)])) == 1
    assert engine.counts == EngineCounts(2, 0, 1, 1, 1, 1)
    assert engine.take_late() == [Late("web", CPU, 0, 7)]
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
    records: list[SingleRecord] = [inputs.update(), inputs.update(start_ms=HOP_MS), inputs.mark(HOP_MS)]
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
    """A caller with an event loop may breathe after each window, and none is closed ahead of it.

    Of a model that takes one at a time: what takes many gets those that close together.
    """
    engine = Engine(config(SMALL_RIVER_FOREST))
    engine.process([inputs.update(f"host {n:03}") for n in range(200)])
    steps = engine.steps([inputs.mark(CLOSING_MS)])
    first = list(islice(steps, 3))
    assert [isinstance(each, Concluded) and each.sample.host for each in first] == [
        "host 000",
        "host 001",
        "host 002",
    ]
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
    assert restored.take_late() == [Late("web", MEMORY, 0, 0)]


def test_a_snapshot_of_other_settings_is_refused() -> None:
    snapshot = Engine(config()).snapshot()
    with pytest.raises(SnapshotError, match="snapshot is of an engine with other settings"):
        Engine(config(host_as_feature=True)).restore(snapshot)


PARTS = ["engine", "watermark", "store", "places", "learner", "evaluation"]


@pytest.mark.parametrize("part", PARTS)
def test_a_snapshot_without_one_of_its_parts_is_refused(part: str) -> None:
    parts = unpack(Engine(config()).snapshot())
    del parts[part]
    with pytest.raises(SnapshotError, match=f"snapshot has no part '{part}', expected"):
        Engine(config()).restore(pack(parts))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("state", [None, 3, [[1]], {"counts": 1, "progress": 3, "config": None}])
def test_a_part_that_is_none_is_refused(part: str, state: object) -> None:
    """Whoever signed it: the error is one the worker can go on from with an older snapshot."""
    parts = {**unpack(Engine(config()).snapshot()), part: write_state(part, 1, state)}
    with pytest.raises(SnapshotError):
        Engine(config()).restore(pack(parts))


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="no snapshot: 5 bytes"):
        Engine(config()).restore(b"hello")


def test_a_snapshot_brings_the_generation_along(inputs: Inputs) -> None:
    """Predictions of both name it."""
    engine, restored = Engine(config()), Engine(config())
    engine.begin_generation(4)
    restored.restore(engine.snapshot())
    records: list[SingleRecord] = [inputs.update(), inputs.mark(CLOSING_MS)]
    [prediction] = restored.process(records)
    assert engine.process(records) == [prediction]
    assert (restored.generation, prediction.model_version) == (4, model_version(4))


def test_a_fresh_engine_is_of_the_generation_it_is_told(inputs: Inputs) -> None:
    engine = Engine(config(), generation=2)
    [prediction] = engine.process([inputs.update(), inputs.mark(CLOSING_MS)])
    assert (engine.generation, prediction.model_version) == (2, model_version(2))


def test_a_fingerprint_is_short_text_that_stays_as_long_as_nothing_happens(inputs: Inputs) -> None:
    engine = Engine(config())
    engine.process([inputs.update(label=1), inputs.mark(CLOSING_MS)])
    found = {engine.fingerprint() for _ in range(3)}
    assert len(found) == 1
    assert re.fullmatch("[0-9a-f]{32}", found.pop())


def test_everything_that_is_read_changes_the_fingerprint(inputs: Inputs) -> None:
    """An update, one again, one too late, a mark, one that closes a window with a label, one without."""
    engine = Engine(config())
    update = inputs.update(label=1)
    records: list[SingleRecord] = [
        update,
        update,
        inputs.update(start_ms=10 * HOP_MS),
        inputs.mark(0),
        inputs.mark(CLOSING_MS),
        inputs.update(),
        inputs.mark(100 * HOP_MS),
        inputs.mark(100 * HOP_MS, idle=True),
    ]
    found = [engine.fingerprint()]
    for record in records:
        engine.process([record])
        found.append(engine.fingerprint())
    assert len(set(found)) == 1 + len(records)


def test_neither_generation_nor_late_updates_told_change_the_fingerprint(inputs: Inputs) -> None:
    """A generation may begin without a change of state; what only waits to be logged is no state."""
    engine = Engine(config())
    engine.process([inputs.update(label=1), inputs.mark(CLOSING_MS), inputs.update()])
    before = engine.fingerprint()
    engine.take_late()
    engine.begin_generation(7)
    assert engine.fingerprint() == before


def test_an_adopted_model_takes_the_place_of_the_own_one_and_nothing_else(inputs: Inputs) -> None:
    """Windows, watermark and places stay, counts too; predictions say what the other model says."""
    teacher, engine = Engine(config()), Engine(config())
    lessons = [inputs.update(start_ms=n * HOP_MS, value=9.0 * (n % 2), label=n % 2) for n in range(40)]
    teacher.process([*lessons, inputs.mark(100 * HOP_MS)])
    engine.process([inputs.update(value=9.0), inputs.mark(0)])
    before = part_digests(engine)
    engine.adopt_learner(teacher.snapshot())
    after = part_digests(engine)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "evaluation_before",
        "evaluation_last",
        "evaluation_recent",
        "evaluation_since_start",
        "learner_learned",
        "learner_model",
    }
    [prediction] = engine.process([inputs.mark(CLOSING_MS)])
    assert (prediction.samples_learned, prediction.predicted_class) == (40, 1)


def test_a_model_that_cannot_be_adopted_is_refused() -> None:
    """Of another kind, without a part, or no snapshot at all."""
    engine = Engine(config())
    other = Engine(config(ModelSpec("river.linear_model.LogisticRegression")))
    parts = unpack(engine.snapshot())
    del parts["evaluation"]
    with pytest.raises(SnapshotError, match=r"expected 'pg_streaming_machine_learning\.learning\.forest"):
        engine.adopt_learner(other.snapshot())
    with pytest.raises(SnapshotError, match="no part 'evaluation'"):
        engine.adopt_learner(pack(parts))
    with pytest.raises(SnapshotError, match="no snapshot: 5 bytes"):
        engine.adopt_learner(b"hello")


def test_figures_leave_out_what_is_not_defined(inputs: Inputs) -> None:
    """As JSON has no word for it."""
    engine = Engine(config())
    engine.process([inputs.update(label=0), inputs.mark(CLOSING_MS), inputs.update(start_ms=10 * HOP_MS)])
    assert engine.figures() == {
        "windows_closed": 1,
        "open_windows": 1,
        "samples_learned": 1,
        "accuracy": 1.0,
        "kappa": 0.0,
        "f1": 0.0,
    }
    engine.process([inputs.update(start_ms=10 * HOP_MS, label=1), inputs.mark(100 * HOP_MS)])
    assert engine.figures()["roc_auc"] == 0.5


def test_a_host_may_be_a_feature() -> None:
    """Then the model can tell hosts apart."""
    sent = fleet(["a", "b"], 30, seed=1)
    log = merged(sent.partitions, random.Random(1))
    with_host = Engine(config(host_as_feature=True)).process(log)
    without = Engine(config()).process(log)
    assert [each.id for each in with_host] == [each.id for each in without]
    assert [each.probability for each in with_host] != [each.probability for each in without]
