"""From what a partition of the state topic holds to an engine that goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import ColdStartError, LogReplacedError, StateError
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import (
    GENERATION_KEY,
    StateRecord,
    StoredState,
    compress,
    named_place,
    slot_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.recovery import LogBounds, Recovered, RecoveryRules, recover
from pg_streaming_machine_learning.state.signing import Signer
from tests.logs import config
from tests.state.stored import (
    APPLICATION,
    MAX_BYTES,
    PARTITION,
    SIGNER,
    changed,
    engine_at,
    log,
    manifest_of,
    progress_record,
    signed,
    slot_records,
    snapshot_at,
    stored,
)

RULES = RecoveryRules(APPLICATION, PARTITION, SIGNER, MAX_BYTES)
END = len(log())


def recovered(state: StoredState, begin: int = 0, rules: RecoveryRules = RULES, end: int = END) -> Recovered:
    return recover(state, partial(Engine, config()), LogBounds(begin, end), rules)


def order(number: int, model: str) -> StateRecord:
    return StateRecord(GENERATION_KEY, GenerationOrder(number, model, 0).to_bytes())


def replayed(found: Recovered) -> str:
    """Return the fingerprint of the engine where outputs were sent to."""
    found.engine.process(log()[found.position : found.emitted_to])
    return found.engine.fingerprint()


def test_at_the_very_first_start_the_log_is_read_from_its_beginning() -> None:
    found = recovered(stored())
    assert (found.position, found.emitted_to, found.fingerprint) == (0, 0, None)
    assert (found.generation, found.engine.generation, found.snapshot_number) == (1, 1, 0)
    assert (found.hole, found.learner, found.notes) == (0, None, ())


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_whatever_there_is_the_state_is_the_one_whose_outputs_were_sent(
    one: int, two: int, further: int
) -> None:
    """Two snapshots, and progress behind both; the next snapshot spares the one that was used."""
    end = max(one, two) + further
    found = recovered(stored(slot_records(0, one), slot_records(1, two), progress_record(end)))
    assert found.position == max(one, two)
    assert found.snapshot_number % 2 == (1 if one >= two else 0)
    assert (found.emitted_to, found.hole, found.notes) == (end, 0, ())
    assert replayed(found) == found.fingerprint


def test_without_a_snapshot_the_log_is_read_again_if_all_of_it_is_there() -> None:
    found = recovered(stored(progress_record(80)))
    assert (found.position, found.emitted_to, found.generation) == (0, 80, 1)
    assert replayed(found) == found.fingerprint


def far_and_near() -> tuple[list[StateRecord], list[StateRecord]]:
    """Return the records of a snapshot at 90 in slot 0 and of one at 40 in slot 1."""
    return slot_records(0, 90), slot_records(1, 40)


def resealed(records: Sequence[StateRecord], **values: object) -> list[StateRecord]:
    """Return records of slot 0 whose manifest says something else, with a signature that fits."""
    (slot,) = stored(records).slots
    assert slot.manifest is not None
    manifest = signed(replace(slot.manifest, **values))  # type: ignore[arg-type]
    return changed(records, b"slot-0/manifest", manifest.to_bytes())


FAR = slot_records(0, 90)
DAMAGED = {
    "a chunk is missing": (changed(FAR, b"slot-0/0000", None), "it has 0 of its 1 chunks"),
    "a chunk is cut": (changed(FAR, b"slot-0/0000", (FAR[0].value or b"")[:-1]), "it is damaged"),
    "a chunk is of another": (changed(FAR, b"slot-0/0000", slot_records(0, 40)[0].value), "it is damaged"),
    "the manifest is rubbish": (changed(FAR, b"slot-0/manifest", b"rubbish"), "7 bytes are no manifest"),
    "not signed": (slot_records(0, 90, signer=Signer(None, accept_unsigned=True)), "it is not signed"),
    "another key": (slot_records(0, 90, signer=Signer(b"x", accept_unsigned=False)), "with another key"),
    "another application": (resealed(FAR, application="other"), "it is of 'other' partition 2, expected"),
    "another partition": (resealed(FAR, partition=1), "it is of 'the-application' partition 1, expected"),
    "another generation": (resealed(FAR, generation=2), "it is of generation 2, expected 1"),
    "ahead of progress": (
        resealed(FAR, position=101),
        "it is of offset 101, but outputs were sent up to 100 only",
    ),
    "too large": (resealed(FAR, size_bytes=MAX_BYTES + 1), "SNAPSHOT_MAX_BYTES is 10000000"),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_snapshot_that_cannot_be_used_leaves_the_older_one(fault: str) -> None:
    """And an operator is told which, and why."""
    records, why = DAMAGED[fault]
    found = recovered(stored(records, slot_records(1, 40), progress_record(100)))
    assert (found.position, found.snapshot_number % 2) == (40, 0)
    (note,) = found.notes
    assert re.match(r"snapshot slot-0.* cannot be used: ", note)
    assert why in note
    assert replayed(found) == found.fingerprint


@pytest.mark.parametrize("fault", DAMAGED)
def test_if_no_snapshot_can_be_used_the_log_is_read_again_or_nothing_begins(fault: str) -> None:
    records, why = DAMAGED[fault]
    state = stored(records, progress_record(100))
    found = recovered(state)
    assert (found.position, found.snapshot_number) == (0, 0)
    assert found.notes[-1] == "no snapshot can be used, the state is rebuilt from the log's beginning"
    assert replayed(found) == found.fingerprint
    with pytest.raises(ColdStartError, match="Set ALLOW_COLD_START to true") as caught:
        recovered(state, begin=10)
    assert why in str(caught.value)


def test_a_snapshot_with_other_settings_is_refused() -> None:
    def create(generation: int) -> Engine:
        return Engine(replace(config(), seed=99), generation)

    state = stored(slot_records(0, 40), progress_record(60))
    found = recover(state, create, LogBounds(0, END), RULES)
    assert found.position == 0
    assert "snapshot is of an engine with other settings" in found.notes[0]


def test_a_cold_start_is_a_new_generation_that_need_not_meet_the_old_state() -> None:
    rules = replace(RULES, allow_cold_start=True)
    found = recovered(stored(progress_record(80)), begin=10, rules=rules)
    assert (found.position, found.emitted_to, found.fingerprint, found.generation) == (10, 80, None, 2)
    assert "going on with an empty model, as ALLOW_COLD_START says" in found.notes[-1]


def test_a_log_without_beginning_and_nothing_stored_is_a_cold_start_too() -> None:
    with pytest.raises(ColdStartError, match="the log begins at offset 10 and there is no snapshot"):
        recovered(stored(), begin=10)


def test_a_log_without_beginning_is_none_for_who_has_a_snapshot_behind_it() -> None:
    found = recovered(stored(slot_records(0, 40), progress_record(60)), begin=40)
    assert (found.position, found.hole, found.generation) == (40, 0, 1)
    assert replayed(found) == found.fingerprint


@pytest.mark.parametrize("begin", [50, 60, 70])
def test_a_hole_behind_the_snapshot_is_told_and_ends_the_generation(begin: int) -> None:
    """Before, at and behind where outputs were sent to."""
    state = stored(slot_records(0, 40), progress_record(60))
    found = recovered(state, begin=begin)
    assert (found.position, found.hole, found.fingerprint, found.generation) == (begin, begin - 40, None, 2)
    assert found.notes == ()
    allowed = recovered(state, begin=begin, rules=replace(RULES, allow_holes=True))
    assert allowed.notes == (f"going on behind {begin - 40} deleted records of the log, as ALLOW_HOLES says",)


def test_a_log_that_is_shorter_than_what_was_answered_was_made_anew() -> None:
    with pytest.raises(LogReplacedError, match="ends at offset 59 and outputs were sent for it up to 60"):
        recovered(stored(slot_records(0, 40), progress_record(60)), end=59)
    assert recovered(stored(slot_records(0, 40), progress_record(60)), end=60).position == 40


def test_an_order_to_learn_from_the_log_passes_over_snapshots_and_needs_no_leave() -> None:
    state = stored(slot_records(0, 40), progress_record(60), order(2, FROM_LOG))
    for begin in (0, 30, 70):
        found = recovered(state, begin=begin)
        assert (found.position, found.emitted_to, found.hole) == (begin, 60, 0)
        assert (found.generation, found.fingerprint, found.learner) == (2, None, None)


def test_an_order_that_was_carried_out_is_over() -> None:
    state = stored(slot_records(0, 40, generation=2), progress_record(60, 2), order(2, FROM_LOG))
    found = recovered(state)
    assert (found.position, found.generation, found.learner) == (40, 2, None)
    assert replayed(found) == found.fingerprint


def test_snapshots_of_the_generation_before_are_not_of_this_one() -> None:
    found = recovered(stored(slot_records(0, 40, generation=1), progress_record(60, 2), order(2, FROM_LOG)))
    assert found.position == 0
    assert "it is of generation 1, expected 2" in found.notes[0]


def test_an_order_to_go_back_takes_the_model_of_a_named_snapshot_where_outputs_go_on() -> None:
    """Windows and watermark are those of now; the state is checked before."""
    state = stored(
        slot_records(0, 40), slot_records(0, 20, name="before"), progress_record(60), order(3, "named/before")
    )
    found = recovered(state)
    assert (found.position, found.generation, found.learner) == (40, 3, snapshot_at(20))
    assert replayed(found) == found.fingerprint
    now = found.engine.open_windows
    found.engine.adopt_learner(found.learner or b"")
    assert found.engine.open_windows == now
    assert found.engine.figures()["samples_learned"] == engine_at(20).figures().get("samples_learned")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ([], "generation 3 is to go on from 'named/before', which is gone"),
        (
            changed(slot_records(0, 20, name="before"), b"named/before/0000", b""),
            "snapshot 'named/before' cannot be used: it is damaged",
        ),
        (
            slot_records(0, 20, name="before", signer=Signer(b"x", accept_unsigned=False)),
            "snapshot 'named/before' cannot be used: it is signed with another key",
        ),
    ],
)
def test_an_order_that_cannot_be_carried_out_stops(named: list[StateRecord], message: str) -> None:
    """Going on without it would be something nobody asked for."""
    with pytest.raises(StateError, match=message):
        recovered(stored(slot_records(0, 40), named, progress_record(60), order(3, "named/before")))


def test_a_named_snapshot_may_be_of_another_application_and_partition() -> None:
    """That is what export and import are for; its signature is checked."""
    payload = compress(snapshot_at(20))
    manifest = signed(replace(manifest_of(payload, 20), application="elsewhere", partition=0))
    named = snapshot_records(named_place("before"), manifest, payload)
    found = recovered(stored(named, progress_record(60), order(2, "named/before")))
    assert found.learner == snapshot_at(20)


def test_an_order_before_anything_was_sent_counts() -> None:
    found = recovered(stored(order(2, FROM_LOG)))
    assert (found.position, found.emitted_to, found.generation) == (0, 0, 2)


def test_unsigned_snapshots_are_used_where_a_setting_says_so() -> None:
    unsigned = slot_records(0, 40, signer=Signer(None, accept_unsigned=True))
    rules = replace(RULES, signer=Signer(b"key", accept_unsigned=True))
    assert recovered(stored(unsigned, progress_record(60)), rules=rules).position == 40


def test_two_slots_take_turns() -> None:
    numbers = [
        recovered(stored(slot_records(number, 40), progress_record(60))).snapshot_number for number in (0, 1)
    ]
    assert [slot_place(number) for number in numbers] == ["slot-1", "slot-0"]
