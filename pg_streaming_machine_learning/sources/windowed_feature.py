"""Records with a windowed `FeatureKey` and eleven statistics: what the windowed sources share."""

from __future__ import annotations

import math

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources.host_name import LONGEST_HOST
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.wire.codec import AvroDecoder, WriterSchemas
from pg_streaming_machine_learning.wire.feature import FeatureKey
from pg_streaming_machine_learning.wire.windowed_key import split_windowed_key

__all__ = ["WindowedKeys", "finite", "update_of", "written_at_s"]

_MOST_KEYS = 10_000
"""Decoded keys remembered at most."""


class WindowedKeys:
    """Decodes windowed keys; remembers those it has seen, since a stream has few.

    Parameters
    ----------
    registry : WriterSchemas
        Where the writers' schemas are.
    limits : Limits
        Where windows may lie.
    is_tolerant : bool
        Whether a window a quarter of a hop off the grid is moved to it, instead of refused.
    """

    def __init__(self, registry: WriterSchemas, limits: Limits, *, is_tolerant: bool = False) -> None:
        self._decoder = AvroDecoder(FeatureKey, registry)
        self._limits = limits
        self._is_tolerant = is_tolerant
        self._known: dict[bytes, FeatureKey] = {}

    async def decode(self, key: bytes, record: InputRecord) -> tuple[FeatureKey, int]:
        """Return the key, and the start of its window, milliseconds since the epoch.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_KEY` for anything but a windowed key: cut, of a changelog, of a session window;
            `Reason.BAD_WINDOW`, `Reason.BAD_HOST`, or what `AvroDecoder.decode` gives.
        RegistryUnavailable
            If the schema cannot be had yet.
        """
        inner, start_ms = split_windowed_key(key)
        feature_key = self._known.get(inner)
        if feature_key is None:
            feature_key = await self._decode_inner(inner, record)
        if self._is_tolerant:
            return feature_key, self._limits.nearest_start(start_ms, record.timestamp_ms)
        self._limits.check_start(start_ms, record.timestamp_ms)
        return feature_key, start_ms

    async def _decode_inner(self, inner: bytes, record: InputRecord) -> FeatureKey:
        try:
            key = await self._decoder.decode(inner, written_at_s(record))
        except RefusedRecord as refused:
            reason = Reason.BAD_KEY if refused.reason is Reason.BAD_AVRO else refused.reason
            raise RefusedRecord(reason, f"key: {refused.detail}") from refused
        if not 1 <= len(key.hostname) <= LONGEST_HOST:
            raise RefusedRecord(
                Reason.BAD_HOST,
                f"hostname has {len(key.hostname)} characters, expected 1 to {LONGEST_HOST}",
            )
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        self._known[inner] = key
        return key


def finite(statistics: tuple[float, ...]) -> tuple[float, ...]:
    """Return the statistics if none is infinite; NaN stands for a missing one.

    Raises
    ------
    RefusedRecord
        `Reason.NOT_FINITE`, with the name of the first that is infinite.
    """
    for name, value in zip(STATISTICS, statistics, strict=True):
        if math.isinf(value):
            raise RefusedRecord(Reason.NOT_FINITE, f"{name} is {value}, expected a finite number or NaN")
    return statistics


def update_of(
    record: InputRecord, key: FeatureKey, start_ms: int, statistics: tuple[float, ...], label: int | None
) -> WindowUpdate:
    """Return the one update of a record, with its place."""
    return WindowUpdate(
        place=SourcePlace(record.topic, record.partition, record.offset),
        host=key.hostname,
        metric=key.about(),
        window_start_ms=start_ms,
        statistics=statistics,
        label=label,
    )


def written_at_s(record: InputRecord) -> float | None:
    """Return when a record was written, seconds since the epoch, None if that is not known."""
    return record.timestamp_ms / 1000 if record.timestamp_ms > 0 else None
