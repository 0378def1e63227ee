"""Labels of hosts' windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.update import LabelUpdate, SourcePlace
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.targets import TargetsSource
from pg_streaming_machine_learning.wire.target import encode_target, encode_target_key
from tests.sources.parts import TIMESTAMP_MS, parts_of, record_of

GOLDEN_KEY = bytes.fromhex("31 39 32 2e 31 36 38 2e 30 2e 31 30 31 00 00 01 74 87 6e 80 00")
GOLDEN_VALUE = bytes.fromhex("00 00 00 01")
TESTS = TargetsSource(Limits(size_ms=10_000, hop_ms=5_000, max_ahead_ms=3_600_000, max_record_bytes=1_000))
PRODUCTION = TargetsSource(
    Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=3_600_000, max_record_bytes=1_000)
)
START_MS = 1_600_000_020_000


def test_the_golden_target_of_the_contract() -> None:
    assert parts_of(TESTS, record_of(GOLDEN_VALUE, GOLDEN_KEY)) == [
        LabelUpdate(SourcePlace("topic", 2, 1_000, 0), "192.168.0.101", 1_600_000_000_000, 1)
    ]


@pytest.mark.parametrize(
    ("start_ms", "moved_ms"),
    [
        (START_MS, START_MS),
        (START_MS + 15_000, START_MS),
        (START_MS - 15_000, START_MS),
        (START_MS + 1, START_MS),
        (START_MS - 1, START_MS),
        (15_000, 0),
        (45_000, 60_000),
    ],
)
def test_a_window_a_quarter_of_a_hop_off_the_grid_is_moved_to_it(start_ms: int, moved_ms: int) -> None:
    (update,) = parts_of(PRODUCTION, record_of(encode_target(0), encode_target_key("web", start_ms)))
    assert isinstance(update, LabelUpdate)
    assert (update.window_start_ms, update.label) == (moved_ms, 0)


@pytest.mark.parametrize("start_ms", [START_MS + 15_001, START_MS - 15_001, START_MS + 30_000])
def test_a_window_further_off_is_refused(start_ms: int) -> None:
    message = (
        f"starts at {start_ms} ms, expected at most a quarter of WINDOW_HOP_S, 60000 ms, off a multiple of it"
    )
    assert_refused(Reason.BAD_WINDOW, message, encode_target(1), encode_target_key("web", start_ms))


@pytest.mark.parametrize(
    ("start_ms", "message"),
    [
        (-1, "window starts at -1 ms, before the epoch"),
        (-60_000, "window starts at -60000 ms, before the epoch"),
        (2**62 // 60_000 * 60_000, "expected at most"),
        (TIMESTAMP_MS // 60_000 * 60_000 + 3_660_000, "expected at most"),
    ],
)
def test_a_window_that_cannot_be_is_refused(start_ms: int, message: str) -> None:
    assert_refused(Reason.BAD_WINDOW, message, encode_target(1), encode_target_key("web", start_ms))


@pytest.mark.parametrize(
    ("reason", "message", "value", "key"),
    [
        (Reason.NULL_KEY, "the record has no key, expected a windowed host", GOLDEN_VALUE, None),
        (Reason.NULL_VALUE, "the record has no value", None, GOLDEN_KEY),
        (Reason.TOO_LARGE, "key and value have 1021 bytes", bytes(1_000), GOLDEN_KEY),
        (Reason.BAD_VALUE, "target has 3 bytes, expected 4", bytes(3), GOLDEN_KEY),
        (Reason.BAD_VALUE, "target has 0 bytes, expected 4", b"", GOLDEN_KEY),
        (Reason.BAD_LABEL, "label is 2, expected 0 or 1", bytes([0, 0, 0, 2]), GOLDEN_KEY),
        (Reason.BAD_LABEL, "label is -1, expected 0 or 1", b"\xff" * 4, GOLDEN_KEY),
        (Reason.BAD_KEY, "windowed key has 8 bytes", GOLDEN_VALUE, GOLDEN_KEY[-8:]),
        (Reason.BAD_KEY, "key has a host that is no UTF-8", GOLDEN_VALUE, b"\xff" + GOLDEN_KEY),
        (
            Reason.BAD_HOST,
            "host has 1025 characters, expected 1 to 1024",
            GOLDEN_VALUE,
            encode_target_key("x" * 1025, 0),
        ),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(
    reason: Reason, message: str, value: bytes | None, key: bytes | None
) -> None:
    source = TargetsSource(Limits(10_000, 5_000, 3_600_000, 1_000 if reason is Reason.TOO_LARGE else 2_000))
    with pytest.raises(RefusedRecord, match=message) as refused:
        parts_of(source, record_of(value, key))
    assert refused.value.reason is reason


def assert_refused(reason: Reason, message: str, value: bytes, key: bytes) -> None:
    with pytest.raises(RefusedRecord, match=message) as refused:
        parts_of(PRODUCTION, record_of(value, key))
    assert refused.value.reason is reason


@given(st.none() | st.binary(max_size=30), st.none() | st.binary(max_size=6), st.integers(-1, 2**62))
def test_any_bytes_are_a_label_or_refused(key: bytes | None, value: bytes | None, timestamp_ms: int) -> None:
    try:
        (update,) = parts_of(PRODUCTION, record_of(value, key, timestamp_ms))
    except RefusedRecord:
        return
    assert isinstance(update, LabelUpdate)
    assert update.window_start_ms % 60_000 == 0
    assert update.label in (0, 1)
