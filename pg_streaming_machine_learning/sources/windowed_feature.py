"""Records with a windowed `FeatureKey` and eleven statistics: what the windowed sources share."""

from __future__ import annotations

import math
from typing import Any

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources.host_name import LONGEST_HOST
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.wire.codec import AvroDecoder, WriterSchemas
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.windowed_key import split_windowed_key

__all__ = ["WindowedFeatures", "written_at_s"]

_MOST_KEYS = 100_000
"""Decoded keys remembered at most: those of 10,000 hosts with ten metrics each."""


_STATISTICS = len(STATISTICS)


class WindowedFeatures:
    """Decodes records with a windowed `FeatureKey` and eleven statistics, with or without a label.

    Parameters
    ----------
    model : type of Feature or LabeledFeature
        What their values are.
    registry : WriterSchemas
        Where the writers' schemas are.
    limits : Limits
        What records may be.
    is_tolerant : bool
        Whether a window a quarter of a hop off the grid is moved to it, instead of refused.
    """

    def __init__(
        self,
        model: type[Feature] | type[LabeledFeature],
        registry: WriterSchemas,
        limits: Limits,
        *,
        is_tolerant: bool = False,
    ) -> None:
        self._limits = limits
        self._keys = _WindowedKeys(registry, limits, is_tolerant)
        self._values: AvroDecoder[Any] = AvroDecoder(model, registry)

    def at_once(self, record: InputRecord) -> WindowUpdate | None:
        """Return the update of a record, None if a schema has to be asked for (`PromptSource.at_once`)."""
        key, value = self._limits.key_and_value(record)
        about = self._keys.at_once(key, record)
        if about is None:
            return None
        fields = self._values.at_once(value)
        return None if fields is None else _update(record, about, fields)

    async def decode(self, record: InputRecord) -> WindowUpdate:
        """Return the update of a record.

        Raises
        ------
        RefusedRecord, RegistryUnavailable
            See `Source.parts`.
        """
        key, value = self._limits.key_and_value(record)
        about = await self._keys.decode(key, record)
        return _update(record, about, await self._values.fields(value, written_at_s(record)))


_About = tuple[str, Metric, int]
"""Host, metric, and the start of the window, milliseconds since the epoch."""


class _WindowedKeys:
    """Decodes windowed keys; remembers those it has seen, since a stream has few."""

    def __init__(self, registry: WriterSchemas, limits: Limits, is_tolerant: bool) -> None:
        self._decoder = AvroDecoder(FeatureKey, registry)
        self._limits = limits
        self._is_tolerant = is_tolerant
        self._known: dict[bytes, tuple[str, Metric]] = {}

    def at_once(self, key: bytes, record: InputRecord) -> _About | None:
        """Return what a key says, None if it is a new one.

        Raises
        ------
        RefusedRecord
            See `decode`.
        """
        inner, start_ms = split_windowed_key(key)
        known = self._known.get(inner)
        return None if known is None else (*known, self._checked(start_ms, record))

    async def decode(self, key: bytes, record: InputRecord) -> _About:
        """Return what a key says.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_KEY` for anything but a windowed key: cut, of a changelog, of a session window;
            `Reason.BAD_WINDOW`, `Reason.BAD_HOST`, or what `AvroDecoder.decode` gives.
        RegistryUnavailable
            If the schema cannot be had yet.
        """
        inner, start_ms = split_windowed_key(key)
        known = self._known.get(inner)
        if known is None:
            known = await self._decode_inner(inner, record)
        return *known, self._checked(start_ms, record)

    def _checked(self, start_ms: int, record: InputRecord) -> int:
        """Return the start of the window that is meant, if that is within the limits."""
        if self._is_tolerant:
            return self._limits.nearest_start(start_ms, record.timestamp_ms)
        self._limits.check_start(start_ms, record.timestamp_ms)
        return start_ms

    async def _decode_inner(self, inner: bytes, record: InputRecord) -> tuple[str, Metric]:
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
        known = self._known[inner] = key.hostname, key.about()
        return known


def _update(record: InputRecord, about: _About, fields: tuple[Any, ...]) -> WindowUpdate:
    """Return the one update of a record, with its place, of the fields of its value."""
    host, metric, start_ms = about
    statistics, label = fields, None
    if len(fields) > _STATISTICS:
        statistics, label = fields[:_STATISTICS], fields[_STATISTICS]
        if label not in (0, 1):
            raise RefusedRecord(Reason.BAD_LABEL, f"label is {label}, expected 0 or 1")
    if math.inf in statistics or -math.inf in statistics:
        raise _not_finite(statistics)
    place = SourcePlace(record.topic, record.partition, record.offset)
    return WindowUpdate(place, host, metric, start_ms, statistics, label)


def _not_finite(statistics: tuple[float, ...]) -> RefusedRecord:
    """Return why statistics are refused of which one is infinite; NaN stands for a missing one."""
    name, value = next(each for each in zip(STATISTICS, statistics, strict=True) if math.isinf(each[1]))
    return RefusedRecord(Reason.NOT_FINITE, f"{name} is {value}, expected a finite number or NaN")


def written_at_s(record: InputRecord) -> float | None:
    """Return when a record was written, seconds since the epoch, None if that is not known."""
    return record.timestamp_ms / 1000 if record.timestamp_ms > 0 else None
