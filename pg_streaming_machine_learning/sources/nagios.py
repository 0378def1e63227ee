"""Source ``nagios``: the state of services as Nagios XI gives it, JSON.

A record is an object, or an array of them, with ``host_name``, ``display_name`` (of the service),
``status_update_time`` (UTC, ``YYYY-MM-DD hh:mm:ss``) and ``performance_data``. The name of the service and
the performance data may be HTML-escaped.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Any

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Reading, ReadingsUpdate
from pg_streaming_machine_learning.sources.host_name import check_host
from pg_streaming_machine_learning.sources.json_array import has_utf8, shown
from pg_streaming_machine_learning.sources.json_parts import json_parts
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.nagios_rule import NagiosRule
from pg_streaming_machine_learning.sources.performance_data import (
    PerformanceValue,
    factor_to,
    parse_performance_data,
)
from pg_streaming_machine_learning.sources.source import Part

__all__ = ["NagiosSource"]

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_LONGEST_NAME = 1024
_MOST_SERVICES = 10_000
"""Of which it is remembered which rules they fall under."""

_COUNTER = "c"


class NagiosSource:
    """Makes readings of the performance data of services.

    Parameters
    ----------
    limits : Limits
        Of records and their times.
    services : mapping of str to NagiosRule
        What becomes a reading, by names of the user's choice. Of the rules that fit a value the first counts.

    Attributes
    ----------
    skipped : Counter of str
        How much was passed over, by cause: ``service`` for states of services no rule names, ``empty`` for
        those without performance data, ``label`` for those without a value that a rule names, ``unknown``
        for values the plug-in could not tell.
    """

    name = "nagios"

    def __init__(self, limits: Limits, services: Mapping[str, NagiosRule]) -> None:
        self.skipped: Counter[str] = Counter()
        self._limits = limits
        self._rules = tuple(services.values())
        self._rules_of: dict[str, tuple[NagiosRule, ...]] = {}

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the readings of a record and its refused states (`Source.parts`)."""

        def readings(state: dict[str, Any]) -> list[tuple[str, Reading]]:
            return self._readings(state, record.timestamp_ms)

        value = self._limits.value(record)
        for part in json_parts(record, value, "service", readings, ReadingsUpdate):
            yield part

    def _readings(self, state: dict[str, Any], timestamp_ms: int) -> list[tuple[str, Reading]]:
        """Return host and reading of each value of a service that a rule names."""
        service = html.unescape(_name(state, "display_name"))
        rules = self._rules_for(service)
        if not rules:
            self.skipped["service"] += 1
            return []
        host = check_host(_present(state, "host_name"))
        at_ms = _time_ms(_present(state, "status_update_time"))
        self._limits.check_time(at_ms, timestamp_ms)
        text = _present(state, "performance_data")
        if text is None or text == "":
            self.skipped["empty"] += 1
            return []
        if not isinstance(text, str):
            raise RefusedRecord(Reason.BAD_VALUE, f"performance_data is {shown(text)}, expected text")
        chosen = [
            (rule, value)
            for value in parse_performance_data(html.unescape(text))
            for rule in [next((each for each in rules if each.names_label(value.label)), None)]
            if rule is not None
        ]
        if not chosen:
            self.skipped["label"] += 1
        found = [_reading(rule, service, value, at_ms) for rule, value in chosen]
        self.skipped["unknown"] += found.count(None)
        return [(host, reading) for reading in found if reading is not None]

    def _rules_for(self, service: str) -> tuple[NagiosRule, ...]:
        """Return the rules that name a service."""
        rules = self._rules_of.get(service)
        if rules is None:
            rules = tuple(rule for rule in self._rules if rule.names_service(service))
            if len(self._rules_of) >= _MOST_SERVICES:
                self._rules_of.clear()
            self._rules_of[service] = rules
        return rules


def _present(state: dict[str, Any], field: str) -> Any:
    if field not in state:
        raise RefusedRecord(Reason.BAD_VALUE, f"it has no {field}")
    return state[field]


def _name(state: dict[str, Any], field: str) -> str:
    """Return a name that is a part of what is sent on."""
    found = _present(state, field)
    if not isinstance(found, str) or not 1 <= len(found) <= _LONGEST_NAME:
        raise RefusedRecord(
            Reason.BAD_VALUE, f"{field} is {shown(found)}, expected text of 1 to {_LONGEST_NAME} characters"
        )
    return found


def _time_ms(found: object) -> int:
    """Return a time as Nagios XI writes it, milliseconds since the epoch."""
    parts = _TIME.fullmatch(found) if isinstance(found, str) else None
    try:
        if parts is None:
            raise ValueError(f"{shown(found)} is no time")
        at = datetime(*map(int, parts.groups()), tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise RefusedRecord(
            Reason.BAD_TIME, f"status_update_time is {shown(found)}, expected YYYY-MM-DD hh:mm:ss, UTC"
        ) from error
    return int(at.timestamp()) * 1000


def _reading(rule: NagiosRule, service: str, value: PerformanceValue, at_ms: int) -> Reading | None:
    """Return a value in the unit of its rule, None if the plug-in could not tell."""
    if value.value is None:
        return None
    is_counter = rule.counter or value.unit == _COUNTER
    unit = rule.metric.unit
    if is_counter:
        unit, per_second, _ = unit.partition("_PER_SECOND")
        if not per_second:
            raise RefusedRecord(
                Reason.BAD_VALUE,
                f"{shown(value.label)} is a counter, expected a value that becomes {rule.metric.unit}",
            )
    factor = factor_to(unit, "" if value.unit == _COUNTER else value.unit)
    if factor is None:
        raise RefusedRecord(
            Reason.BAD_VALUE,
            f"{shown(value.label)} has the unit {shown(value.unit)}, expected one that becomes {unit}",
        )
    number = value.value * factor
    if not math.isfinite(number):
        raise RefusedRecord(Reason.BAD_VALUE, f"{shown(value.label)} is too great for {unit}")
    return Reading(rule.metric, at_ms, number, _counter(service, value.label) if is_counter else "")


def _counter(service: str, label: str) -> str:
    """Return the name of a counter of a host, which is sent on."""
    counter = f"nagios/{service}/{label}"
    if len(label) > _LONGEST_NAME or not has_utf8(counter):
        raise RefusedRecord(
            Reason.BAD_VALUE,
            f"counter is {shown(label)} of {shown(service)}, expected names of at most {_LONGEST_NAME} "
            "characters that have a form in UTF-8",
        )
    return counter
