"""A recording of the former format can still be read, and nothing is made up."""

from __future__ import annotations

import gzip
import io
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.readings import METRICS
from pg_streaming_machine_learning.testbed.recording import Recording

START_MS = 1_700_000_000_000
READINGS = [[3.0, 50.5, 0.0, 4096.0, 100.0, 200.0], [104.0, 51.25, 10.0, 0.0, 300.0, 0.0]]
REQUESTS = [(400, 30_000), (900, 1_200_000), (1_000, 7)]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Return a recording of format 1: two seconds and three requests of a cart."""
    meta = {
        "format": 1,
        "services": ["cart"],
        "metrics": METRICS,
        "start_ms": START_MS,
        "fault_free_until_ms": START_MS + 1000,
        "seed": 3,
        "meta": {"minutes": 0.05},
    }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "truth.csv").write_text("fault,metric,service,ramp_start_ms,full_ms,end_ms\n")
    rows = [(START_MS + 1003, READINGS[0]), (START_MS + 2003, READINGS[1])]
    table = ["timestamp_ms,other_load_percent,..."]
    table += [",".join(map(str, (at_ms, 0.5, *values))) for at_ms, values in rows]
    (tmp_path / "readings.csv.gz").write_bytes(gzip.compress("\n".join(table).encode()))
    packed = io.BytesIO()
    done_ms = np.array([START_MS + at_ms for at_ms, _ in REQUESTS])
    np.savez(
        packed,
        services=np.zeros(3, np.uint8),
        first_ms=done_ms[:1],
        deltas_ms=_planes(np.diff(done_ms, prepend=done_ms[:1])),
        request_us=_planes(np.array([duration_us for _, duration_us in REQUESTS])),
    )
    (tmp_path / "requests.npz.xz").write_bytes(lzma.compress(packed.getvalue()))
    return Recording.load(tmp_path)


def _planes(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column.astype("<u4").view(np.uint8).reshape(-1, 4).T)


def test_readings_come_back(recording: Recording) -> None:
    """Rates become counters, and rates again; a processor cannot be used by more than all."""
    assert (recording.readings_ms - START_MS).tolist() == [1003, 2003]
    assert recording.readings[:, 0].tolist() == [READINGS[0], [100.0, *READINGS[1][1:]]]
    assert recording.other_load_percent.tolist() == [0, 0.5, 0.5]


def test_lines_have_what_was_recorded_and_nothing_else(recording: Recording) -> None:
    """Counters from the second before the first reading on; disk times were not recorded."""
    lines = [
        message.value.decode().split(" ")[:2]
        for message in recording.messages()
        if message.topic == LINES_TOPIC
    ]
    assert lines[:3] == [
        ["diskio,host=cart,name=vda", "read_bytes=0i,write_bytes=0i"],
        ["net,host=cart,interface=eth0", "bytes_recv=0i,bytes_sent=0i"],
        ["cpu,cpu=cpu-total,host=cart", "usage_idle=97"],
    ]
    assert lines[-2:] == [
        ["diskio,host=cart,name=vda", "read_bytes=10i,write_bytes=4096i"],
        ["net,host=cart,interface=eth0", "bytes_recv=400i,bytes_sent=200i"],
    ]
    assert len(lines) == 2 + 4 + 4


def test_spans_are_those_of_each_second(recording: Recording) -> None:
    """Sent at its end, each a trace of its own, with the response time as it was."""
    spans = [message for message in recording.messages() if message.topic == SPANS_TOPIC]
    assert [message.timestamp_ms - START_MS for message in spans] == [1000, 2000]
    found = [span for message in spans for span in json.loads(message.value)]
    assert [(span["timestamp"] + span["duration"]) // 1000 - START_MS for span in found] == [400, 900, 1_000]
    assert [span["duration"] for span in found] == [duration_us for _, duration_us in REQUESTS]
    assert len({span["traceId"] for span in found}) == 3
    assert all(span["traceId"] == span["id"] and "parentId" not in span for span in found)


def test_saved_it_has_the_present_format(recording: Recording, tmp_path: Path) -> None:
    """With the same messages."""
    recording.save(tmp_path / "new")
    kept = Recording.load(tmp_path / "new")
    assert list(kept.messages()) == list(recording.messages())
