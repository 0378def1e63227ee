"""Bytes of the input topics → updates: one module for each input, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pg_streaming_machine_learning.sources.features import FeaturesSource
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Source
from pg_streaming_machine_learning.wire.codec import WriterSchemas

__all__ = ["SOURCES", "Source", "create_sources"]

SOURCES: Mapping[str, Callable[[WriterSchemas, Limits], Source]] = {
    LabeledDataSource.name: LabeledDataSource,
    FeaturesSource.name: FeaturesSource,
}
"""The sources by name."""


def create_sources(
    names: Iterable[str],
    registry: WriterSchemas,
    *,
    topics: Mapping[str, str],
    hop_ms: int,
    size_ms: int,
    max_ahead_ms: int,
    max_record_bytes: int,
) -> dict[str, Source]:
    """Return the sources by the topic they read.

    Parameters
    ----------
    names : iterable of str
        Names of sources, from `SOURCES`.
    registry : WriterSchemas
        Where the writers' schemas are.
    topics : mapping of str to str
        Topic of each source, by the source's name.
    hop_ms, size_ms, max_ahead_ms, max_record_bytes : int
        See `Limits`.
    """
    limits = Limits(
        size_ms=size_ms, hop_ms=hop_ms, max_ahead_ms=max_ahead_ms, max_record_bytes=max_record_bytes
    )
    return {topics[name]: SOURCES[name](registry, limits) for name in names}
