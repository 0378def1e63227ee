"""What holds for the engine whatever comes: the oracle, any interleaving, any stop, any process."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.update import ProgressMark, WindowUpdate
from tests import nezha
from tests.logs import HOP_MS, SMALL_FOREST, SMALL_RIVER_FOREST, config, fleet, merged
from tests.oracle import as_read, expected_predictions
from tests.state_digest import part_digests

HOSTS = ("web", "db", "ümlaut-host")
LATER_MS = 1000 * HOP_MS
MODELS = st.sampled_from(
    [SMALL_FOREST, SMALL_RIVER_FOREST, ModelSpec("river.linear_model.LogisticRegression")]
)


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
@given(st.integers(0, 1000), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=6), MODELS)
def test_the_state_and_its_fingerprint_are_the_same_however_one_came_there(
    seed: int, cuts: list[tuple[float, bool]], model: ModelSpec
) -> None:
    """Batches cut anywhere, some of them ending with a snapshot: the state has the same bits each time."""
    log = merged(fleet(HOSTS, windows=8, seed=seed).partitions, random.Random(seed))
    never_stopped, engine = Engine(config(model)), Engine(config(model))
    begin = 0
    for share, is_restored in sorted(cuts):
        stop = int(share * len(log))
        if is_restored:
            snapshot = engine.snapshot()
            engine = Engine(config(model))
            engine.restore(snapshot)
        engine.process(log[begin:stop])
        for record in log[begin:stop]:
            never_stopped.process([record])
        assert engine.fingerprint() == never_stopped.fingerprint()
        assert part_digests(engine) == part_digests(never_stopped)
        begin = stop


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 1000), st.data())
def test_one_changed_bit_changes_the_fingerprint_when_its_window_has_closed(
    seed: int, data: st.DataObject
) -> None:
    """And not before its record: so it is known between which records two runs came apart."""
    log = merged(fleet(["web", "db"], windows=6, seed=seed).partitions, random.Random(seed))
    last = {(each.host, each.metric, each.window_start_ms): n for n, each in _updates(log)}
    place = data.draw(st.sampled_from(sorted(last.values())))
    update = log[place]
    assert isinstance(update, WindowUpdate)
    number = data.draw(
        st.sampled_from([n for n, each in enumerate(update.statistics) if not math.isnan(each)])
    )
    statistics = list(update.statistics)
    statistics[number] = math.nextafter(statistics[number], math.inf)
    changed = [*log[:place], dataclasses.replace(update, statistics=tuple(statistics)), *log[place + 1 :]]
    one, other = Engine(config()), Engine(config())
    assert _fingerprints(one, log[:place]) == _fingerprints(other, changed[:place])
    for record, altered in zip(log[place:], changed[place:], strict=True):
        ids = [each.id for each in one.process([record])]
        other.process([altered])
        if f"{update.host}@{update.window_start_ms}+0" in ids:
            assert one.fingerprint() != other.fingerprint()
            break
    else:
        pytest.fail("the window was never closed")
    assert _fingerprints(one, log[place + 1 :])[-1] != _fingerprints(other, changed[place + 1 :])[-1]


def _updates(log: Sequence[SingleRecord]) -> list[tuple[int, WindowUpdate]]:
    return [(number, each) for number, each in enumerate(log) if isinstance(each, WindowUpdate)]


def _fingerprints(engine: Engine, log: Sequence[SingleRecord]) -> list[str]:
    """Return the fingerprints of an engine before and after each record."""
    found = [engine.fingerprint()]
    for record in log:
        engine.process([record])
        found.append(engine.fingerprint())
    return found


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(0, 1000), MODELS, st.booleans())
def test_who_adopts_a_model_goes_on_as_its_teacher_does(
    seed: int, other_seed: int, model: ModelSpec, is_restored: bool
) -> None:
    """On the same samples bit by bit, scores too; also if it is stored and restored in between."""
    teacher, pupil = Engine(config(model)), Engine(config(model))
    teacher.process(merged(fleet(HOSTS, windows=8, seed=seed).partitions, random.Random(1)))
    pupil.process(merged(fleet(HOSTS, windows=5, seed=other_seed).partitions, random.Random(2)))
    pupil.adopt_learner(teacher.snapshot())
    if is_restored:
        snapshot = pupil.snapshot()
        fingerprint = pupil.fingerprint()
        pupil = Engine(config(model))
        pupil.restore(snapshot)
        assert pupil.fingerprint() == fingerprint
    rest = [
        _later(each) for each in merged(fleet(HOSTS, windows=8, seed=seed + 1).partitions, random.Random(3))
    ]
    assert pupil.process(rest) == teacher.process(rest)
    one, other = part_digests(pupil), part_digests(teacher)
    assert {name for name in one if one[name] != other[name]} == {
        "engine._chain",
        "engine._closed",
        "engine._predicted",
        "engine._updates",
    }


def _later(record: SingleRecord) -> SingleRecord:
    """Return a record as it would come after all of another fleet's."""
    assert isinstance(record, (WindowUpdate, ProgressMark))
    if isinstance(record, WindowUpdate):
        place = dataclasses.replace(record.place, offset=record.place.offset + 10**6)
        return dataclasses.replace(record, place=place, window_start_ms=record.window_start_ms + LATER_MS)
    if record.event_ms is None:
        return record
    return dataclasses.replace(record, event_ms=record.event_ms + LATER_MS)


