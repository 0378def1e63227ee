"""What a source says of many records at a time is what it says of each, and leaves in pieces that fit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources import windowed_feature
from pg_streaming_machine_learning.sources.source import PromptSource, RowSource, read_whole
from pg_streaming_machine_learning.sources.update_rows import HostNumbers, UpdateRows
from pg_streaming_machine_learning.streams.host_place import host_place
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.log import decode, encode_update
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from tests.sources.batches import (
    FLOATS_ID,
    KINDS,
    LABELED_AGAIN_ID,
    NOW_MS,
    PLACE,
    Drawn,
    batches,
    inner,
    new_source,
    value_of,
)
from tests.sources.conftest import KEY_ID, LABELED_ID, LIMITS
from tests.sources.test_sources import START_MS, VALUES
from tests.window_updates import bits

MOST_ROWS, MOST_BYTES = 2_000, 1_000_000


def many(source: RowSource, batch: Sequence[Drawn]) -> UpdateRows:
    """Return what a source says of a batch at once."""
    return source.many(
        [each.offset for each in batch],
        [each.timestamp_ms for each in batch],
        [each.key for each in batch],
        [each.value for each in batch],
    )


def truth(source: PromptSource, batch: Sequence[Drawn]) -> list[WindowUpdate | None]:
    """Return the update of each record by itself, None if it is refused; whatever has to be waited for."""

    async def update_of_one(each: Drawn) -> Any:
        try:
            (update,) = await read_whole(source, each.record())
        except RefusedRecord:
            return None
        return update

    async def updates() -> list[Any]:
        return [await update_of_one(each) for each in batch]

    return asyncio.run(updates())


def warm(source: PromptSource, kind: str, schema_ids: Sequence[int]) -> None:
    """Let a source read a good record of each of some schemas."""
    key = encode_windowed_key(inner("web"), START_MS)
    batch = [Drawn(0, NOW_MS, key, value_of(kind, each, VALUES, 1)) for each in schema_ids]
    assert None not in truth(source, batch)


def left(rows: UpdateRows, partitions: int) -> dict[int, list[WindowUpdate]]:
    """Return what leaves by partition of the log, each piece read back from its bytes."""
    found: dict[int, list[WindowUpdate]] = {}
    for partition, piece in rows.updates(PLACE, partitions):
        encoded = encode_update(piece)
        assert 0 < len(piece) <= MOST_ROWS
        assert len(encoded) < MOST_BYTES
        assert piece.input == PLACE
        assert sorted(set(piece.hosts)) == sorted(piece.hosts) == sorted({each.host for each in piece})
        read = decode(encoded)
        found.setdefault(partition, []).extend(read)  # type: ignore[arg-type]
    return found


def partition_of(host: str, partitions: int) -> int:
    """Return the partition of the log that a host belongs to."""
    return host_place(host, partitions)[1]


def by_partition(updates: Sequence[WindowUpdate], partitions: int) -> dict[int, list[object]]:
    """Return updates as they are to leave."""
    found: dict[int, list[object]] = {}
    for update in updates:
        found.setdefault(partition_of(update.host, partitions), []).append(bits(update))
    return found


def check(source: RowSource, batch: Sequence[Drawn], expected: Sequence[WindowUpdate | None]) -> UpdateRows:
    """See that what is known of a batch is right, and, with the rest filled in, that all of it leaves."""
    rows = many(source, batch)
    unknown = set(rows.unknown())
    known = [update for place, update in enumerate(expected) if place not in unknown]
    assert None not in known
    good = [update for update in known if update is not None]
    assert {key: list(map(bits, some)) for key, some in left(rows, 1).items()} == by_partition(good, 1)
    waited = truth(source, [batch[place] for place in sorted(unknown)])
    for place, update in zip(sorted(unknown), waited, strict=True):
        assert (update is None) == (expected[place] is None)
        if update is not None:
            rows.put(place, update)
    good = [update for update in expected if update is not None]
    for partitions in (1, 3, 7):
        found = left(rows, partitions)
        assert {key: list(map(bits, some)) for key, some in found.items()} == by_partition(good, partitions)
    assert rows.newest_start_ms == max((update.window_start_ms for update in good), default=None)
    return rows


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80)
@given(st.data())
def test_rows_are_the_updates_of_the_records(kind: str, data: st.DataObject) -> None:
    """Bit by bit, whatever of the batch is bad, and however much the source knew before."""
    batch = data.draw(batches(kind))
    source = new_source(kind)
    warm(source, kind, data.draw(st.lists(st.sampled_from([LABELED_ID, LABELED_AGAIN_ID, FLOATS_ID]))))
    expected = truth(new_source(kind), batch)

    check(source, batch, expected)
    check(source, batch, expected)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(st.data())
def test_what_is_known_is_what_is_told_at_once(kind: str, data: st.DataObject) -> None:
    """A record that a source could not tell at once is not known among many either."""
    batch = data.draw(batches(kind))
    source = new_source(kind)
    warm(source, kind, [LABELED_ID])
    rows = many(source, batch)
    unknown = set(rows.unknown())
    expected = [source.at_once(each.record()) for place, each in enumerate(batch) if place not in unknown]

    (found,) = left(rows, 1).values() or ([],)
    assert len(found) == len(expected)
    for update, other in zip(found, expected, strict=True):
        assert isinstance(other, WindowUpdate)
        assert bits(update) == bits(other)


@pytest.mark.parametrize("kind", KINDS)
def test_good_records_are_known_once_their_schemas_are(kind: str) -> None:
    """New keys among them: else only time would tell that every record is decoded by itself."""
    good = [
        Drawn(
            number,
            NOW_MS,
            encode_windowed_key(inner(f"host-{number % 7}"), START_MS + number % 3 * 60_000),
            value_of(kind, LABELED_ID, [float(number)] * 11, number % 2),
        )
        for number in range(50)
    ]
    source = new_source(kind)
    assert many(source, good).unknown() == list(range(50))
    warm(source, kind, [LABELED_ID])

    assert check(source, good, truth(new_source(kind), good)).is_known.all()
    assert many(source, good).unknown() == []


BAD: dict[str, dict[str, Any]] = {
    "no key": {"key": None},
    "no value": {"value": None},
    "short key": {"key": b"12345678"},
    "key of a session window": {"key": encode_windowed_key(inner("web"), START_MS) + bytes(8)},
    "no such symbol": {"key": encode_windowed_key(frame(KEY_ID, b"\x06web\x0e\x00\x10"), START_MS)},
    "no host": {"key": encode_windowed_key(inner(""), START_MS)},
    "schema not known": {"value": frame(99, bytes(89))},
    "label 2": {"value": value_of("labeled", LABELED_ID, VALUES, 2)},
    "label -1": {"value": value_of("labeled", LABELED_ID, VALUES, -1)},
    "label -300": {"value": value_of("labeled", LABELED_ID, VALUES, -300)},
    "infinite": {"value": value_of("labeled", LABELED_ID, [*VALUES[:10], float("inf")], 1)},
    "infinitely small": {"value": value_of("labeled", LABELED_ID, [float("-inf"), *VALUES[1:]], 1)},
    "off the grid": {"key": encode_windowed_key(inner("web"), START_MS + 1)},
    "before the epoch": {"key": encode_windowed_key(inner("web"), -60_000)},
    "too far ahead": {"timestamp_ms": START_MS - 3_600_001},
    "past all calendars": {"timestamp_ms": -1, "key": encode_windowed_key(inner("web"), 60_000 * 10**10)},
    "cut": {"value": value_of("labeled", LABELED_ID, VALUES, 1)[:-1]},
    "with more behind": {"value": value_of("labeled", LABELED_ID, VALUES, 1) + b"\x00"},
}
GOOD = Drawn(
    5,
    NOW_MS,
    encode_windowed_key(inner("web"), START_MS),
    value_of("labeled", LABELED_ID, VALUES, 1),
)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_not_known_among_good_ones(case: str) -> None:
    """It is left to be refused by itself; the others are known."""
    source = new_source("labeled")
    warm(source, "labeled", [LABELED_ID])
    bad = replace(GOOD, offset=6, **BAD[case])
    with pytest.raises(RefusedRecord):
        asyncio.run(read_whole(source, bad.record()))

    assert many(source, [GOOD, bad, replace(GOOD, offset=7)]).unknown() == [1]


@pytest.mark.parametrize(
    ("start_ms", "timestamp_ms"),
    [
        (0, 0),  # the epoch is a time
        (START_MS, 0),  # no timestamp: nothing to compare with
        (START_MS, -1),
        (START_MS, START_MS - 3_600_000),  # as far ahead as may be
        (START_MS, START_MS + 10**12),
        (START_MS, 2**63 - 1),
        (253_402_298_940_000, 0),  # the last one of the year 9999
        (253_402_298_940_000, 2**63 - 1),
    ],
)
def test_windows_within_the_limits_are_known(start_ms: int, timestamp_ms: int) -> None:
    """They need not be decoded by themselves."""
    source = new_source("labeled")
    warm(source, "labeled", [LABELED_ID])
    key = encode_windowed_key(inner("web"), start_ms)

    assert many(source, [replace(GOOD, timestamp_ms=timestamp_ms, key=key)]).unknown() == []


def test_a_record_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """Key and value together."""
    size = len(GOOD.key or b"") + len(GOOD.value or b"")
    shorter = replace(GOOD, key=encode_windowed_key(inner("w"), START_MS))
    for most, unknown in ((size, []), (size - 1, [0])):
        source = new_source("labeled", replace(LIMITS, max_record_bytes=most))
        asyncio.run(read_whole(source, shorter.record()))

        assert many(source, [GOOD, shorter]).unknown() == unknown


def test_windows_a_quarter_of_a_hop_off_the_grid_are_filled_in() -> None:
    """Where they are moved to it; the newest window is that which is meant."""
    source = new_source("tolerant")
    warm(source, "tolerant", [LABELED_ID])
    value = value_of("plain", LABELED_ID, VALUES, 0)
    starts_ms = [START_MS, START_MS + 15_000, START_MS + 59_999, START_MS + 30_000]
    batch = [
        Drawn(number, NOW_MS, encode_windowed_key(inner("web"), start_ms), value)
        for number, start_ms in enumerate(starts_ms)
    ]
    rows = many(source, batch)
    assert rows.unknown() == [1, 2, 3]
    for place in (1, 2):
        update = source.at_once(batch[place].record())
        assert isinstance(update, WindowUpdate)
        rows.put(place, update)
    assert rows.unknown() == [3]
    assert [update.window_start_ms for update in left(rows, 1)[0]] == [START_MS, START_MS, START_MS + 60_000]
    assert rows.newest_start_ms == START_MS + 60_000


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 12), max_size=20), min_size=1, max_size=4), st.integers(1, 6))
def test_keys_that_were_forgotten_are_read_again(rounds: list[list[int]], most: int) -> None:
    """More hosts than are remembered, in the middle of a batch as well: every row names its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windowed_feature, "_MOST_KEYS", most)
        source = new_source("labeled")
        warm(source, "labeled", [LABELED_ID])
        value = value_of("labeled", LABELED_ID, VALUES, 1)
        batches = [
            [
                Drawn(number, NOW_MS, encode_windowed_key(inner(f"host-{host}"), START_MS), value)
                for number, host in enumerate(hosts)
            ]
            for hosts in rounds
        ]
        earlier = [(batch, many(source, batch)) for batch in batches]
        for batch in batches:
            check(source, batch, truth(new_source("labeled"), batch))
        for hosts, (batch, rows) in zip(
            rounds, earlier, strict=True
        ):  # their numbers are of hosts that were forgotten since
            for place in rows.unknown():
                update = source.at_once(batch[place].record()) or truth(source, [batch[place]])[0]
                assert isinstance(update, WindowUpdate)
                rows.put(place, update)
            (found,) = left(rows, 1).values() or ([],)
            assert [each.host for each in found] == [f"host-{host}" for host in hosts]


