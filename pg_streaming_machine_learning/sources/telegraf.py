"""Source ``telegraf``: the messages of Telegraf's Kafka output, in Influx line protocol.

References
----------
Telegraf 1.37, plug-ins ``outputs.kafka``, ``inputs.cpu``, ``inputs.mem``, ``inputs.diskio``, ``inputs.net``.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, SettingsError
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.host_name import check_host
from pg_streaming_machine_learning.sources.host_runs import HostRuns
from pg_streaming_machine_learning.sources.json_array import shown
from pg_streaming_machine_learning.sources.limits import YEAR_2000_MS, Limits
from pg_streaming_machine_learning.sources.line_protocol import BadLine, Line, parse_lines
from pg_streaming_machine_learning.sources.refusals import Refusals
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.telegraf_mapping import MappedField, TelegrafMapping

__all__ = ["PRECISIONS", "TelegrafSource"]

PRECISIONS = {"ns": (1, 1_000_000), "us": (1, 1_000), "ms": (1, 1), "s": (1_000, 1)}
"""Of a line's timestamp: what makes milliseconds of it, a factor and a divisor."""

_MOST_BYTES = 16_384
"""Parsed in one go: a millisecond, or four if every line has escapes."""

_BYTES_OF_ANY_LINE = 150
"""A line takes as long as so many bytes more."""

_HOST = "host"


class TelegrafSource:
    """Makes readings of the mapped fields of lines; other lines and fields are passed over.

    Parameters
    ----------
    limits : Limits
        Of records and their times.
    mapping : TelegrafMapping
        Which fields become readings.
    precision : str
        Unit of the lines' timestamps: ns, us, ms or s.

    Raises
    ------
    SettingsError
        If the precision is none of these.
    """

    name = "telegraf"

    def __init__(self, limits: Limits, mapping: TelegrafMapping, precision: str = "ns") -> None:
        if precision not in PRECISIONS:
            raise SettingsError(f"TELEGRAF_PRECISION is {precision!r}, expected {', '.join(PRECISIONS)}")
        self._limits = limits
        self._mapping = mapping
        self._precision = precision
        self._factor, self._divisor = PRECISIONS[precision]

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the readings of a record and its refused lines (`Source.parts`)."""
        value = self._limits.value(record)
        message = _Message(record)
        unseen = 0
        for line in parse_lines(value):
            unseen += _MOST_BYTES if line is None else _BYTES_OF_ANY_LINE + len(line.value)
            for part in () if line is None else self._parts_of(line, message):
                unseen = 0
                yield part
            if unseen >= _MOST_BYTES:
                unseen = 0
                yield None
        for part in message.end():
            yield part

    def _parts_of(self, line: Line | BadLine, message: _Message) -> Iterator[Part]:
        """Yield the parts that are whole with this line."""
        try:
            if isinstance(line, BadLine):
                raise RefusedRecord(Reason.BAD_LINE, line.why)
            fields = [
                mapped for mapped in self._mapping.fields_of(line.measurement) if self._reads(mapped, line)
            ]
            if fields:
                host = _host(line)
                at_ms = self._at_ms(line, message.record)
                readings = [_reading(mapped, line, at_ms) for mapped in fields]
                yield from message.add(host, readings)
        except RefusedRecord as refused:
            yield from message.refuse(line, refused)

    def _reads(self, mapped: MappedField, line: Line) -> bool:
        """Tell whether a field of the table is one of this line."""
        if mapped.field not in line.fields:
            return False
        for tag, wanted in mapped.tags:
            if line.tags.get(tag) != wanted:
                return False
        if not mapped.device:
            return True
        device = line.tags.get(mapped.device)
        if device is None:
            raise RefusedRecord(
                Reason.BAD_LINE,
                f"it has no tag {mapped.device!r}, in TELEGRAF_MAPPING the device of "
                f"{line.measurement}.{mapped.field}",
            )
        return not self._mapping.leaves_out(device)

    def _at_ms(self, line: Line, record: InputRecord) -> int:
        """Return when a line was read, milliseconds since the epoch: its own time, else its record's."""
        if line.timestamp is not None:
            at_ms = line.timestamp * self._factor // self._divisor
            if at_ms < YEAR_2000_MS:
                raise RefusedRecord(
                    Reason.BAD_TIME,
                    f"timestamp is {line.timestamp}, before the year 2000; expected {self._precision} since "
                    "the epoch (TELEGRAF_PRECISION)",
                )
        elif record.timestamp_ms > 0:
            at_ms = record.timestamp_ms
        else:
            raise RefusedRecord(Reason.BAD_LINE, "it has no timestamp, and neither has its record")
        self._limits.check_time(at_ms, record.timestamp_ms)
        return at_ms


class _Message:
    """What is gathered of one record."""

    def __init__(self, record: InputRecord) -> None:
        self.record = record
        self._updates = 0
        self._runs: HostRuns[Reading] = HostRuns()
        self._refusals = Refusals("lines", b"\n".join)

    def add(self, host: str, readings: list[Reading]) -> Iterator[Part]:
        """Take readings; yield the updates that are whole."""
        for reading in readings:
            run = self._runs.add(host, reading)
            if run is not None:
                yield self._update(run)

    def refuse(self, line: Line | BadLine, refused: RefusedRecord) -> Iterator[Part]:
        """Take a bad line; yield it, unless there are too many."""
        named = RefusedRecord(refused.reason, f"line {line.number}: {refused.detail}")
        part = self._refusals.add(named, line.value)
        if part is not None:
            yield part

    def end(self) -> Iterator[Part]:
        """Yield what is left."""
        run = self._runs.end()
        if run is not None:
            yield self._update(run)
        rest = self._refusals.rest()
        if rest is not None:
            yield rest

    def _update(self, run: tuple[str, tuple[Reading, ...]]) -> ReadingsUpdate:
        record = self.record
        place = SourcePlace(record.topic, record.partition, record.offset, self._updates)
        self._updates += 1
        return ReadingsUpdate(place, *run)


def _host(line: Line) -> str:
    if _HOST not in line.tags:
        raise RefusedRecord(Reason.BAD_LINE, f"it has no tag {_HOST!r}")
    return check_host(line.tags[_HOST])


def _reading(mapped: MappedField, line: Line, at_ms: int) -> Reading:
    value = line.fields[mapped.field]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    number = number * mapped.factor + mapped.offset
    if not math.isfinite(number):
        raise RefusedRecord(
            Reason.BAD_VALUE,
            f"field {mapped.field!r} is {shown(value)}, expected a finite number for {mapped.metric}",
        )
    counter = mapped.counter
    if counter and mapped.device:
        counter = f"{counter}/{line.tags[mapped.device]}"
    return Reading(mapped.metric, at_ms, number, counter)
