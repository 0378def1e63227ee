"""The host of an engine reads records of many updates as it reads the updates one by one."""

from __future__ import annotations

import random

import pytest

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.update import WindowUpdate
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.wire.log import decode
from tests.streams.hosts import LATE, NEVER, Stage, fingerprint_at
from tests.streams.stand_ins import encoded, fleet_log
from tests.test_engine_rows import in_runs, sent, update
from tests.window_updates import grouped, together


@pytest.fixture(scope="module")
def log() -> list[SingleRecord]:
    """Return a log that leads to predictions, with repeated and late updates."""
    rng = random.Random(2)
    return in_runs(sent(2, rng, late=0.2, repeating=True), rng)


@pytest.mark.parametrize(("size", "share"), [(1, 0.0), (7, 0.1), (1_000, 0.5)])
def test_the_outputs_are_the_same_however_updates_are_grouped(
    log: list[SingleRecord], size: int, share: float
) -> None:
    """And so is the state that is told with them."""
    single, rows = Stage(), Stage()
    groups = grouped(log, random.Random(3), share)
    single.read_on([encoded(each) for each in log], 10)
    rows.read_on([encoded(each) for each in groups], size)

    assert len(groups) < len(log)
    assert len(single.values()) > 10
    assert rows.values() == single.values()
    assert rows.progress()[-1].fingerprint == single.progress()[-1].fingerprint
    assert rows.host.engine.counts == single.host.engine.counts


def due_after(*batches: list[SingleRecord | WindowUpdates], every_updates: int) -> list[int]:
    """Return behind which batches a snapshot was taken."""
    stage = Stage(every_updates=every_updates)
    base, found = 0, []
    for number, batch in enumerate(batches):
        before = len(stage.transactions.records("state"))
        stage.take([encoded(each) for each in batch], base)
        base += len(batch)
        keys = [each.key for each in stage.transactions.records("state")[before:]]
        found += [number] if any((key or b"").endswith(b"manifest") for key in keys) else []
    return found


def many(first: int, count: int) -> WindowUpdates:
    """Return so many updates in one record."""
    return together([update(first + number, 20) for number in range(count)])


def test_a_snapshot_is_due_after_so_many_updates_not_records() -> None:
    """A start would have to take them all again."""
    assert due_after([many(0, 39)], [update(39, 20)], every_updates=40) == [1]
    assert due_after([many(0, 39)], [many(39, 1)], every_updates=41) == []
    assert due_after([many(0, 20), many(20, 20)], [update(40, 20)], every_updates=40) == [0]
    assert due_after([many(0, 40)], [many(40, 39)], [many(79, 1)], every_updates=40) == [0, 2]


def test_a_mark_and_an_update_count_as_one() -> None:
    """As they did before."""
    for every_updates, expected in ((4, [0]), (5, [])):
        assert due_after([LATE[1], many(0, 2), update(5, 20)], every_updates=every_updates) == expected
    assert due_after([update(number, 20) for number in range(3)], every_updates=NEVER) == []


def test_late_updates_of_a_group_are_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """As those of a batch are that came one by one."""
    lines = []
    first, mark, *late = LATE
    updates = [each for each in late if isinstance(each, WindowUpdate)]
    for log in ([first, mark, *late], [first, mark, together(updates)]):
        caplog.clear()
        stage = Stage()
        stage.begin()
        stage.take([encoded(each) for each in log])
        lines.append([message for message in caplog.messages if "late" in message])
    assert len(lines[0]) == 1
    assert lines[1] == lines[0]


def test_a_damaged_record_of_many_updates_stops_the_engine_and_says_where() -> None:
    value = encoded(many(0, 3))
    stage = Stage()
    with pytest.raises(LogFormatError, match=r"^log\[3\]@1: record of the log is damaged"):
        stage.take([value, value[:-1]])


def test_a_log_of_single_updates_is_read_as_before() -> None:
    """What a former release has written stays readable, and groups come behind it."""
    log = fleet_log()
    singles = [each for each in map(decode, log) if not isinstance(each, WindowUpdates)]
    half = len(log) // 2
    behind = [encoded(each) for each in grouped(singles[half:], random.Random(1), 0.0)]
    stage = Stage()
    stage.read_on([*log[:half], *behind], 9)

    assert stage.host.engine.fingerprint() == fingerprint_at(log, len(log))
