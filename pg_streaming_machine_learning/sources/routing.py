"""One record of an input topic → what the log gets of it: the one way, of the worker and of a backfill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Update
from pg_streaming_machine_learning.sources.source import PromptSource, RefusedPart, Source
from pg_streaming_machine_learning.windows.event_time import event_ms
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["AtOnce", "Routed", "route", "routing_at_once"]


@dataclass(slots=True)
class Routed:
    """What a record has led to.

    Parameters
    ----------
    parts : list of Update, RefusedPart or RefusedRecord
        In their order. A `RefusedRecord` is alone: nothing of the record is good.
    event_ms : int or None
        Start of the newest window that an update of it belongs to, milliseconds since the epoch; None if it
        has no update.
    """

    parts: list[Update | RefusedPart | RefusedRecord] = field(default_factory=list)
    event_ms: int | None = None


AtOnce = Callable[[InputRecord], Update | RefusedRecord | None]
"""Record → the one update it leads to, or why it is refused; None if `route` is to be asked."""


def routing_at_once(source: Source) -> AtOnce:
    """Return what routes the records of which nothing has to be waited for.

    That is most of them where a source can (`PromptSource`), none elsewhere; waiting costs more than
    decoding.
    """
    if not isinstance(source, PromptSource):
        return lambda record: None
    at_once = source.at_once

    def routed(record: InputRecord) -> Update | RefusedRecord | None:
        try:
            return at_once(record)
        except RefusedRecord as refused:
            return refused

    return routed


async def route(
    source: Source,
    record: InputRecord,
    windows: HoppingWindows,
    rest: Callable[[], Awaitable[None]] | None = None,
) -> Routed:
    """Return what a record leads to.

    Parameters
    ----------
    source : Source
        Reads it.
    record : InputRecord
        The record.
    windows : HoppingWindows
        By which event time is told.
    rest : callable, optional
        Is awaited after each piece of work, milliseconds long, so that others may run.

    Raises
    ------
    RegistryUnavailable
        If it cannot be told yet: the same record is to be routed again.
    """
    routed = Routed()
    try:
        async for part in source.parts(record):
            if part is not None:
                routed.parts.append(part)
                if not isinstance(part, RefusedPart):
                    reached_ms = event_ms(part, windows)
                    if routed.event_ms is None or reached_ms > routed.event_ms:
                        routed.event_ms = reached_ms
            if rest is not None:
                await rest()
    except RefusedRecord as refused:
        return Routed([refused])
    return routed
