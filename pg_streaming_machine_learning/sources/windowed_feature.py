"""Records with a windowed `FeatureKey` and eleven statistics: what the windowed sources share."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import METRIC_NUMBERS, METRICS, NO_LABEL
from pg_streaming_machine_learning.sources.host_name import LONGEST_HOST
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.update_rows import HostNumbers, UpdateRows
from pg_streaming_machine_learning.wire.codec import AvroDecoder, WriterSchemas
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.windowed_key import WINDOW_BYTES, split_windowed_key

__all__ = ["WindowedFeatures", "written_at_s"]

_MOST_KEYS = 100_000
"""Decoded keys remembered at most: those of 10,000 hosts with ten metrics each."""


_STATISTICS = len(STATISTICS)

_NO_KEY = bytes(WINDOW_BYTES)
"""The window of a key that has none: nothing is known of what is before it."""


class WindowedFeatures:
    """Makes an update of each record with a windowed `FeatureKey` and eleven statistics, maybe a label.

    What the sources of such records have in common (`RowSource`).

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

    def many(
        self,
        offsets: list[int],
        timestamps_ms: list[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> UpdateRows:
        """Return the updates of many records (`RowSource.many`)."""
        bodies = [value or b"" for value in values]
        read = self._values.rows(bodies)
        if read is None:
            return UpdateRows(offsets, self._keys.hosts)
        fields, is_known = read
        windowed = [key or b"" for key in keys]
        codes, starts_ms = self._keys.many(windowed)
        lengths = np.fromiter(map(len, bodies), np.int64) + np.fromiter(map(len, windowed), np.int64)
        found = UpdateRows(offsets, self._keys.hosts)
        rows = found.rows
        rows["window_start_ms"] = starts_ms
        rows["host"], rows["metric"] = codes >> _METRIC_BITS, codes & _METRIC_MASK
        rows["label"] = fields.get("label", NO_LABEL)
        for number, name in enumerate(STATISTICS):
            rows["statistics"][:, number] = fields[name]
        is_known &= (codes >= 0) & (lengths <= self._limits.max_record_bytes)
        is_known &= self._limits.are_starts(starts_ms, np.array(timestamps_ms, np.int64))
        is_known &= ~np.isinf(rows["statistics"]).any(axis=1)
        if "label" in fields:
            is_known &= (fields["label"] == 0) | (fields["label"] == 1)
        found.is_known[:] = is_known
        return found

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the update of a record (`Source.parts`)."""
        key, value = self._limits.key_and_value(record)
        about = await self._keys.decode(key, record)
        yield _update(record, about, await self._values.fields(value, written_at_s(record)))


_METRIC_BITS = 24
_METRIC_MASK = (1 << _METRIC_BITS) - 1

_About = tuple[str, Metric, int]
"""Host, metric, and the start of the window, milliseconds since the epoch."""


class _WindowedKeys:
    """Decodes windowed keys; remembers those it has seen, since a stream has few."""

    def __init__(self, registry: WriterSchemas, limits: Limits, is_tolerant: bool) -> None:
        self._decoder = AvroDecoder(FeatureKey, registry)
        self._limits = limits
        self._is_tolerant = is_tolerant
        self._known: dict[bytes, int] = {}  # number of the host, then that of the metric
        self.hosts = HostNumbers()

    def at_once(self, key: bytes, record: InputRecord) -> _About | None:
        """Return what a key says, None if it is a new one.

        Raises
        ------
        RefusedRecord
            See `decode`.
        """
        inner, start_ms = split_windowed_key(key)
        known = self._known.get(inner)
        return None if known is None else (*self._about(known), self._checked(start_ms, record))

    def many(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what many keys say.

        Returns
        -------
        array of int, shape (n,)
            For each key the number of its host (`hosts`) above `_METRIC_BITS`, that of its metric below
            (`records.window_updates.METRICS`); -1 if it is not known and has to be decoded by itself.
        array of int, shape (n,)
            The starts of the windows, milliseconds since the epoch, not looked at.
        """
        whole = [key if len(key) > WINDOW_BYTES else _NO_KEY for key in keys]
        inner = [key[:-WINDOW_BYTES] for key in whole]
        starts_ms = np.frombuffer(b"".join([key[-WINDOW_BYTES:] for key in whole]), ">i8")
        codes = self._codes(inner)
        if (codes < 0).any():
            for each in dict.fromkeys(inner):
                if each not in self._known:
                    self._learn(each)
            codes = self._codes(inner)
        return codes, starts_ms.astype(np.int64)

    def _codes(self, inner: Sequence[bytes]) -> NDArray[np.int64]:
        return np.fromiter(map(self._known.get, inner, repeat(-1)), np.int64, len(inner))

    def _learn(self, inner: bytes) -> None:
        """Note what a key says, if it is good, and can be told at once."""
        try:
            fields = self._decoder.at_once(inner)
            if fields is not None:
                self._note(inner, FeatureKey(*fields))
        except RefusedRecord:
            pass  # its record is refused when it is decoded by itself

    def _about(self, known: int) -> tuple[str, Metric]:
        return self.hosts.names[known >> _METRIC_BITS], METRICS[known & _METRIC_MASK]

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
        return *self._about(known), self._checked(start_ms, record)

    def _checked(self, start_ms: int, record: InputRecord) -> int:
        """Return the start of the window that is meant, if that is within the limits."""
        if self._is_tolerant:
            return self._limits.nearest_start(start_ms, record.timestamp_ms)
        self._limits.check_start(start_ms, record.timestamp_ms)
        return start_ms

    async def _decode_inner(self, inner: bytes, record: InputRecord) -> int:
        try:
            key = await self._decoder.decode(inner, written_at_s(record))
        except RefusedRecord as refused:
            reason = Reason.BAD_KEY if refused.reason is Reason.BAD_AVRO else refused.reason
            raise RefusedRecord(reason, f"key: {refused.detail}") from refused
        return self._note(inner, key)

    def _note(self, inner: bytes, key: FeatureKey) -> int:
        """Remember what a key says, and return it."""
        if not 1 <= len(key.hostname) <= LONGEST_HOST:
            raise RefusedRecord(
                Reason.BAD_HOST,
                f"hostname has {len(key.hostname)} characters, expected 1 to {LONGEST_HOST}",
            )
        if len(self._known) >= _MOST_KEYS:
            self._known, self.hosts = {}, HostNumbers()
        metric = METRIC_NUMBERS[key.about()]
        known = self._known[inner] = self.hosts.number(key.hostname) << _METRIC_BITS | metric
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
