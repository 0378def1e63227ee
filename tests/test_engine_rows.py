"""An engine that takes window updates many at a time is the engine that takes them one by one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine, EngineCounts
from pg_streaming_machine_learning.errors import WindowError
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.log import LogRecord, SingleRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.wire.log import decode, encode_update
from tests.logs import CPU, HOP_MS, SMALL_FOREST, SMALL_RIVER_FOREST, TOPIC, config, fleet
from tests.state_digest import part_digests
from tests.window_updates import grouped, together

HOSTS = ("web", "db", "ümlaut-host")
MODELS = st.sampled_from([SMALL_FOREST, SMALL_RIVER_FOREST])
RANDOMS = st.integers(0, 10**6).map(random.Random)


def sent(seed: int, rng: random.Random, *, late: float, repeating: bool) -> list[list[SingleRecord]]:
    """Return what routers send of the partitions of a fleet, some of it once more, long after.

    Such a revision is a record of its own, with an offset of its own, and mostly too late. With `repeating`,
    each router restarts twice: it goes on from an earlier record, all the same from there.
    """
    found = []
    for records in fleet(HOSTS, windows=10, seed=seed).partitions:
        partition: list[SingleRecord] = []
        for record in records:
            partition.append(record)
            if rng.random() < late:
                partition.append(partition[rng.randrange(len(partition)) // 2])
        placed = _placed(partition, rng)
        for _ in range(2 if repeating else 0):
            stop = rng.randrange(len(placed) + 1)
            placed = [*placed[:stop], *placed[rng.randrange(max(0, stop - 30), stop + 1) :]]
        found.append(placed)
    return found


def _placed(records: Sequence[SingleRecord], rng: random.Random) -> list[SingleRecord]:
    """Return records with offsets that ascend, some of which are of other logs."""
    found: list[SingleRecord] = []
    offset = 0
    for record in records:
        offset += rng.choice([1, 1, 2, 9])
        if isinstance(record, WindowUpdate):
            found.append(replace(record, place=replace(record.place, offset=offset)))
        else:
            found.append(record)
    return found


def in_runs(partitions: Sequence[Sequence[SingleRecord]], order: random.Random) -> list[SingleRecord]:
    """Return the records of all partitions in one order: many of a partition, then many of another."""
    waiting = [list(records) for records in partitions]
    log: list[SingleRecord] = []
    while any(waiting):
        (records,) = order.choices(waiting, weights=list(map(len, waiting)))
        count = order.choice([1, 5, 20])
        log += records[:count]
        del records[:count]
    return log


def told(engine: Engine, log: Sequence[LogRecord]) -> tuple[object, ...]:
    """Return what an engine says of a log, or that it cannot go on."""
    try:
        predictions = engine.process(log)
    except WindowError as error:
        return ("WindowError", str(error))
    return predictions, engine.counts, engine.fingerprint(), part_digests(engine), engine.take_late()


@hypothesis_settings(max_examples=20)
@given(
    st.integers(0, 1000),
    RANDOMS,
    MODELS,
    st.sampled_from([0.0, 0.1, 0.5]),
    st.booleans(),
    st.sampled_from([0.0, 0.05]),
)
def test_an_engine_is_the_same_however_its_updates_are_grouped(
    seed: int, rng: random.Random, model: ModelSpec, share: float, repeating: bool, late: float
) -> None:
    """Predictions, counts, state and what was late; repeated by a router in groups cut elsewhere, or not."""
    log = in_runs(sent(seed, rng, late=late, repeating=repeating), rng)
    groups = grouped(log, rng, share)

    expected, found = told(Engine(config(model)), log), told(Engine(config(model)), groups)
    for one, other in zip(found, expected, strict=True):
        assert one == other


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), RANDOMS, st.sampled_from([0.0, 0.3]))
def test_an_update_off_the_grid_ends_an_engine_however_updates_are_grouped(
    seed: int, rng: random.Random, share: float
) -> None:
    """Or is late, if its window would be closed."""
    log = in_runs(sent(seed, rng, late=0.1, repeating=True), rng)
    place = rng.choice([number for number, each in enumerate(log) if isinstance(each, WindowUpdate)])
    off = log[place]
    assert isinstance(off, WindowUpdate)
    log[place] = replace(off, window_start_ms=off.window_start_ms + rng.choice([1, HOP_MS - 1, -1]))

    assert told(Engine(config()), grouped(log, rng, share)) == told(Engine(config()), log)


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 1000), RANDOMS, st.floats(0, 1))
def test_stop_restore_and_go_on_equals_never_stopping(seed: int, rng: random.Random, stop: float) -> None:
    """In the middle of a log of groups, of which some come once more in other groups."""
    log = grouped(in_runs(sent(seed, rng, late=0.1, repeating=True), rng), rng, 0.1)
    begin = int(stop * len(log))
    never_stopped, engine = Engine(config()), Engine(config())
    before = engine.process(log[:begin])
    snapshot = engine.snapshot()
    engine = Engine(config())
    engine.restore(snapshot)

    assert before + engine.process(log[begin:]) == never_stopped.process(log)
    assert engine.counts == never_stopped.counts
    assert part_digests(engine) == part_digests(never_stopped)


def update(offset: int, hop: int, host: str = "web") -> WindowUpdate:
    """Return an update of a window."""
    return WindowUpdate(SourcePlace(TOPIC, 0, offset), host, CPU, hop * HOP_MS, (1.0,) * 11, 0)


def mark(event_ms: int) -> ProgressMark:
    """Return a mark of the only partition."""
    return ProgressMark(InputPartition(TOPIC, 0), 1, event_ms, False, 0)


def test_what_is_counted_of_many_updates() -> None:
    """Two of three come again with one that is new; then one of two is late."""
    engine = Engine(config())
    engine.process([together([update(offset, 20) for offset in (1, 2, 3)])])
    engine.process([together([update(2, 20), update(3, 20), update(5, 20, "db")])])
    assert engine.counts == EngineCounts(updates=6, repeated=2)
    assert engine.open_windows == 2

    engine.process([mark(20 * HOP_MS)])
    engine.process([together([update(6, 0), update(7, 21)])])
    assert engine.counts == EngineCounts(updates=8, repeated=2, late=1)
    assert [(late.host, late.window_start_ms) for late in engine.take_late()] == [("web", 0)]
    assert engine.open_windows == 3


def test_updates_that_were_seen_one_by_one_are_repeated_in_a_group() -> None:
    """And the other way round: routers of two releases may have written the same log."""
    engine = Engine(config())
    engine.process([update(1, 20), update(2, 20), together([update(2, 20), update(3, 20)]), update(3, 20)])

    assert engine.counts == EngineCounts(updates=5, repeated=2)


def test_steps_take_a_group_in_one_piece() -> None:
    """Nothing is predicted by updates; and what comes of the mark behind them is the same."""
    log: list[LogRecord] = [together([update(1, 0), update(2, 1)]), mark(20 * HOP_MS)]
    engine = Engine(config())
    effects = list(engine.steps(log))

    assert effects[0] is None
    assert len([effect for effect in effects if effect is not None]) == 2
    assert engine.counts == EngineCounts(updates=2, windows_closed=2, predictions=2, learned=2)


@pytest.mark.parametrize("watermark_hop", [None, 20])
def test_a_group_of_which_all_was_seen_or_is_late_changes_nothing_else(watermark_hop: int | None) -> None:
    engine = Engine(config())
    engine.process([together([update(1, 20), update(2, 20)])])
    if watermark_hop is not None:
        engine.process([mark(watermark_hop * HOP_MS)])
    before = part_digests(engine)
    engine.process([together([update(1, 20), update(2, 20)])])
    after = part_digests(engine)

    assert {name for name in after if after[name] != before[name]} == {"engine._updates", "engine._repeated"}


def test_groups_of_a_log_are_long_and_cut_everywhere() -> None:
    """Else nothing was compared above."""
    rng = random.Random(1)
    log = in_runs(sent(1, rng, late=0.3, repeating=True), rng)
    groups = [each for each in grouped(log, rng, 0.05) if isinstance(each, WindowUpdates)]
    engine = Engine(config())
    engine.process(groups_read(grouped(log, rng, 0.05)))

    assert len(groups) > 20
    assert max(map(len, groups)) > 10
    assert engine.counts.late >= 5
    assert engine.counts.repeated > 20
    assert engine.counts.predictions > 10


def groups_read(log: Sequence[LogRecord]) -> list[LogRecord]:
    """Return a log in which groups have gone through their bytes: nobody may write to their rows then."""
    return [decode(encode_update(each)) if isinstance(each, WindowUpdates) else each for each in log]
