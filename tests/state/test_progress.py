"""How far an engine or a router has come ↔ bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.progress import EngineProgress, RouterProgress

COUNTS = st.integers(0, 2**63 - 1)


def test_progress_of_an_engine_is_json() -> None:
    """Golden bytes: what one release wrote, the next one has to read."""
    progress = EngineProgress(1234, "0f" * 16, 2, "1.0/river 0.26.1/g2")
    data = (
        b'{"end":1234,"fingerprint":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","generation":2,'
        b'"model_version":"1.0/river 0.26.1/g2","of":"engine","version":1}'
    )
    assert progress.to_bytes() == data
    assert EngineProgress.from_bytes(data) == progress


def test_progress_of_a_router_is_json() -> None:
    data = b'{"event_ms":null,"of":"router","offset":0,"version":1}'
    assert RouterProgress(0, None).to_bytes() == data
    assert RouterProgress.from_bytes(data) == RouterProgress(0, None)


@given(st.builds(EngineProgress, COUNTS, st.text("0123456789abcdef"), COUNTS, st.text("river 0.2/g")))
def test_reading_undoes_writing(progress: EngineProgress) -> None:
    assert EngineProgress.from_bytes(progress.to_bytes()) == progress


@given(st.builds(RouterProgress, COUNTS, st.none() | COUNTS))
def test_reading_undoes_writing_of_routers(progress: RouterProgress) -> None:
    assert RouterProgress.from_bytes(progress.to_bytes()) == progress


def test_one_is_not_taken_for_the_other() -> None:
    with pytest.raises(SnapshotError, match="progress of an engine has the fields"):
        EngineProgress.from_bytes(RouterProgress(0, None).to_bytes())
    with pytest.raises(SnapshotError, match="progress of a router has the fields"):
        RouterProgress.from_bytes(EngineProgress(0, "", 1, "").to_bytes())


@given(st.binary(max_size=100))
def test_rubbish_is_refused(data: bytes) -> None:
    for kind in (EngineProgress, RouterProgress):
        with pytest.raises(SnapshotError):
            kind.from_bytes(data)
