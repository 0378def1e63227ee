"""What a record of an input topic may be: its size, and where its window may lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.windows.hopping import nearest_start

__all__ = ["YEAR_2000_MS", "Limits"]

YEAR_2000_MS = 946_684_800_000
"""Milliseconds since the epoch. What is older is of a wrong clock or in another unit: seconds taken for
nanoseconds are in 1970."""

_LAST_END_MS = 253_402_300_799_999
"""The end of the year 9999: what lies beyond is no time, whatever the record's timestamp says."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of input records.

    Parameters
    ----------
    size_ms, hop_ms : int
        Length and distance of windows, milliseconds.
    max_ahead_ms : int
        How far ahead of its record's timestamp a window may start, milliseconds.
    max_record_bytes : int
        Key and value together.
    """

    size_ms: int
    hop_ms: int
    max_ahead_ms: int
    max_record_bytes: int

    def key_and_value(self, record: InputRecord) -> tuple[bytes, bytes]:
        """Return both parts of a record.

        Raises
        ------
        RefusedRecord
            `Reason.NULL_KEY`, `Reason.NULL_VALUE` or `Reason.TOO_LARGE`.
        """
        key, value = record.key, record.value
        if key is None:
            raise RefusedRecord(Reason.NULL_KEY, "the record has no key, expected a windowed FeatureKey")
        if value is None or len(key) + len(value) > self.max_record_bytes:
            value = self.value(record)  # says why not
        return key, value

    def value(self, record: InputRecord) -> bytes:
        """Return the value of a record whose key does not matter.

        Raises
        ------
        RefusedRecord
            `Reason.NULL_VALUE` or `Reason.TOO_LARGE`.
        """
        if record.value is None:
            raise RefusedRecord(Reason.NULL_VALUE, "the record has no value")
        length = len(record.key or b"") + len(record.value)
        if length > self.max_record_bytes:
            raise RefusedRecord(
                Reason.TOO_LARGE,
                f"key and value have {length} bytes, MAX_RECORD_BYTES is {self.max_record_bytes}",
            )
        return record.value

    def _last_ms(self, timestamp_ms: int) -> int:
        """Return the last time that is not too far ahead of a record's timestamp."""
        last_ms = _LAST_END_MS - self.size_ms
        return min(last_ms, timestamp_ms + self.max_ahead_ms) if timestamp_ms > 0 else last_ms

    def check_time(self, at_ms: int, timestamp_ms: int) -> None:
        """Refuse a time before the epoch, after the year 9999, or too far ahead.

        Parameters
        ----------
        at_ms : int
            What a reading or span says, milliseconds since the epoch.
        timestamp_ms : int
            Kafka's timestamp of the record; 0 or less says nothing.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_TIME`.
        """
        last_ms = self._last_ms(timestamp_ms)
        if at_ms < 0:
            raise RefusedRecord(Reason.BAD_TIME, f"time is {at_ms} ms, before the epoch")
        if at_ms > last_ms:
            raise RefusedRecord(
                Reason.BAD_TIME,
                f"time is {at_ms} ms, expected at most {last_ms} ms: MAX_AHEAD_S, {self.max_ahead_ms} ms, "
                "after the record's timestamp",
            )

    def nearest_start(self, start_ms: int, timestamp_ms: int) -> int:
        """Return the start of the window that is meant: a quarter of a hop off the grid is on it.

        Parameters
        ----------
        start_ms, timestamp_ms : int
            See `check_start`.

        Returns
        -------
        int
            The nearest start of a window, milliseconds since the epoch.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_WINDOW` if none is near enough, or what `check_start` gives.

        Notes
        -----
        The JVM job that labels has the same tolerance between the timestamps of records (docs/topics.md).
        """
        if start_ms >= 0:
            nearest_ms = nearest_start(start_ms, self.hop_ms)
            if nearest_ms is None:
                raise RefusedRecord(
                    Reason.BAD_WINDOW,
                    f"window starts at {start_ms} ms, expected at most a quarter of WINDOW_HOP_S, "
                    f"{self.hop_ms} ms, off a multiple of it",
                )
            start_ms = nearest_ms
        self.check_start(start_ms, timestamp_ms)
        return start_ms

    def are_starts(self, starts_ms: NDArray[np.int64], timestamps_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of many windows whether `check_start` lets them pass."""
        last_ms = _LAST_END_MS - self.size_ms
        ahead_ms = np.minimum(timestamps_ms, last_ms) + self.max_ahead_ms
        last_of_each_ms = np.where(timestamps_ms > 0, np.minimum(ahead_ms, last_ms), last_ms)
        are_good: NDArray[np.bool_] = (starts_ms >= 0) & (starts_ms % self.hop_ms == 0)
        are_good &= starts_ms <= last_of_each_ms
        return are_good

    def check_start(self, start_ms: int, timestamp_ms: int) -> None:
        """Refuse a window that is off the grid, before the epoch, or too far ahead.

        Parameters
        ----------
        start_ms : int
            Start of the window, milliseconds since the epoch.
        timestamp_ms : int
            Kafka's timestamp of the record; 0 or less says nothing.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_WINDOW`.
        """
        if start_ms < 0:
            raise RefusedRecord(Reason.BAD_WINDOW, f"window starts at {start_ms} ms, before the epoch")
        if start_ms % self.hop_ms != 0:
            raise RefusedRecord(
                Reason.BAD_WINDOW,
                f"window starts at {start_ms} ms, expected a multiple of WINDOW_HOP_S, {self.hop_ms} ms",
            )
        last_ms = self._last_ms(timestamp_ms)
        if start_ms > last_ms:
            raise RefusedRecord(
                Reason.BAD_WINDOW,
                f"window starts at {start_ms} ms, expected at most {last_ms} ms: MAX_AHEAD_S, "
                f"{self.max_ahead_ms} ms, after the record's timestamp",
            )
