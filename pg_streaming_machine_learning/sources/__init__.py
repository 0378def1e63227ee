"""Bytes of the input topics → updates: one module for each input, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from pg_streaming_machine_learning.sources.features import FeaturesSource
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.nagios import NagiosSource
from pg_streaming_machine_learning.sources.nagios_rule import NAGIOS_SERVICES, NagiosRule, nagios_rules
from pg_streaming_machine_learning.sources.source import Source
from pg_streaming_machine_learning.sources.system_traces import SystemTracesSource
from pg_streaming_machine_learning.sources.targets import TargetsSource
from pg_streaming_machine_learning.sources.telegraf import TelegrafSource
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions, ZipkinSource
from pg_streaming_machine_learning.wire.codec import WriterSchemas

__all__ = ["SOURCES", "Source", "SourceOptions", "create_sources"]


def _built_in_mapping() -> TelegrafMapping:
    return TelegrafMapping.from_json(BUILT_IN_MAPPING)


def _built_in_services() -> Mapping[str, NagiosRule]:
    return nagios_rules(NAGIOS_SERVICES)


@dataclass(frozen=True)
class SourceOptions:
    """What sources are made with.

    Parameters
    ----------
    registry : WriterSchemas
        Where the writers' schemas are.
    limits : Limits
        What records may be.
    telegraf : TelegrafMapping
        What is read of Telegraf's lines.
    telegraf_precision : str
        Unit of their timestamps.
    nagios : mapping of str to NagiosRule
        What is read of the states of Nagios' services.
    zipkin : ZipkinOptions
        Which spans count, and for whom.
    """

    registry: WriterSchemas
    limits: Limits
    telegraf: TelegrafMapping = field(default_factory=_built_in_mapping)
    telegraf_precision: str = "ns"
    nagios: Mapping[str, NagiosRule] = field(default_factory=_built_in_services)
    zipkin: ZipkinOptions = field(default_factory=ZipkinOptions)


SOURCES: Mapping[str, Callable[[SourceOptions, Collection[str]], Source]] = {
    LabeledDataSource.name: lambda options, _: LabeledDataSource(options.registry, options.limits),
    FeaturesSource.name: lambda options, names: FeaturesSource(
        options.registry, options.limits, is_joined=TargetsSource.name in names
    ),
    TargetsSource.name: lambda options, _: TargetsSource(options.limits),
    SystemTracesSource.name: lambda options, _: SystemTracesSource(options.registry, options.limits),
    TelegrafSource.name: lambda options, _: TelegrafSource(
        options.limits, options.telegraf, options.telegraf_precision
    ),
    NagiosSource.name: lambda options, _: NagiosSource(options.limits, options.nagios),
    ZipkinSource.name: lambda options, _: ZipkinSource(options.limits, options.zipkin),
}
"""The sources by name: made with options, and the names of all sources that are read."""


def create_sources(topics: Mapping[str, str], options: SourceOptions) -> dict[str, Source]:
    """Return the sources by the topic they read.

    Parameters
    ----------
    topics : mapping of str to str
        Topic of each source, by the source's name, from `SOURCES`.
    options : SourceOptions
        What they are made with.
    """
    return {topic: SOURCES[name](options, topics) for name, topic in topics.items()}