def update_of(offset: int, host: str) -> WindowUpdate:
    """Return an update of which only place and host are of interest."""
    metric = Metric("CPU", "UTILIZATION", "PERCENT")
    return WindowUpdate(SourcePlace("in", 2, offset), host, metric, START_MS, VALUES, None)


def rows_of(updates: Sequence[WindowUpdate]) -> UpdateRows:
    """Return rows into which updates were put."""
    rows = UpdateRows([update.place.offset for update in updates], HostNumbers())
    for place, update in enumerate(updates):
        rows.put(place, update)
    return rows


def test_many_updates_leave_in_pieces() -> None:
    """Of two thousand rows; the last has the rest."""
    rows = rows_of([update_of(offset, "web") for offset in range(4_500)])
    pieces = list(rows.updates(PLACE, 7))
    own = partition_of("web", 7)

    assert [(partition, len(piece)) for partition, piece in pieces] == [
        (own, 2_000),
        (own, 2_000),
        (own, 500),
    ]
    assert [update.place.offset for _, piece in pieces for update in piece] == list(range(4_500))


def test_hosts_with_the_longest_names_leave_in_more_pieces() -> None:
    """A name of 1024 characters has 4 KiB: two thousand rows of as many hosts would have eight megabytes."""
    updates = [update_of(number, f"{number:04}" + "𝔥" * 1_020) for number in range(1_200)]
    rows = rows_of(updates)

    found = left(rows, 2)
    assert {key: list(map(bits, some)) for key, some in found.items()} == by_partition(updates, 2)
    assert len(list(rows.updates(PLACE, 1))) >= 5


def test_a_long_name_that_many_rows_share_makes_no_more_pieces() -> None:
    """It is in a piece once."""
    updates = [update_of(number, "𝔥" * 1_024) for number in range(2_000)]
    assert [len(piece) for _, piece in rows_of(updates).updates(PLACE, 1)] == [2_000]


def test_no_records_have_no_updates() -> None:
    source = new_source("labeled")
    for _ in range(2):
        rows = many(source, [])
        assert (rows.unknown(), rows.newest_start_ms, left(rows, 3)) == ([], None, {})
        warm(source, "labeled", [LABELED_ID])


def test_updates_that_are_not_known_do_not_leave() -> None:
    rows = UpdateRows([3, 4, 9], HostNumbers())
    assert left(rows, 1) == {}
    rows.put(1, update_of(4, "web"))

    assert [update.place.offset for update in left(rows, 1)[0]] == [4]
    assert rows.unknown() == [0, 2]
