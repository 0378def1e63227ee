"""What is said when Kafka does not have the records any more that come next."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.streams.trimmed import TrimmedError


def test_a_hole_says_how_much_is_lost_and_how_to_go_on() -> None:
    """Which records of which partition, the setting, and how not to get there again."""
    error = TrimmedError.hole(("input", 2), 5, 12)
    assert str(error).startswith(
        "7 records of input[2] from offset 5 to 12 were deleted before they were read;"
    )
    for word in ("ALLOW_HOLES", "for one start", "retention.ms"):
        assert word in str(error)


def test_a_topic_made_anew_says_what_to_make_anew() -> None:
    """Offsets mean other records now."""
    error = TrimmedError.replaced(("input", 2), 100, 3)
    assert str(error).startswith(
        "input[2] ends at offset 3 and was read to 100 before: the topic was made anew."
    )
    assert "APPLICATION_ID" in str(error)


@pytest.mark.parametrize(
    ("offsets", "named"),
    [
        ({("input", 2): 0}, "offset input[2]@0 is"),
        ({("input", 0): 4, ("log", 1): 7}, "offset input[0]@4, log[1]@7 is"),
        ({}, "offset to read on at is"),
    ],
)
def test_an_offset_out_of_range_is_named(offsets: dict[tuple[str, int], int], named: str) -> None:
    """As far as aiokafka tells it."""
    assert str(TrimmedError.out_of_range(offsets)).startswith(f"{named} out of range: ")


@pytest.mark.parametrize(
    "error",
    [
        TrimmedError.hole(("input", 2), 0, 1),
        TrimmedError.replaced(("input", 2), 1, 0),
        TrimmedError.out_of_range({}),
    ],
    ids=["hole", "replaced", "out of range"],
)
def test_each_is_one_line_and_exit_code_4(error: TrimmedError) -> None:
    """Starting again does not help; somebody has to decide."""
    assert "\n" not in str(error)
    assert error.exit_code == 4
