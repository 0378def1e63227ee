"""A model that takes many samples at a time: the same predictions, bit by bit, in few calls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.prediction import Concluded
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    LabelUpdate,
    Metric,
    ProgressMark,
    SourcePlace,
    Update,
    WindowUpdate,
)
from tests.learning.batched import BATCHED, Batched
from tests.logs import CPU, MEMORY, TOPIC, config, fleet, merged
from tests.oracle import as_read, expected_predictions

SPEC = ModelSpec(BATCHED)
FAR_MS = 10**9


def model_of(engine: Engine) -> Batched:
    return cast("Batched", engine._learner.model)


def closing(updates: Sequence[Update]) -> list[SingleRecord]:
    """Return updates and the one mark that closes all their windows."""
    return [*updates, ProgressMark(InputPartition(TOPIC, 0), 1, FAR_MS, False, 0)]


def update(offset: int, host: str, metric: Metric = CPU, label: int | None = None) -> WindowUpdate:
    return WindowUpdate(SourcePlace(TOPIC, 0, offset), host, metric, 0, (float(offset),) * 11, label)


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 1000), st.randoms(use_true_random=False), st.booleans())
def test_predictions_are_those_of_a_plain_loop(
    seed: int, order: random.Random, host_as_feature: bool
) -> None:
    """Ids, contents and order, also warming up, samples learned and classes: hosts as a feature go singly."""
    sent = fleet(["web", "db", "ümlaut-host"], windows=12, seed=seed)
    engine = Engine(config(SPEC, host_as_feature=host_as_feature))
    predictions = engine.process(merged(sent.partitions, order))
    assert [as_read(each) for each in predictions] == expected_predictions(
        sent.final, SPEC, 3, warm_up_samples=10, decision_threshold=0.4, host_as_feature=host_as_feature
    )
    assert sum(model_of(engine).given) == (0 if host_as_feature else len(predictions))
    assert engine.counts.learned == sum(each.label is not None for each in predictions)
    assert engine.evaluation.since_start()["model"].samples == engine.counts.learned


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), st.lists(st.floats(0, 1), max_size=5))
def test_the_fingerprint_is_the_same_however_the_log_is_cut(seed: int, cuts: list[float]) -> None:
    """Which records come together is an accident, which windows one mark closes is not."""
    log = merged(fleet(["web", "db"], windows=8, seed=seed).partitions, random.Random(seed))
    one_by_one, parts = Engine(config(SPEC)), Engine(config(SPEC))
    begin = 0
    for stop in [*sorted(int(share * len(log)) for share in cuts), len(log)]:
        parts.process(log[begin:stop])
        for record in log[begin:stop]:
            one_by_one.process([record])
        assert parts.fingerprint() == one_by_one.fingerprint()
        begin = stop


def test_what_one_mark_closes_is_handed_over_together_in_bounded_pieces() -> None:
    """600 hosts in three calls, and nothing is closed before it is asked for."""
    engine = Engine(config(SPEC))
    steps = engine.steps(closing([update(n, f"host {n:03}", label=n % 2) for n in range(600)]))
    first = next(each for each in steps if each is not None)
    assert isinstance(first, Concluded)
    assert (first.sample.host, engine.open_windows) == ("host 000", 600 - 256)
    rest = [each for each in steps if each is not None]
    assert len(rest) == 599
    assert model_of(engine).given == [256, 256, 88]


def test_many_durations_leave_others_time_to_run() -> None:
    """After each 20,000 of them, or one window with more, the engine pauses before it predicts."""
    spans = tuple(Duration("shop", 0, us) for us in range(12_000))
    updates = [DurationsUpdate(SourcePlace(TOPIC, 0, n), f"host {n}", spans) for n in range(5)]
    steps = list(Engine(config(SPEC)).steps(closing(updates)))
    assert steps[:7] == [None] * 7  # one for each update, and two for 60,000 durations
    concluded = [each for each in steps if isinstance(each, Concluded)]
    assert [each.sample.durations.count for each in concluded if each.sample.durations] == [12_000] * 5
    assert [each.sample.label for each in concluded] == [0] * 5


def test_metrics_that_only_some_hosts_have_are_missing_in_the_others() -> None:
    """Columns are those of all of them, ascending; each is predicted as if it came alone."""
    log = closing([update(1, "a"), update(2, "b", MEMORY), update(3, "c"), update(4, "c", MEMORY)])
    engine, alone = Engine(config(SPEC)), Engine(config(SPEC))
    engine.process(log)
    (names,) = model_of(engine).names
    assert names == tuple(sorted(names))
    assert len(names) == 22
    assert model_of(engine).given == [3]
    alone.process(log[:1] + log[-1:])
    assert model_of(alone).names == [tuple(name for name in names if name.startswith(str(CPU)))]


def test_windows_without_a_metric_are_concluded_in_their_place() -> None:
    """They have a label and nothing to predict from: the model does not see them."""
    engine = Engine(config(SPEC))
    labeled = LabelUpdate(SourcePlace(TOPIC, 0, 2), "b", 0, 1)
    steps = engine.steps(closing([update(1, "a"), labeled, update(3, "c", label=0)]))
    concluded = [each for each in steps if isinstance(each, Concluded)]
    assert [(each.sample.host, each.prediction is None) for each in concluded] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert model_of(engine).given == [2]
    assert (engine.counts.windows_closed, engine.counts.predictions) == (3, 2)


@pytest.mark.parametrize("changed", ["host", "metric", "value", "label"])
def test_all_that_is_predicted_of_counts_in_the_fingerprint(changed: str) -> None:
    engine, other = Engine(config(SPEC)), Engine(config(SPEC))
    engine.process(closing([update(1, "a", label=0), update(2, "b", label=0)]))
    first = {
        "host": update(1, "A", label=0),
        "metric": update(1, "a", MEMORY, label=0),
        "value": WindowUpdate(SourcePlace(TOPIC, 0, 1), "a", CPU, 0, (*(1.0,) * 10, 1.0 + 2**-52), 0),
        "label": update(1, "a", label=1),
    }[changed]
    other.process(closing([first, update(2, "b", label=0)]))
    assert other.fingerprint() != engine.fingerprint()
