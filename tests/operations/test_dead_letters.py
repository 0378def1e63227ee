"""Dead letters are chosen by what they are, and say where they came from."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.errors import DeadLetterError
from pg_streaming_machine_learning.operations.dead_letters import DeadLetter, OffsetRange, Selection
from pg_streaming_machine_learning.records.input import InputRecord


def letter(
    reason: str = "bad-label",
    topic: str = "in",
    place: tuple[int, int] = (0, 3),
    more: dict[str, str] | None = None,
) -> DeadLetter:
    """Return a dead letter that lies at a place of the dead-letter topic."""
    texts = {"reason": reason, "detail": "d", "topic": topic, "partition": "2", "offset": "7", **(more or {})}
    headers = tuple((name, text.encode()) for name, text in texts.items())
    return DeadLetter.from_record(InputRecord("dead", *place, 5, b"k", b"v", headers))


def test_a_dead_letter_says_where_it_came_from() -> None:
    """All of it is in the headers."""
    found = letter(more={"timestamp": "1600000000000"})
    assert (found.reason, found.detail, found.origin) == ("bad-label", "d", "in[2]@7")
    assert (found.topic, found.partition, found.offset, found.timestamp_ms) == ("in", 2, 7, 1_600_000_000_000)
    assert found.replays == 0
    assert letter(more={"dead-letter-replays": "2"}).replays == 2


def test_a_record_without_headers_is_a_dead_letter_of_unknown_origin() -> None:
    """Somebody else wrote into the topic."""
    found = DeadLetter.from_record(InputRecord("dead", 0, 0, 5, None, None, (("partition", b"two"),)))
    assert (found.reason, found.topic, found.partition, found.origin) == ("", "", None, "unknown")


@pytest.mark.parametrize(
    ("text", "partition", "first", "last"),
    [("17", None, 17, 17), ("17-25", None, 17, 25), (" 3:0-0 ", 3, 0, 0), ("0:4", 0, 4, 4)],
)
def test_ranges_of_offsets(text: str, partition: int | None, first: int, last: int) -> None:
    """Both ends belong to it."""
    assert OffsetRange.parse(text) == OffsetRange(partition, first, last)


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1:2:3", "5-4", "1.5"])
def test_ranges_that_are_none(text: str) -> None:
    """The text is named."""
    with pytest.raises(DeadLetterError, match="offsets"):
        OffsetRange.parse(text)


def test_a_selection_needs_one_of_each_kind() -> None:
    """Conditions of one kind are alternatives; kinds are joined by and."""
    chosen = Selection(
        frozenset({"bad-label", "bad-key"}),
        frozenset({"in"}),
        (OffsetRange(0, 1, 3), OffsetRange(None, 9, 9)),
    )
    assert chosen.holds(letter())
    assert chosen.holds(letter(reason="bad-key", place=(4, 9)))
    assert not chosen.holds(letter(reason="null-key"))
    assert not chosen.holds(letter(topic="other"))
    assert not chosen.holds(letter(place=(1, 3)))
    assert not chosen.holds(letter(place=(0, 4)))
    assert not chosen.is_everything


def test_an_empty_selection_is_everything() -> None:
    """No condition: all of them."""
    assert Selection().is_everything
    assert Selection().holds(letter())
