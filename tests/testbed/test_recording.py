from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.lines import COUNTERS, FIELDS
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.recording import (
    META_FILE,
    READINGS_FILE,
    SPANS_FILE,
    TRUTH_FILE,
    Recording,
)
from pg_streaming_machine_learning.testbed.span_columns import SpanColumns

FAULTS = (
    Fault(FaultKind.DISK, "cart", 30_000, 40_000, 50_000),
    Fault(FaultKind.LOCK, "payment", 52_000, 55_000, 59_000),
)
FILES = (META_FILE, TRUTH_FILE, READINGS_FILE, SPANS_FILE)
START_MS = 1_700_000_000_000


def assert_equal(actual: object, expected: object) -> None:
    """Compare recordings or columns field by field, arrays with their types."""
    assert isinstance(expected, Recording | SpanColumns)
    for field in fields(expected):
        first, second = getattr(actual, field.name), getattr(expected, field.name)
        if isinstance(second, np.ndarray):
            assert first.dtype == second.dtype, field.name
            assert np.array_equal(first, second, equal_nan=second.dtype.kind == "f"), field.name
        elif isinstance(second, SpanColumns):
            assert_equal(first, second)
        else:
            assert first == second, field.name


def loaded(recording: Recording, path: Path) -> Recording:
    """Return a recording after it was saved and loaded, without the checksum that it has got by that."""
    recording.save(path)
    return replace(Recording.load(path), checksum="")


