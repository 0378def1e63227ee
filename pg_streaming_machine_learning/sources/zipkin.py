"""Source ``zipkin``: spans of the Zipkin v2 JSON format, from its reporters.

A record is an array of spans, or one span; an empty array says nothing. Of a span count its start, its
duration, both in microseconds, whether it failed (a tag ``error`` that is not ``false``), its service
(``localEndpoint.serviceName``, in lower case), and the host that is asked for.

References
----------
Zipkin API 2.0, https://zipkin.io/zipkin-api/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, SettingsError
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Duration, DurationsUpdate
from pg_streaming_machine_learning.sources.host_aliases import HostAliases
from pg_streaming_machine_learning.sources.host_name import LONGEST_HOST, check_host
from pg_streaming_machine_learning.sources.json_array import has_utf8, shown
from pg_streaming_machine_learning.sources.json_parts import json_parts
from pg_streaming_machine_learning.sources.limits import YEAR_2000_MS, Limits
from pg_streaming_machine_learning.sources.source import Part

__all__ = ["ZipkinOptions", "ZipkinSource"]

_KINDS = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER")
_SERVICE = "serviceName"
_HOSTS_FROM = {
    "remote.ipv4": ("remoteEndpoint", "ipv4"),
    "remote.service": ("remoteEndpoint", _SERVICE),
    "local.ipv4": ("localEndpoint", "ipv4"),
    "local.service": ("localEndpoint", _SERVICE),
}
_TAG = "tag:"
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class ZipkinOptions:
    """Which spans count, and which host they speak of.

    Parameters
    ----------
    host_from : str
        ``remote.ipv4``, ``remote.service``, ``local.ipv4``, ``local.service``, or ``tag:`` and the name of a
        tag. Of a SERVER span the remote endpoint is the caller; it is the default since the JVM job takes it.
    kinds : tuple of str
        Kinds of the spans that count: SERVER, CLIENT, PRODUCER, CONSUMER; the empty one stands for spans
        without a kind, and of kinds that Zipkin does not have.
    aliases : HostAliases
        From what spans call a host to its name in the metrics.

    Raises
    ------
    SettingsError
        If `host_from` or a kind is none of these.
    """

    host_from: str = "remote.ipv4"
    kinds: tuple[str, ...] = ("SERVER", "")
    aliases: HostAliases = field(default_factory=HostAliases)

    def __post_init__(self) -> None:
        is_tag = self.host_from.startswith(_TAG) and self.host_from != _TAG
        if self.host_from not in _HOSTS_FROM and not is_tag:
            raise SettingsError(
                f"ZIPKIN_HOST_FROM is {self.host_from!r}, expected {', '.join(_HOSTS_FROM)}, "
                f"or {_TAG} and the name of a tag"
            )
        for kind in self.kinds:
            if kind and kind not in _KINDS:
                raise SettingsError(
                    f"ZIPKIN_KINDS has {kind!r}, expected {', '.join(_KINDS)}, or an empty one"
                )
        if not self.kinds:
            raise SettingsError("ZIPKIN_KINDS is empty, expected at least one kind")


class ZipkinSource:
    """Makes durations of spans.

    Parameters
    ----------
    limits : Limits
        Of records and their times.
    options : ZipkinOptions
        Which spans count, and which host they speak of.

    Attributes
    ----------
    skipped : Counter of str
        How many spans were passed over, by cause: ``kind`` for those of a kind that is not asked for,
        ``unfinished`` for those without a timestamp or duration (still in flight, or shared with the
        caller's span), which Zipkin allows.
    """

    name = "zipkin"

    def __init__(self, limits: Limits, options: ZipkinOptions) -> None:
        self.skipped: Counter[str] = Counter()
        self._limits = limits
        self._kinds = frozenset(options.kinds)
        self._aliases = options.aliases
        self._host_from = options.host_from

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield the durations of a record and its refused spans (`Source.parts`)."""

        def durations(span: dict[str, Any]) -> Iterable[tuple[str, Duration]]:
            return self._durations(span, record.timestamp_ms)

        value = self._limits.value(record)
        for part in json_parts(record, value, "span", durations, DurationsUpdate):
            yield part

    def _durations(self, span: dict[str, Any], timestamp_ms: int) -> Iterable[tuple[str, Duration]]:
        """Return host and duration of a span, nothing if it does not count."""
        kind = span.get("kind")
        if (kind if kind in _KINDS else "") not in self._kinds:
            self.skipped["kind"] += 1
            return ()
        start_us, duration_us = span.get("timestamp"), span.get("duration")
        if start_us is None or duration_us is None:
            self.skipped["unfinished"] += 1
            return ()
        start_ms = self._start_ms(start_us, timestamp_ms)
        if type(duration_us) is not int or not 0 <= duration_us <= _DAY_US:
            raise RefusedRecord(
                Reason.BAD_VALUE,
                f"duration is {shown(duration_us)}, expected whole microseconds from 0 to {_DAY_US}, a day",
            )
        duration = Duration(_service(span), start_ms, duration_us, _is_error(span))
        return ((self._host(span), duration),)

    def _start_ms(self, start_us: object, timestamp_ms: int) -> int:
        """Return the start of a span, milliseconds since the epoch."""
        if type(start_us) is not int:
            raise RefusedRecord(
                Reason.BAD_VALUE, f"timestamp is {shown(start_us)}, expected microseconds since the epoch"
            )
        start_ms = start_us // 1000
        if start_ms < YEAR_2000_MS:
            raise RefusedRecord(
                Reason.BAD_TIME,
                f"timestamp is {start_us}, before the year 2000; expected microseconds since the epoch",
            )
        self._limits.check_time(start_ms, timestamp_ms)
        return start_ms

    def _host(self, span: dict[str, Any]) -> str:
        """Return the host a span speaks of, by its name in the metrics."""
        if self._host_from in _HOSTS_FROM:
            side, field_name = _HOSTS_FROM[self._host_from]
        else:
            side, field_name = "tags", self._host_from.removeprefix(_TAG)
        name = _text_at(span, side, field_name)
        if not name:
            raise RefusedRecord(
                Reason.BAD_HOST, f"it has no {side}.{field_name}; ZIPKIN_HOST_FROM is {self._host_from}"
            )
        return check_host(self._aliases.host(name.lower() if field_name == _SERVICE else name))


def _text_at(span: dict[str, Any], outer: str, inner: str) -> str:
    """Return a text one level down, empty if there is none."""
    found = span.get(outer)
    text = found.get(inner) if isinstance(found, dict) else None
    return text if isinstance(text, str) else ""


def _service(span: dict[str, Any]) -> str:
    """Return the service that took the time, in lower case, empty if it is not known."""
    service = _text_at(span, "localEndpoint", _SERVICE).lower()
    if len(service) > LONGEST_HOST:
        raise RefusedRecord(
            Reason.BAD_VALUE, f"service has {len(service)} characters, expected at most {LONGEST_HOST}"
        )
    if not has_utf8(service):
        raise RefusedRecord(Reason.BAD_VALUE, f"service is {shown(service)}, which has no form in UTF-8")
    return service


def _is_error(span: dict[str, Any]) -> bool:
    """Say whether a span failed: it does if there is a tag ``error``, whatever it says but ``false``."""
    tags = span.get("tags")
    if not isinstance(tags, dict) or "error" not in tags:
        return False
    error = tags["error"]
    return error.lower() != "false" if isinstance(error, str) else error is not False
