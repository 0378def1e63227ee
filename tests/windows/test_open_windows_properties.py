"""Open windows equal a brute-force scan, and stopping changes nothing, whatever comes in which order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.records.feature import unpack
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    Metric,
    Reading,
    ReadingsUpdate,
    SourcePlace,
    Update,
)
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.open_windows import OpenWindows
from pg_streaming_machine_learning.windows.store import ClosedWindow
from pg_streaming_machine_learning.windows.summary import summarize
from tests.windows.updates import (
    CPU,
    DISK,
    GRACE_MS,
    HOP_MS,
    HOSTS,
    TRACES,
    counters,
    label,
    opened,
    reading,
    revision,
    span,
    starts,
)

UPDATES: st.SearchStrategy[Update] = st.one_of(
    st.builds(
        lambda host, rows, topic: ReadingsUpdate(
            SourcePlace(topic, 0, 0), host, tuple(Reading(metric, *row) for metric, *row in rows)
        ),
        st.sampled_from(HOSTS),
        st.lists(
            st.tuples(st.sampled_from([CPU, DISK]), st.integers(0, 60), st.floats(-100, 100)),
            min_size=1,
            max_size=5,
        ),
        st.sampled_from([TRACES, "nagios"]),
    ),
    st.builds(
        lambda host, rows: counters(host, *rows),
        st.sampled_from(HOSTS),
        st.lists(
            st.tuples(st.sampled_from(["sda", "sdb"]), st.integers(0, 60), st.integers(0, 9)),
            min_size=1,
            max_size=5,
        ),
    ),
    st.builds(span, st.integers(0, 60), st.integers(0, 9), st.sampled_from(HOSTS)),
    st.builds(label, st.integers(0, 11).map(lambda n: n * HOP_MS), st.integers(0, 1), st.sampled_from(HOSTS)),
    st.builds(revision, st.integers(0, 11).map(lambda n: n * HOP_MS), st.floats(), st.sampled_from(HOSTS)),
)
STEPS = st.lists(st.one_of(UPDATES, UPDATES, st.integers(0, 70)), max_size=40)
"""Updates, and times the watermark rises to."""

SIZES = st.sampled_from([5, 7, 10, 12])
Seen = list[object]


def play(store: OpenWindows, steps: list[Update | int], watermark_ms: int | None) -> tuple[Seen, int | None]:
    """Do some steps; return what closed and what was late, bit by bit, and the watermark."""
    seen: Seen = []
    for step in steps:
        if isinstance(step, int):
            if watermark_ms is None or step > watermark_ms:
                watermark_ms = step
                seen += [repr(_plain(closed)) for closed in store.close(watermark_ms)]
        else:
            seen.append(store.add(step, watermark_ms))
    return seen, watermark_ms


def _plain(closed: ClosedWindow) -> tuple[object, ...]:
    """Return a closed window with its revisions sorted."""
    return (*closed[:2], sorted(closed.revisions.items(), key=lambda item: item[0]), *closed[3:])


@given(STEPS, st.integers(0, 40), SIZES)
def test_stop_restore_and_go_on_equals_never_stopping(
    steps: list[Update | int], stop: int, size_ms: int
) -> None:
    never_stopped, stopped = opened(size_ms=size_ms), opened(size_ms=size_ms)
    _, watermark_ms = play(never_stopped, steps[:stop], None)
    stopped.restore(never_stopped.snapshot())
    rest = [*steps[stop:], 999]
    assert play(stopped, rest, watermark_ms) == play(never_stopped, rest, watermark_ms)
    assert stopped.snapshot() == never_stopped.snapshot()


@given(STEPS)
def test_no_window_of_a_host_closes_twice(steps: list[Update | int]) -> None:
    store, closed, watermark_ms = opened(), [], -1
    for step in [*steps, 999]:
        if not isinstance(step, int):
            store.add(step, watermark_ms)
        elif step > watermark_ms:
            watermark_ms = step
            closed += starts(store.close(step))
    assert len(set(closed)) == len(closed)
    assert len(store) == 0


@given(STEPS, st.randoms(use_true_random=False))
def test_a_snapshot_does_not_depend_on_the_order_of_hosts(
    steps: list[Update | int], order: random.Random
) -> None:
    updates = [step for step in steps if not isinstance(step, int)]
    hosts = list(HOSTS)
    order.shuffle(hosts)
    by_host = [update for host in hosts for update in updates if update.host == host]
    assert opened(*by_host).snapshot() == opened(*updates).snapshot()


class Scan:
    """What the windows must hold, from lists of everything and every start on the grid."""

    def __init__(self, size_ms: int) -> None:
        self.size_ms = size_ms
        self.closed: set[int] = set()
        self.readings: list[tuple[str, Metric, int, float]] = []
        self.spans: list[tuple[str, Duration]] = []

    def is_used(self, at_ms: int) -> bool:
        """Whether any of the windows that hold a time is open."""
        return any(
            at_ms - start < self.size_ms for start in range(0, at_ms + 1, HOP_MS) if start not in self.closed
        )

    def add(self, update: Update) -> None:
        if isinstance(update, ReadingsUpdate):
            self.readings += [
                (update.host, each.metric, each.timestamp_ms, each.value)
                for each in update.readings
                if self.is_used(each.timestamp_ms)
            ]
        elif isinstance(update, DurationsUpdate):
            self.spans += [(update.host, each) for each in update.durations if self.is_used(each.start_ms)]

    def close(self, watermark_ms: int) -> list[tuple[object, ...]]:
        """Return host, window, statistics and durations of what a watermark closes."""
        found: list[tuple[object, ...]] = []
        for start in range(0, 1000, HOP_MS):
            if start in self.closed or start + self.size_ms + GRACE_MS > watermark_ms:
                continue
            self.closed.add(start)
            for host in HOSTS:
                readings: dict[Metric, list[float]] = {}
                for of, metric, at_ms, value in self.readings:
                    if of == host and start <= at_ms < start + self.size_ms:
                        readings.setdefault(metric, []).append(value)
                spans = [
                    each
                    for of, each in self.spans
                    if of == host and 0 <= each.start_ms - start < self.size_ms
                ]
                if readings or spans:
                    statistics = {metric: summarize(values) for metric, values in sorted(readings.items())}
                    found.append((host, Window(start, start + self.size_ms), repr(statistics), spans))
        return found


@given(
    st.lists(
        st.one_of(
            st.builds(
                reading,
                st.integers(0, 60),
                st.floats(-9, 9),
                st.sampled_from(HOSTS),
                st.sampled_from([CPU, DISK]),
            ),
            st.builds(span, st.integers(0, 60), st.integers(0, 9), st.sampled_from(HOSTS)),
            st.integers(0, 70),
        ),
        max_size=60,
    ),
    SIZES,
)
def test_windows_equal_a_brute_force_scan(steps: list[Update | int], size_ms: int) -> None:
    """Aligned to the epoch, ``[start, end)``, in order of arrival; late if all its windows have closed."""
    store, scan, watermark_ms = opened(size_ms=size_ms), Scan(size_ms), -1
    for step in [*steps, 999]:
        if not isinstance(step, int):
            late = store.add(step, watermark_ms)
            before = len(scan.readings) + len(scan.spans)
            scan.add(step)
            assert bool(late) == (len(scan.readings) + len(scan.spans) == before)
        elif step > watermark_ms:
            watermark_ms = step
            actual = [
                (
                    closed.host,
                    closed.window,
                    repr({metric: unpack(packed) for (metric, _), (packed, _) in closed.revisions.items()}),
                    closed.durations,
                )
                for closed in store.close(watermark_ms)
            ]
            assert actual == scan.close(watermark_ms)
