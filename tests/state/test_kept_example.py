"""Bytes of an earlier release are read for ever."""

from __future__ import annotations

from functools import partial

import pytest
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.evaluation import Evaluation
from pg_streaming_machine_learning.records.snapshot import read_state, unpack
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import StoredState
from pg_streaming_machine_learning.state.progress import RouterProgress
from pg_streaming_machine_learning.state.recovery import LogBounds, RecoveryRules, recover
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.places import SeenPlaces
from pg_streaming_machine_learning.windows.store import WindowStore
from pg_streaming_machine_learning.windows.watermark import WatermarkTracker
from tests.state.kept_example import CONFIG, FAR, GENERATION, NAMED, NEAR, ROUTER_KEY, kept
from tests.state.stored import APPLICATION, CREATED_MS, MAX_BYTES, PARTITION, SIGNER

FAR_MS = 2**60
STATE = StoredState.from_records(kept())


def test_progress_orders_and_manifests_are_read() -> None:
    assert STATE.generation == GenerationOrder(GENERATION, FROM_LOG, CREATED_MS)
    assert STATE.progress is not None
    assert (STATE.progress.end, STATE.progress.generation) == (FAR, GENERATION)
    slots = [*STATE.slots, STATE.named["before"]]
    assert [slot.manifest and slot.manifest.position for slot in slots] == [FAR, NEAR, NAMED]
    routers = [RouterProgress.from_bytes(each.value or b"") for each in kept() if each.key == ROUTER_KEY]
    assert routers == [RouterProgress(77, CREATED_MS)]


def test_plain_parts_of_the_engine_are_read_and_come_out_as_they_were() -> None:
    """Windows, watermark, places, scores: what holds from one release of river to the next."""
    parts = unpack(STATE.slots[0].payload(MAX_BYTES, SIGNER))
    closing_ms = CONFIG.size_ms + CONFIG.grace_ms
    plain = {
        "watermark": WatermarkTracker(CONFIG.inputs, CONFIG.idle_after_ms, closing_ms),
        "store": WindowStore(HoppingWindows(CONFIG.size_ms, CONFIG.hop_ms), CONFIG.grace_ms),
        "places": SeenPlaces(),
        "evaluation": Evaluation(CONFIG.evaluation_window),
    }
    for name, part in plain.items():
        part.restore(parts[name])  # type: ignore[attr-defined]
        if name != "store":
            assert part.snapshot() == parts[name]  # type: ignore[attr-defined]


def test_open_windows_that_were_stored_as_json_are_stored_as_columns() -> None:
    """All of them, with what is in them."""
    data = unpack(STATE.slots[0].payload(MAX_BYTES, SIGNER))["store"]
    former, again = (
        WindowStore(HoppingWindows(CONFIG.size_ms, CONFIG.hop_ms), CONFIG.grace_ms) for _ in range(2)
    )
    former.restore(data)
    again.restore(former.snapshot())
    assert len(again) == len(former) == len(read_state("store", 1, data))
    assert repr(list(again.close(FAR_MS))) == repr(list(former.close(FAR_MS)))


def test_the_model_is_read_by_the_river_that_wrote_it_and_refused_by_others() -> None:
    """It has the fingerprint that was written with it."""
    rules = RecoveryRules(APPLICATION, PARTITION, SIGNER, MAX_BYTES)
    found = recover(STATE, partial(Engine, CONFIG), LogBounds(0, FAR), rules)
    manifest = STATE.slots[0].manifest
    assert manifest is not None
    if manifest.versions["river"] != river_version:
        assert f"model is of river {manifest.versions['river']}" in found.notes[0]
        return
    assert (found.position, found.emitted_to, found.notes) == (FAR, FAR, ())
    assert found.engine.fingerprint() == found.fingerprint


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(SnapshotError, match="it is signed with another key"):
        STATE.slots[0].payload(MAX_BYTES, type(SIGNER)(b"another", accept_unsigned=True))
