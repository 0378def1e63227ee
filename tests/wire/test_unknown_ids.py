"""How long an id is waited for that the registry does not know."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.wire.unknown_ids import MEMORY_S, MOST, PATIENCE_S, UnknownIds

STARTED_S = 1_000.0


@pytest.mark.parametrize(
    ("record_time_s", "asked_s", "given_up_s"),
    [
        # record     started  asked                    given up
        #   0          1000    1000                      1030
        (0.0, 1_000.0, 1_030.0),
        # long after the start, an old record is given up at once
        (0.0, 2_000.0, 2_000.0),
        # a new one gets its time, counted from when it was written
        (1_990.0, 2_000.0, 2_020.0),
        # a clock that runs ahead does not lengthen that
        (2_010.0, 2_000.0, 2_030.0),
        # a time far ahead, or none at all, says nothing: as if the record was old
        (9_999.0, 2_000.0, 2_000.0),
        (None, 2_000.0, 2_000.0),
        (None, 1_010.0, 1_030.0),
    ],
)
def test_when_an_id_is_given_up(record_time_s: float | None, asked_s: float, given_up_s: float) -> None:
    ids = UnknownIds(STARTED_S)

    if given_up_s > asked_s:
        assert not ids.given_up(7, record_time_s, asked_s)
        assert not ids.given_up(7, record_time_s, given_up_s - 0.001)
        assert not ids.is_refused(7, given_up_s - 0.001)
    assert ids.given_up(7, record_time_s, given_up_s)
    assert ids.is_refused(7, given_up_s)


def test_an_id_given_up_is_refused_for_a_while() -> None:
    ids = UnknownIds(STARTED_S)
    assert ids.given_up(7, None, 2_000)

    assert ids.is_refused(7, 2_000 + MEMORY_S - 0.001)
    assert not ids.is_refused(7, 2_000 + MEMORY_S)


def test_an_id_that_appears_is_forgotten() -> None:
    ids = UnknownIds(STARTED_S)
    assert ids.given_up(7, None, 2_000)

    ids.found(7)

    assert not ids.is_refused(7, 2_001)


def test_a_burst_of_new_records_with_ids_at_random_costs_the_patience_once() -> None:
    """Records written at 2000, handled one after the other, each until it is given up."""
    ids = UnknownIds(STARTED_S)
    now_s = 2_000.0

    for schema_id in range(1_000):
        while not ids.given_up(schema_id, 2_000.0, now_s):
            now_s += 1.0

    assert now_s == 2_000.0 + PATIENCE_S


def test_random_ids_do_not_fill_the_memory() -> None:
    ids = UnknownIds(STARTED_S)

    for schema_id in range(3 * MOST):
        ids.given_up(schema_id, None, 2_000)
    assert sum(ids.is_refused(schema_id, 2_001) for schema_id in range(3 * MOST)) == MOST
