from __future__ import annotations

import pytest

from pg_streaming_machine_learning.testbed.messages import checksum, digest

MESSAGE = ("one", b"key", 1_000, digest(b"value"))


def test_the_checksum_is_the_same_for_the_same_messages() -> None:
    """And is that of no message if there is none."""
    assert checksum([MESSAGE]) == checksum([MESSAGE])
    assert checksum([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "other",
    [
        ("two", b"key", 1_000, digest(b"value")),
        ("one", None, 1_000, digest(b"value")),
        ("one", b"kez", 1_000, digest(b"value")),
        ("one", b"key", 1_001, digest(b"value")),
        ("one", b"key", 1_000, digest(b"value ")),
    ],
)
def test_whatever_differs_changes_the_checksum(other: tuple[str, bytes | None, int, bytes]) -> None:
    """Topic, key, time, value, and the order."""
    assert checksum([MESSAGE]) != checksum([other])
    assert checksum([MESSAGE, other]) != checksum([other, MESSAGE])
