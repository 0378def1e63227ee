"""What a service reports each second: its spans, and what it moved."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.testbed.messages import digest
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS

__all__ = ["MOVED", "Report"]

MOVED: tuple[str, ...] = ("read_time", "write_time", "bytes_recv", "bytes_sent")
"""The last of `lines.FIELDS`, which a service counts itself: milliseconds and bytes since it began."""


@dataclass(frozen=True, eq=False)
class Report:
    """A report of a service.

    Parameters
    ----------
    at_ms : int
        When, milliseconds since the epoch.
    spans : ndarray of int64, shape (n_spans, SPAN_COLUMNS)
        The requests answered since the last one.
    texts : tuple of bytes
        The messages of these spans as the Zipkin client library has encoded them; empty if nobody wants them.
    digests : tuple of bytes
        Of each of these messages.
    moved : tuple of int
        The counters, by the names in `MOVED`.
    """

    at_ms: int
    spans: NDArray[np.int64]
    texts: tuple[bytes, ...]
    digests: tuple[bytes, ...]
    moved: tuple[int, ...]

    @classmethod
    def from_line(cls, line: bytes, keeps_texts: bool = False) -> Report:
        """Return the report of a line of JSON.

        Parameters
        ----------
        line : bytes
            What a service said (`service.ShopService.report`).
        keeps_texts : bool
            Whether the messages are wanted, not only their digests.
        """
        fields = json.loads(line)
        texts = tuple(text.encode() for text in fields["texts"])
        return cls(
            at_ms=fields["at_ms"],
            spans=np.array(fields["spans"], dtype=np.int64).reshape(-1, SPAN_COLUMNS),
            texts=texts if keeps_texts else (),
            digests=tuple(map(digest, texts)),
            moved=tuple(fields[name] for name in MOVED),
        )
