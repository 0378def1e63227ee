"""The state at the end, against that of an engine that read the log without being disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.state.layout import StateRecord, StoredState
from pg_streaming_machine_learning.state.recovery import LogBounds, RecoveryRules, recover
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.wire.log import decode
from storm.capture import Capture
from storm.scene import Scene
from storm.verdict import Counts

__all__ = ["count_states"]


def count_states(counts: Counts, scene: Scene) -> None:
    """Compare the last fingerprint, and the newest snapshot read on to there, of each partition."""
    stored = Capture(scene.bootstrap, scene.settings.state_topic, scene.settings.log_partitions)
    stored.refresh()
    for number, log in enumerate(scene.log.records):
        state = StoredState.from_records(
            StateRecord(record.key or b"", record.value) for record in stored.records[number]
        )
        counts.states_unequal += not _is_equal(scene, number, state, log, counts)


def _is_equal(
    scene: Scene, number: int, state: StoredState, log: Sequence[InputRecord], counts: Counts
) -> bool:
    create = partial(Engine, engine_config(scene.settings))
    undisturbed = create(1)
    if state.progress is None:
        return not log
    end = state.progress.end
    _read(undisturbed, log, 0, end)
    counts.late += undisturbed.counts.late
    if undisturbed.fingerprint() != state.progress.fingerprint:
        return False
    rules = RecoveryRules(
        application=scene.settings.application_id,
        partition=number,
        signer=Signer(scene.settings.snapshot_key.encode(), accept_unsigned=False),
        max_bytes=scene.settings.snapshot_max_bytes,
    )
    recovered = recover(state, create, LogBounds(0, end), rules)
    _read(recovered.engine, log, recovered.position, end)
    try:
        from tests.state_digest import state_digest
    except ImportError:
        return bool(recovered.engine.fingerprint() == undisturbed.fingerprint())
    return bool(state_digest(recovered.engine) == state_digest(undisturbed))


def _read(engine: Engine, log: Sequence[InputRecord], begin: int, end: int) -> None:
    engine.process(decode(record.value or b"") for record in log if begin <= record.offset < end)
