"""Which fields of Telegraf's measurements become readings, of which metric."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.sources.telegraf_built_in import DEVICES_LEFT_OUT

__all__ = ["MappedField", "TelegrafMapping"]

_MOST_DEVICES = 10_000
"""Names of devices remembered at most."""


@dataclass(frozen=True, slots=True)
class MappedField:
    """What becomes of one field of one measurement.

    Parameters
    ----------
    field : str
        Name of the field.
    tags : tuple of (str, str)
        Tags a line must have, with these values.
    metric : Metric
        What it is a reading of.
    counter : str
        Name of the counter without the device; empty for a gauge.
    factor, offset : float
        The reading is the field's value times the factor, plus the offset.
    device : str
        Tag that names the device, empty if the whole host is read.
    """

    field: str
    tags: tuple[tuple[str, str], ...]
    metric: Metric
    counter: str
    factor: float
    offset: float
    device: str


class TelegrafMapping:
    """The table: which fields are read, and which devices are left out.

    Parameters
    ----------
    measurements : mapping of str to tuple of MappedField
        By name of the measurement.
    left_out : str
        Regular expression; devices whose whole name it matches are not read.

    Raises
    ------
    SettingsError
        If the pattern is none.

    Examples
    --------
    >>> from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
    >>> mapping = TelegrafMapping.from_json(BUILT_IN_MAPPING)
    >>> [str(mapped.metric) for mapped in mapping.fields_of("mem")]
    ['MEMORY.UTILIZATION.PERCENT']
    >>> mapping.fields_of("swap")
    ()
    >>> mapping.leaves_out("sda"), mapping.leaves_out("sda1")
    (False, True)
    """

    def __init__(
        self, measurements: Mapping[str, tuple[MappedField, ...]], left_out: str = DEVICES_LEFT_OUT
    ) -> None:
        self._measurements = dict(measurements)
        try:
            self._left_out = re.compile(left_out)
        except re.error as error:
            raise SettingsError(
                f"TELEGRAF_DEVICES_LEFT_OUT is {left_out!r}, expected a regular expression: {error}"
            ) from error
        self._known: dict[str, bool] = {}

    @classmethod
    def from_json(cls, entries: Sequence[Any], left_out: str = DEVICES_LEFT_OUT) -> TelegrafMapping:
        """Return the mapping of a list of JSON objects.

        Parameters
        ----------
        entries : sequence
            Objects with the keys ``measurement``, ``field``, ``metric``, ``measure``, ``unit``, and those of
            ``tags`` ({}: tags a line must have), ``kind`` (``gauge``, or ``counter``), ``factor`` (1),
            ``offset`` (0), ``device`` ("": tag that names the device) that differ from these.
        left_out : str
            See `TelegrafMapping`.

        Raises
        ------
        SettingsError
            With the number of the entry, counted from 1, the key, what was found and what was expected.
        """
        if not isinstance(entries, list | tuple) or not entries:
            raise SettingsError(
                f"TELEGRAF_MAPPING is {_shown(entries)}, expected a list of at least one object"
            )
        read = [_Entry.from_json(number, entry) for number, entry in enumerate(entries, 1)]
        _check_repetitions(read)
        measurements: dict[str, tuple[MappedField, ...]] = {}
        for entry in read:
            mapped = entry.mapped(read)
            measurements[entry.measurement] = (*measurements.get(entry.measurement, ()), mapped)
        return cls(measurements, left_out)

    def fields_of(self, measurement: str) -> tuple[MappedField, ...]:
        """Return what is read of a measurement, in the order of the table."""
        return self._measurements.get(measurement, ())

    def leaves_out(self, device: str) -> bool:
        """Tell whether a device is not read."""
        known = self._known.get(device)
        if known is None:
            if len(self._known) >= _MOST_DEVICES:
                self._known.clear()
            known = self._known[device] = self._left_out.fullmatch(device) is not None
        return known


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object of the table, checked."""

    number: int
    measurement: str
    field: str
    metric: Metric
    tags: tuple[tuple[str, str], ...]
    is_counter: bool
    factor: float
    offset: float
    device: str

    @classmethod
    def from_json(cls, number: int, entry: object) -> _Entry:
        if not isinstance(entry, Mapping):
            raise SettingsError(f"TELEGRAF_MAPPING entry {number} is {_shown(entry)}, expected an object")
        for key in entry:
            if key not in _KEYS:
                raise SettingsError(
                    f"TELEGRAF_MAPPING entry {number} has the key {_shown(key)}, "
                    f"expected some of {', '.join(_KEYS)}"
                )
        read = {key: _read(number, entry, key) for key in _KEYS}
        is_counter = read["kind"] == "counter"
        if is_counter and read["offset"] != 0:
            raise _wrong(number, "offset", read["offset"], "0 for a counter")
        if is_counter and read["factor"] < 0:
            raise _wrong(number, "factor", read["factor"], "more than 0 for a counter")
        return cls(
            number=number,
            measurement=read["measurement"],
            field=read["field"],
            metric=Metric(read["metric"], read["measure"], read["unit"]),
            tags=tuple(sorted(read["tags"].items())),
            is_counter=is_counter,
            factor=read["factor"],
            offset=read["offset"],
            device=read["device"],
        )

    def mapped(self, entries: list[_Entry]) -> MappedField:
        """Return what becomes of the field; counters of one metric must not have the same name."""
        counter = ""
        if self.is_counter:
            fields = {
                other.field
                for other in entries
                if other.is_counter and (other.measurement, other.metric) == (self.measurement, self.metric)
            }
            counter = self.measurement if len(fields) == 1 else f"{self.measurement}.{self.field}"
        return MappedField(self.field, self.tags, self.metric, counter, self.factor, self.offset, self.device)


