"""What may be the name of a host."""

from __future__ import annotations

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.sources.json_array import has_utf8, shown

__all__ = ["LONGEST_HOST", "check_host"]

LONGEST_HOST = 1024
"""Characters."""


def check_host(found: object) -> str:
    """Return what was found if it can be the name of a host.

    Raises
    ------
    RefusedRecord
        `Reason.BAD_HOST` for anything but 1 to 1024 characters that have a form in UTF-8.

    Examples
    --------
    >>> check_host("web-1")
    'web-1'
    """
    if not isinstance(found, str):
        raise RefusedRecord(Reason.BAD_HOST, f"host is {shown(found)}, expected text")
    if not 1 <= len(found) <= LONGEST_HOST:
        raise RefusedRecord(
            Reason.BAD_HOST, f"host has {len(found)} characters, expected 1 to {LONGEST_HOST}"
        )
    if not has_utf8(found):
        raise RefusedRecord(Reason.BAD_HOST, f"host is {shown(found)}, which has no form in UTF-8")
    return found
