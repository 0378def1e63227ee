"""The recording that comes with the package is what the demo promises."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from pg_streaming_machine_learning.cli.demo import RECORDING
from pg_streaming_machine_learning.testbed.description import README_FILE, describe
from pg_streaming_machine_learning.testbed.faults import FaultKind
from pg_streaming_machine_learning.testbed.figures import (
    SlowWindows,
    between_faults,
    fault_free,
    slow_windows,
)
from pg_streaming_machine_learning.testbed.recording import Recording

MINUTE_MS = 60_000


@lru_cache
def bundled() -> Recording:
    return Recording.load(RECORDING)


@lru_cache
def windows() -> SlowWindows:
    return slow_windows(bundled())


def test_it_is_an_hour_long_and_small() -> None:
    assert bundled().readings_ms[-1] - bundled().readings_ms[0] >= 60 * MINUTE_MS
    assert sum(path.stat().st_size for path in RECORDING.iterdir()) <= 6_000_000


def test_its_messages_are_given_back_byte_for_byte() -> None:
    """The checksum is of the messages as they were sent."""
    assert bundled().checksum == bundled().checksum_of_messages()


def test_its_readme_is_about_it() -> None:
    assert (RECORDING / README_FILE).read_text(encoding="utf-8") == describe(bundled())


def test_every_kind_of_fault_and_every_service_occurs() -> None:
    faults = bundled().faults
    assert len(faults) >= 25
    assert {fault.kind for fault in faults} == set(FaultKind)
    assert {fault.service for fault in faults} == set(bundled().services)


def test_faults_grow_slowly_and_far_apart() -> None:
    faults = bundled().faults
    assert all(45_000 <= fault.full_ms - fault.ramp_start_ms <= 90_000 for fault in faults)
    starts_ms = [fault.ramp_start_ms for fault in faults]
    assert all(100_000 <= after - before <= 150_000 for before, after in pairwise(starts_ms))


def test_healthy_minutes_are_hardly_ever_slow() -> None:
    assert windows().share(fault_free(bundled(), windows())) < 0.01
    assert windows().share(between_faults(bundled(), windows())) < 0.01


def test_incidents_begin_well_after_the_ramp_of_their_fault() -> None:
    """What can be known is the end of the first slow window of the faulty service."""
    recording = bundled()
    leads_ms = []
    for fault in recording.faults:
        service = recording.services.index(fault.service)
        first_ms = windows().first_slow_ms(fault, recording.start_ms, service)
        assert first_ms is not None
        leads_ms.append(first_ms + windows().size_ms - recording.start_ms - fault.ramp_start_ms)
    leads_ms.sort()
    assert leads_ms[1] >= 10_000  # one window of a faulty service may be slow by chance just then
    assert leads_ms[len(leads_ms) // 2] >= 25_000
