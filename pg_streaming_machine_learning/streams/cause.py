"""What caused an output, as its headers say it."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.streams.transactions import Header

__all__ = ["LogPlace", "cause_headers"]

OFFSET_HEADER = "log-offset"
INDEX_HEADER = "log-index"


@dataclass(frozen=True, order=True, slots=True)
class LogPlace:
    """What caused an output: a record of the log, and which of its outputs it is.

    Parameters
    ----------
    offset : int
        Offset of the record in its partition of the log.
    index : int
        Number of the output among those the record caused, 0 for the first.
    """

    offset: int
    index: int


def cause_headers(cause: LogPlace) -> tuple[Header, ...]:
    """Return the headers that name the cause of an output.

    Examples
    --------
    >>> cause_headers(LogPlace(12, 0))
    (('log-offset', b'12'), ('log-index', b'0'))
    """
    return ((OFFSET_HEADER, b"%d" % cause.offset), (INDEX_HEADER, b"%d" % cause.index))