def _check_repetitions(entries: list[_Entry]) -> None:
    seen: dict[object, int] = {}
    for entry in entries:
        about = (entry.measurement, entry.field, entry.tags, entry.metric)
        if about in seen:
            raise SettingsError(
                f"TELEGRAF_MAPPING entry {entry.number} maps {entry.measurement}.{entry.field} "
                f"to {entry.metric} as entry {seen[about]} does, expected it once"
            )
        seen[about] = entry.number


_Read = Callable[[object], Any]


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _name_or_nothing(value: object) -> str:
    return "" if value == "" else _name(value)


def _one_of(*names: str) -> _Read:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return read


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _factor(value: object) -> float:
    factor = _number(value)
    if factor == 0:
        raise ValueError
    return factor


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {_name(tag): _name(wanted) for tag, wanted in value.items()}


def _symbols(kind: type[TraceMetric] | type[TraceMeasure] | type[TraceUnit]) -> tuple[_Read, str]:
    names = [symbol.value for symbol in kind if symbol.value != "UNKNOWN"]
    return _one_of(*names), f"one of {', '.join(names)}"


_REQUIRED = object()
# Of each key: what it is where it is not written, what reads it, what it is expected to be.
_KEYS: dict[str, tuple[object, _Read, str]] = {
    "measurement": (_REQUIRED, _name, "text"),
    "field": (_REQUIRED, _name, "text"),
    "tags": ({}, _tags, "an object of tags and their values, both text"),
    "metric": (_REQUIRED, *_symbols(TraceMetric)),
    "measure": (_REQUIRED, *_symbols(TraceMeasure)),
    "unit": (_REQUIRED, *_symbols(TraceUnit)),
    "kind": ("gauge", _one_of("gauge", "counter"), "gauge or counter"),
    "factor": (1, _factor, "a finite number other than 0"),
    "offset": (0, _number, "a finite number"),
    "device": ("", _name_or_nothing, "the name of a tag, or nothing"),
}


def _read(number: int, entry: Mapping[Any, Any], key: str) -> Any:
    default, read, expected = _KEYS[key]
    value = entry.get(key, default)
    if value is _REQUIRED:
        raise SettingsError(f"TELEGRAF_MAPPING entry {number} has no {key}, expected {expected}")
    try:
        return read(value)
    except (ValueError, OverflowError):
        raise _wrong(number, key, value, expected) from None


def _wrong(number: int, key: str, value: object, expected: str) -> SettingsError:
    return SettingsError(f"TELEGRAF_MAPPING entry {number}: {key} is {_shown(value)}, expected {expected}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
