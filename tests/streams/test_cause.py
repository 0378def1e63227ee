"""Readers of an output find the record of the log that caused it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.streams.cause import LogPlace, cause_headers

NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS, NUMBERS)
def test_headers_have_offset_and_index_as_decimal_text(offset: int, index: int) -> None:
    """Both names are documented; zero is a value."""
    assert cause_headers(LogPlace(offset, index)) == (
        ("log-offset", str(offset).encode()),
        ("log-index", str(index).encode()),
    )


def test_causes_are_ordered_as_the_outputs_are() -> None:
    """By offset, then by the number among the outputs of that record."""
    places = [LogPlace(2, 0), LogPlace(2, 1), LogPlace(2, 10), LogPlace(10, 0)]
    mixed = random.Random(1).sample(places, len(places))
    assert sorted(mixed) == places
