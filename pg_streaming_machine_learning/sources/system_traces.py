"""Source ``system-traces``: one reading in each record, from the collection."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMetric
from pg_streaming_machine_learning.records.update import Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.host_name import check_host
from pg_streaming_machine_learning.sources.json_array import shown
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part
from pg_streaming_machine_learning.sources.windowed_feature import written_at_s
from pg_streaming_machine_learning.wire.codec import AvroDecoder, WriterSchemas
from pg_streaming_machine_learning.wire.system_trace import SystemTrace

__all__ = ["SystemTracesSource"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class SystemTracesSource:
    """Makes a gauge's reading of each record; the key says nothing."""

    name = "system-traces"

    def __init__(self, registry: WriterSchemas, limits: Limits) -> None:
        self._limits = limits
        self._values = AvroDecoder(SystemTrace, registry)

    def at_once(self, record: InputRecord) -> ReadingsUpdate | None:
        """Return the reading of a record (`PromptSource.at_once`)."""
        fields = self._values.at_once(self._limits.value(record))
        return None if fields is None else self._update(record, SystemTrace(*fields))

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the reading of a record (`Source.parts`)."""
        trace = await self._values.decode(self._limits.value(record), written_at_s(record))
        yield self._update(record, trace)

    def _update(self, record: InputRecord, trace: SystemTrace) -> ReadingsUpdate:
        if trace.metric is TraceMetric.UNKNOWN:
            raise RefusedRecord(Reason.BAD_VALUE, "metric is UNKNOWN, expected one that is known")
        host = check_host(trace.hostname)
        self._limits.check_time(trace.timestamp, record.timestamp_ms)
        reading = Reading(trace.about(), trace.timestamp, _number(trace.value))
        return ReadingsUpdate(SourcePlace(record.topic, record.partition, record.offset), host, (reading,))


def _number(text: str) -> float:
    """Return the finite number a text is."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise RefusedRecord(
            Reason.BAD_VALUE, f"value is {shown(text)}, expected a finite number as text, such as '12.5'"
        )
    return number
