"""Updates sent twice are recognised by their source place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import SourcePlace
from pg_streaming_machine_learning.windows.places import SeenPlaces

PLACES = st.lists(
    st.builds(SourcePlace, st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 5), st.integers(0, 2)),
    max_size=30,
)


def test_a_place_is_new_once() -> None:
    seen = SeenPlaces()
    places = [SourcePlace("metrics", 0, offset, index) for offset, index in ((0, 0), (0, 1), (0, 1), (0, 0))]
    assert [seen.is_new(place) for place in places] == [True, True, False, False]


def test_partitions_and_topics_count_apart() -> None:
    seen = SeenPlaces()
    places = [SourcePlace("metrics", 0, 9), SourcePlace("metrics", 1, 3), SourcePlace("features", 0, 3)]
    assert [seen.is_new(place) for place in places] == [True, True, True]


def test_gaps_are_no_repetition() -> None:
    """A log of several partitions holds only some records of an input partition."""
    seen = SeenPlaces()
    assert [seen.is_new(SourcePlace("metrics", 0, offset)) for offset in (3, 17, 18, 400)] == [True] * 4


def test_a_router_that_sends_again_from_its_last_commit_changes_nothing() -> None:
    """Offsets 5 and 6 come twice, 7 is new."""
    seen = SeenPlaces()
    assert [seen.is_new(SourcePlace("metrics", 0, offset)) for offset in (4, 5, 6, 5, 6, 7)] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]


@given(PLACES, PLACES)
def test_stop_restore_and_go_on_equals_never_stopping(
    before: list[SourcePlace], after: list[SourcePlace]
) -> None:
    never_stopped, stopped = SeenPlaces(), SeenPlaces()
    for place in before:
        never_stopped.is_new(place)
    stopped.restore(never_stopped.snapshot())
    assert [stopped.is_new(place) for place in after] == [never_stopped.is_new(place) for place in after]


def test_bytes_of_another_part_are_refused() -> None:
    seen = SeenPlaces()
    with pytest.raises(SnapshotError, match="4 bytes are no state of 'places'"):
        seen.restore(b"null")