def test_loading_undoes_saving(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """Every field comes back as it was."""
    recording = recording_of([(0, 10, 500), (1, 10, 70_000), (0, 45_000, 1)], faults=FAULTS)
    assert_equal(loaded(recording, tmp_path / "new" / "recording"), recording)


def test_empty_recording_comes_back(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """A run that was too short for a reading or a request can still be read."""
    recording = recording_of([], rows=0)
    assert_equal(loaded(recording, tmp_path), recording)
    assert list(recording.messages()) == []


def test_fields_that_are_not_known_stay_so(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """In a row, or in all."""
    recording = recording_of([])
    recording.rows[0, :, 0] = np.nan
    recording.rows[:, :, FIELDS.index("write_time")] = np.nan
    assert_equal(loaded(recording, tmp_path), recording)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    gauges=arrays(np.float64, (3, 2, COUNTERS), elements=st.floats(width=64)),
    counters=arrays(np.int64, (3, 2, len(FIELDS) - COUNTERS), elements=st.integers(0, 2**50)),
)
def test_rows_lose_no_digit(
    recording_of: Callable[..., Recording], tmp_path: Path, gauges: np.ndarray, counters: np.ndarray
) -> None:
    """Rows are kept as text; every number, however odd, reads back as itself, and a counter may fall."""
    recording = recording_of([])
    rows = np.concatenate((gauges, counters.astype(np.float64)), axis=2)
    table = replace(recording, rows=rows, checksum="given")
    table.save(tmp_path)
    assert_equal(Recording.load(tmp_path), table)


def test_saving_again_changes_no_byte(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """What is committed stays the same when it is loaded and saved."""
    recording_of([(0, 10, 500)], faults=FAULTS).save(tmp_path / "first")
    Recording.load(tmp_path / "first").save(tmp_path / "second")
    for name in FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_messages_come_in_the_order_of_time(recording_of: Callable[..., Recording]) -> None:
    """Lines before spans of the same moment; before a given time only, if one is given."""
    recording = recording_of([(0, 0, 500), (1, 1_500, 700), (0, 2_000, 900)])
    told = [
        (message.topic, message.timestamp_ms - START_MS, message.service) for message in recording.messages()
    ]
    second = [(LINES_TOPIC, 0, 0)] * 4 + [(LINES_TOPIC, 0, 1)] * 4
    assert told[:9] == [*second, (SPANS_TOPIC, 0, 0)]
    assert [each for each in told if each[0] == SPANS_TOPIC][1:] == [
        (SPANS_TOPIC, 1_500, 1),
        (SPANS_TOPIC, 2_000, 0),
    ]
    times_ms = [each[1] for each in told]
    assert times_ms == sorted(times_ms)
    before = list(recording.messages(until_ms=START_MS + 1_500))
    assert [(each.topic, each.timestamp_ms - START_MS, each.service) for each in before] == told[:17]


def test_messages_are_the_same_from_memory_and_from_files(
    recording_of: Callable[..., Recording], tmp_path: Path
) -> None:
    """Byte for byte, and so is their checksum, which is kept."""
    recording = recording_of([(0, 10, 500), (1, 1_010, 70_000)])
    recording.save(tmp_path)
    kept = Recording.load(tmp_path)
    assert list(kept.messages()) == list(recording.messages())
    assert kept.checksum == kept.checksum_of_messages() == recording.checksum_of_messages()


def test_readings_follow_from_rows(recording_of: Callable[..., Recording]) -> None:
    """Processor used, megabytes held, and what counters grew by in a second; the first row only counts."""
    recording = recording_of([])
    recording.rows[:, 0] = [
        [100, 5e6, 0, 0, 0, 0, 0, 0],
        [90, 6e6, 10, 20, 5, 5, 30, 40],
        [80, 7e6, 10, 120, 5, 5, 130, 240],
    ]
    assert recording.readings[:, 0].tolist() == [[10, 6, 10, 20, 30, 40], [20, 7, 0, 100, 100, 200]]
    assert (recording.readings_ms - START_MS).tolist() == [1_000, 2_000]
    assert recording.metrics[:2] == ("CPU", "MEMORY")


def test_requests_come_by_time_of_answer(recording_of: Callable[..., Recording]) -> None:
    """Whenever they were sent: a message may hold spans that others sent earlier are older than."""
    recording = recording_of([(0, 10, 500), (1, 20, 700)])
    recording.spans.spans[:] = recording.spans.spans[::-1]
    assert (recording.request_done_ms - START_MS).tolist() == [10, 20]
    assert recording.request_us.tolist() == [500, 700]
    assert recording.request_services.tolist() == [1, 0]


def test_truth_names_fault_metric_service_and_times(
    recording_of: Callable[..., Recording], tmp_path: Path
) -> None:
    """The truth is a table that other programs read, with times since the epoch."""
    recording_of([], faults=FAULTS).save(tmp_path)
    assert (tmp_path / TRUTH_FILE).read_text(encoding="utf-8").splitlines() == [
        "fault,metric,service,ramp_start_ms,full_ms,end_ms",
        "disk,DISK_WRITE,cart,1700000030000,1700000040000,1700000050000",
        "lock,UNKNOWN,payment,1700000052000,1700000055000,1700000059000",
    ]


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(recording_of: Callable[..., Recording], tmp_path: Path, name: str) -> None:
    """A recording that lacks a file cannot be read, and the message says which."""
    recording_of([(0, 10, 500)]).save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RecordingError, match=name):
        Recording.load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_refused(recording_of: Callable[..., Recording], tmp_path: Path, name: str) -> None:
    """A file that was cut in the middle raises our error, not that of a library."""
    recording_of([(0, 10, 500)], faults=FAULTS).save(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording.load(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 3}, "recording has format 3, expected 2"),
        ({"fields": ["mood"]}, r"the recording has fields \('mood',\), expected \('usage_idle'"),
    ],
)
def test_other_format_is_refused(
    recording_of: Callable[..., Recording], tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    """A later version may write what this one does not understand."""
    recording_of([]).save(tmp_path)
    meta = json.loads((tmp_path / META_FILE).read_text(encoding="utf-8"))
    (tmp_path / META_FILE).write_text(json.dumps({**meta, **changed}), encoding="utf-8")
    with pytest.raises(RecordingError, match=said):
        Recording.load(tmp_path)
