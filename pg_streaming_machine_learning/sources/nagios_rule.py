"""Which values of which Nagios services become readings, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.sources.json_array import shown

__all__ = ["NAGIOS_SERVICES", "NagiosRule", "nagios_rules"]

_SETTING = "NAGIOS_SERVICES"
_PER_SECOND = "_PER_SECOND"


@dataclass(frozen=True, slots=True)
class NagiosRule:
    """What values become readings of a metric.

    Parameters
    ----------
    service, label : str
        Patterns of the service's display name, and of the value's label in its performance data: ``*`` stands
        for any characters, ``?`` for one, ``[ab]`` for one of several; case matters.
    metric : Metric
        What the values are of. Values come in its unit, or in a unit that becomes it (`factor_to`).
    counter : bool
        Whether they are ever-growing counters, whose increase in a second is meant: `metric` is then in a
        unit per second, and the values in that unit times seconds. Values with the unit ``c`` are counters
        in any case.

    Examples
    --------
    >>> rule = NagiosRule("Port * Bandwidth", "in", Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"))
    >>> rule.names_service("Port 3 Bandwidth"), rule.names_label("out")
    (True, False)
    """

    service: str
    label: str
    metric: Metric
    counter: bool = False

    def names_service(self, display_name: str) -> bool:
        """Say whether the rule is about a service."""
        return fnmatchcase(display_name, self.service)

    def names_label(self, label: str) -> bool:
        """Say whether the rule is about a value, of a service that it is about."""
        return fnmatchcase(label, self.label)


NAGIOS_SERVICES: Mapping[str, Mapping[str, str]] = {
    "memory": {
        "service": "Memory Usage",
        "label": "percent",
        "metric": "MEMORY",
        "measure": "UTILIZATION",
        "unit": "PERCENT",
    },
    "cpu": {
        "service": "CPU Usage",
        "label": "percent",
        "metric": "CPU",
        "measure": "UTILIZATION",
        "unit": "PERCENT",
    },
    "cpu-5-minutes": {
        "service": "CPU Load",
        "label": "5 min avg Load",
        "metric": "CPU",
        "measure": "UTILIZATION",
        "unit": "PERCENT",
    },
    "disk-read": {
        "service": "Disk Read*",
        "label": "read_bytes",
        "metric": "DISK_READ",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
    "disk-write": {
        "service": "Disk Write*",
        "label": "write_bytes",
        "metric": "DISK_WRITE",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
    "network-in": {
        "service": "* Bandwidth",
        "label": "in",
        "metric": "NETWORK_IN",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
    "network-out": {
        "service": "* Bandwidth",
        "label": "out",
        "metric": "NETWORK_OUT",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
    "agent-network-in": {
        "service": "* Bandwidth - Inbound",
        "label": "bytes_recv",
        "metric": "NETWORK_IN",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
    "agent-network-out": {
        "service": "* Bandwidth - Outbound",
        "label": "bytes_sent",
        "metric": "NETWORK_OUT",
        "measure": "THROUGHPUT",
        "unit": "BYTES_PER_SECOND",
    },
}
"""What is taken by default: services as the wizards of Nagios XI for its agent (NCPA), Windows (NSClient++)
and switches name them. ``disk-*`` is a suggestion, since the wizards leave that name to the user."""


def nagios_rules(table: Mapping[str, Any]) -> dict[str, NagiosRule]:
    """Return the rules of a table as the settings have it.

    Parameters
    ----------
    table : mapping of str to mapping
        ``service``, ``label``, ``metric``, ``measure``, ``unit`` and perhaps ``counter`` of each rule.

    Raises
    ------
    SettingsError
        If something is missing, unknown or of the wrong kind.

    Examples
    --------
    >>> nagios_rules(NAGIOS_SERVICES)["memory"].metric
    Metric(metric='MEMORY', measure='UTILIZATION', unit='PERCENT')
    """
    return {name: _rule(name, entry) for name, entry in table.items()}


_SYMBOLS: dict[str, list[str]] = {
    "metric": [symbol.value for symbol in TraceMetric],
    "measure": [symbol.value for symbol in TraceMeasure],
    "unit": [symbol.value for symbol in TraceUnit],
}
_REQUIRED = ("service", "label", *_SYMBOLS)


def _rule(name: str, entry: object) -> NagiosRule:
    where = f"{_SETTING}, {name!r}"
    if not isinstance(entry, Mapping):
        raise SettingsError(f"{where}: is {shown(entry)}, expected an object")
    for key in entry:
        if key not in (*_REQUIRED, "counter"):
            raise SettingsError(f"{where}: {key!r} is unknown, expected {', '.join(_REQUIRED)} or counter")
    for key in _REQUIRED:
        value = entry.get(key)
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{where}: {key} is {shown(value)}, expected text")
        symbols = _SYMBOLS.get(key)
        if symbols is not None and value not in symbols:
            raise SettingsError(f"{where}: {key} is {shown(value)}, expected {', '.join(symbols)}")
    counter = entry.get("counter", False)
    if not isinstance(counter, bool):
        raise SettingsError(f"{where}: counter is {shown(counter)}, expected true or false")
    if counter and not entry["unit"].endswith(_PER_SECOND):
        raise SettingsError(f"{where}: unit is {entry['unit']!r}, expected one per second for a counter")
    metric = Metric(entry["metric"], entry["measure"], entry["unit"])
    return NagiosRule(entry["service"], entry["label"], metric, counter)
