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
from pg_streaming_machine_learning.testbed.recording import (
    META_FILE,
    READINGS_FILE,
    REQUESTS_FILE,
    TRUTH_FILE,
    Recording,
)

FAULTS = (
    Fault(FaultKind.DISK, "cart", 30_000, 40_000, 50_000),
    Fault(FaultKind.LOCK, "payment", 52_000, 55_000, 59_000),
)


def assert_equal(actual: Recording, expected: Recording) -> None:
    """Compare field by field, arrays with their types."""
    for field in fields(Recording):
        first, second = getattr(actual, field.name), getattr(expected, field.name)
        if isinstance(second, np.ndarray):
            assert first.dtype == second.dtype, field.name
            assert np.array_equal(first, second, equal_nan=second.dtype.kind == "f"), field.name
        else:
            assert first == second, field.name


def test_loading_undoes_saving(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """Every field comes back as it was."""
    recording = recording_of([(0, 10, 500), (1, 10, 70_000), (0, 45_000, 1)], faults=FAULTS)
    recording.save(tmp_path / "new" / "recording")
    assert_equal(Recording.load(tmp_path / "new" / "recording"), recording)


def test_empty_recording_comes_back(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """A run that was too short for a reading or a request can still be read."""
    recording = recording_of([], readings=0)
    recording.save(tmp_path)
    assert_equal(Recording.load(tmp_path), recording)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(values=arrays(np.float64, (3, 2, 6), elements=st.floats(width=64)))
def test_readings_lose_no_digit(
    recording_of: Callable[..., Recording], tmp_path: Path, values: np.ndarray
) -> None:
    """Readings are kept as text; every number, however odd, reads back as itself."""
    recording = replace(recording_of([]), readings=values)
    recording.save(tmp_path)
    assert_equal(Recording.load(tmp_path), recording)


def test_saving_again_changes_no_byte(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """What is committed stays the same when it is loaded and saved."""
    recording_of([(0, 10, 500)], faults=FAULTS).save(tmp_path / "first")
    Recording.load(tmp_path / "first").save(tmp_path / "second")
    for name in (META_FILE, TRUTH_FILE, READINGS_FILE, REQUESTS_FILE):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


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


@pytest.mark.parametrize("name", [META_FILE, TRUTH_FILE, READINGS_FILE, REQUESTS_FILE])
def test_missing_file_is_named(recording_of: Callable[..., Recording], tmp_path: Path, name: str) -> None:
    """A recording that lacks a file cannot be read, and the message says which."""
    recording_of([(0, 10, 500)]).save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RecordingError, match=name):
        Recording.load(tmp_path)


@pytest.mark.parametrize("name", [META_FILE, TRUTH_FILE, READINGS_FILE, REQUESTS_FILE])
def test_damaged_file_is_refused(recording_of: Callable[..., Recording], tmp_path: Path, name: str) -> None:
    """A file that was cut in the middle raises our error, not that of a library."""
    recording_of([(0, 10, 500)], faults=FAULTS).save(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording.load(tmp_path)


def test_other_format_is_refused(recording_of: Callable[..., Recording], tmp_path: Path) -> None:
    """A later version may write what this one does not understand."""
    recording_of([]).save(tmp_path)
    meta = json.loads((tmp_path / META_FILE).read_text(encoding="utf-8"))
    (tmp_path / META_FILE).write_text(json.dumps({**meta, "format": 2}), encoding="utf-8")
    with pytest.raises(RecordingError, match="recording has format 2, expected 1"):
        Recording.load(tmp_path)