@hypothesis_settings(max_examples=60)
@given(st.binary(min_size=1, max_size=8), st.floats(0, 1), st.booleans())
def test_damaged_snapshots_are_refused_whatever_is_damaged(
    damage: bytes, where: float, is_signed: bool
) -> None:
    """By the checksum, or, if someone made a new one, by the parts; nothing but one kind of error leaves."""
    snapshot = _snapshot()
    begin = int(where * (len(snapshot) - len(damage)))
    damaged = snapshot[:begin] + damage + snapshot[begin + len(damage) :]
    if is_signed:
        damaged = damaged[:5] + struct.pack(">I", zlib.crc32(damaged[9:])) + damaged[9:]
    with contextlib.suppress(SnapshotError):
        Engine(config()).restore(damaged)


@functools.cache
def _snapshot() -> bytes:
    engine = Engine(config())
    engine.process(merged(fleet(HOSTS, windows=8, seed=1).partitions, random.Random(1)))
    return engine.snapshot()


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_what_a_router_sends_again_changes_nothing(seed: int, again: int) -> None:
    """Each partition goes back to an earlier record once, as after a restart from the last commit."""
    sent = fleet(HOSTS, windows=8, seed=seed)
    rng = random.Random(again)
    repeating: list[tuple[SingleRecord, ...]] = []
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
@pytest.mark.parametrize(
    "model", [ModelSpec(), ModelSpec("river.forest.ARFClassifier")], ids=["ours", "river"]
)
def test_real_windows_are_predicted_as_by_a_plain_loop(model: ModelSpec) -> None:
    """The first 900 windows of nezha-online-boutique, every revision, partitions interleaved at random."""
    windows = nezha.load()[:900]
    windows_of_minutes = dataclasses.replace(
        config(model),
        size_ms=nezha.WINDOWS.size_ms,
        hop_ms=nezha.WINDOWS.hop_ms,
        seed=1,
        warm_up_samples=50,
        decision_threshold=0.5,
    )
    engine = Engine(windows_of_minutes)
    predictions = engine.process(nezha.log_of(windows, random.Random(1)))
    expected = expected_predictions([window.final for window in windows], model)
    assert [as_read(each) for each in predictions] == expected
    assert engine.evaluation.since_start()["model"].roc_auc > 0.7


def test_the_recorded_windows_are_those_the_data_set_describes() -> None:
    """Counts and shares of label 1 as its README gives them."""
    for day, count, share in (("2022-08-22", 2430, 0.179), ("2022-08-23", 1460, 0.151)):
        finals = [window.final for window in nezha.load((day,))]
        assert len(finals) == count
        assert sum(final.label == 1 for final in finals) / count == pytest.approx(share, abs=0.0006)
