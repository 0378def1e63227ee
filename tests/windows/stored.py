"""What the tests of stored state share: damaged bytes are refused, or read as something."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError

Damage = list[tuple[int, int]]

DAMAGES: st.SearchStrategy[Damage] = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4
)
"""Places and bytes to put there."""


def damaged(data: bytes, damage: Damage, length: int | None) -> bytes:
    """Return bytes with some of them changed, and cut off at a length."""
    changed = bytearray(data)
    for place, byte in damage:
        changed[place % len(changed)] = byte
    return bytes(changed[:length])


def assert_refused_or_stored_again(
    restore: Callable[[bytes], None], snapshot: Callable[[], bytes], data: bytes
) -> None:
    """See that bytes are refused by `SnapshotError`, or were taken on so that they can be stored again."""
    try:
        restore(data)
    except SnapshotError:
        return
    restore(snapshot())
