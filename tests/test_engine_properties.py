"""What holds for the engine whatever comes: the oracle, any interleaving, any stop, any process."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.update import LogRecord
from tests import nezha
from tests.logs import SMALL_FOREST, config, fleet, merged
from tests.oracle import as_read, expected_predictions

HOSTS = ("web", "db", "ümlaut-host")
MODELS = st.sampled_from([SMALL_FOREST, ModelSpec("river.linear_model.LogisticRegression")])


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 1000), st.randoms(use_true_random=False), MODELS, st.booleans())
def test_predictions_are_those_of_a_plain_loop_however_partitions_interleave(
    seed: int, order: random.Random, model: ModelSpec, host_as_feature: bool
) -> None:
    """Ids, contents and order, bit by bit: revisions, progress and arrival leave no trace."""
    sent = fleet(HOSTS, windows=12, seed=seed)
    engine = Engine(config(model, host_as_feature=host_as_feature))
    predictions = engine.process(merged(sent.partitions, order))
    assert [as_read(each) for each in predictions] == expected_predictions(
        sent.final,
        model,
        3,
        warm_up_samples=10,
        decision_threshold=0.4,
        host_as_feature=host_as_feature,
    )
    assert (engine.counts.late, engine.counts.repeated, engine.open_windows) == (0, 0, 0)


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 1000), st.lists(st.floats(0, 1), max_size=3), MODELS)
def test_stop_restore_and_go_on_equals_never_stopping(
    seed: int, stops: list[float], model: ModelSpec
) -> None:
    """At any record, several times over: the same predictions, the same counts, the same scores."""
    log = merged(fleet(HOSTS, windows=10, seed=seed).partitions, random.Random(seed))
    never_stopped = Engine(config(model))
    expected = never_stopped.process(log)

    engine = Engine(config(model))
    predictions = []
    begin = 0
    for stop in sorted(int(share * len(log)) for share in stops):
        predictions += engine.process(log[begin:stop])
        snapshot = engine.snapshot()
        engine = Engine(config(model))
        engine.restore(snapshot)
        begin = stop
    predictions += engine.process(log[begin:])

    assert predictions == expected
    assert engine.counts == never_stopped.counts
    assert repr(engine.evaluation.since_start()) == repr(never_stopped.evaluation.since_start())


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_what_a_router_sends_again_changes_nothing(seed: int, again: int) -> None:
    """Each partition goes back to an earlier record once, as after a restart from the last commit."""
    sent = fleet(HOSTS, windows=8, seed=seed)
    rng = random.Random(again)
    repeating: list[tuple[LogRecord, ...]] = []
    for records in sent.partitions:
        stop = rng.randrange(len(records) + 1)
        repeating.append((*records[:stop], *records[rng.randrange(stop + 1) :]))
    once = Engine(config()).process(merged(sent.partitions, random.Random(seed)))
    twice = Engine(config()).process(merged(repeating, random.Random(seed)))
    assert [each.id for each in twice] == [each.id for each in once]
    assert twice == once


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_batches_may_be_of_any_size(seed: int, size: int) -> None:
    """One record at a time or all at once."""
    log = merged(fleet(HOSTS, windows=6, seed=seed).partitions, random.Random(seed))
    whole, parts = Engine(config()), Engine(config())
    predictions = []
    for begin in range(0, len(log), size):
        predictions += parts.process(log[begin : begin + size])
    assert predictions == whole.process(log)


FRESH = """
import hashlib, random
from pg_streaming_machine_learning.engine import Engine
from tests.logs import config, fleet, merged
sent = fleet(["web", "db", "cache", "mail"], 40, seed=5)
engine = Engine(config(host_as_feature=True))
said = [repr(each) for each in engine.process(merged(sent.partitions, random.Random(5)))]
print(len(said), hashlib.sha256("".join(said).encode()).hexdigest())
"""


def test_the_order_of_hashes_does_not_matter() -> None:
    """Processes with other hash seeds, hosts as a nominal feature: the same predictions, bit by bit."""
    root = Path(__file__).parent.parent
    outputs = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-W", "ignore", "-c", FRESH]
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert int(outputs.pop().split()[0]) > 150


@pytest.mark.slow
def test_real_windows_are_predicted_as_by_a_plain_loop() -> None:
    """The first 900 windows of nezha-online-boutique, every revision, partitions interleaved at random."""
    windows = nezha.load()[:900]
    windows_of_minutes = dataclasses.replace(
        config(ModelSpec()),
        size_ms=nezha.WINDOWS.size_ms,
        hop_ms=nezha.WINDOWS.hop_ms,
        seed=1,
        warm_up_samples=50,
        decision_threshold=0.5,
    )
    engine = Engine(windows_of_minutes)
    predictions = engine.process(nezha.log_of(windows, random.Random(1)))
    expected = expected_predictions([window.final for window in windows], ModelSpec())
    assert [as_read(each) for each in predictions] == expected
    assert engine.evaluation.since_start()["model"].roc_auc > 0.7


def test_the_recorded_windows_are_those_the_data_set_describes() -> None:
    """Counts and shares of label 1 as its README gives them."""
    for day, count, share in (("2022-08-22", 2430, 0.179), ("2022-08-23", 1460, 0.151)):
        finals = [window.final for window in nezha.load((day,))]
        assert len(finals) == count
        assert sum(final.label == 1 for final in finals) / count == pytest.approx(share, abs=0.0006)
