"""The parts of a record whose elements are objects of a JSON array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import SourcePlace, Update
from pg_streaming_machine_learning.sources.host_runs import HostRuns
from pg_streaming_machine_learning.sources.json_array import json_elements, shown
from pg_streaming_machine_learning.sources.refusals import Refusals, as_json_array
from pg_streaming_machine_learning.sources.source import Part

__all__ = ["json_parts"]

_MOST_WORK = 64
"""In one go, counted by elements and what they hold: about a millisecond."""

_CHARACTERS_OF_WORK = 256

_Entry = TypeVar("_Entry")


def json_parts(
    record: InputRecord,
    value: bytes,
    element_name: str,
    entries_of: Callable[[dict[str, Any]], Iterable[tuple[str, _Entry]]],
    update: Callable[[SourcePlace, str, tuple[_Entry, ...]], Update],
) -> Iterator[Part]:
    """Yield the updates of a record, one for each run of entries of the same host, and its refused elements.

    Parameters
    ----------
    record, value : InputRecord and bytes
        Where they come from, and its value.
    element_name : str
        What an element is, such as ``span``; refusals count them from 1.
    entries_of : callable
        Gives host and entry, none or several, of an element that is an object; raises `RefusedRecord`.
    update : callable
        Makes an update of its place, a host and the host's entries.

    Yields
    ------
    Update, RefusedPart or None
        As `Source.parts` does.

    Raises
    ------
    RefusedRecord
        See `json_elements`.
    """
    refusals = Refusals(f"{element_name}s", as_json_array)
    runs: HostRuns[_Entry] = HostRuns()
    place = SourcePlace(record.topic, record.partition, record.offset)
    number = updates = work = 0
    for element in json_elements(value):
        parts: list[Part] = []
        if element is not None:
            number += 1
            work += 1 + len(element.text) // _CHARACTERS_OF_WORK
            try:
                found = entries_of(_object(element.value))
            except RefusedRecord as refused:
                detail = f"{element_name} {number}: {refused.detail}"
                parts.append(refusals.add(RefusedRecord(refused.reason, detail), element.text.encode()))
            else:
                for host, entry in found:
                    run = runs.add(host, entry)
                    if run is not None:
                        parts.append(update(_numbered(place, updates), *run))
                        updates += 1
        if not parts and (element is None or work >= _MOST_WORK):
            parts.append(None)
        if parts:
            work = 0
            yield from parts
    run = runs.end()
    if run is not None:
        yield update(_numbered(place, updates), *run)
    yield refusals.rest()


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise RefusedRecord(Reason.BAD_VALUE, f"it is {shown(found)}, expected an object")
    return found


def _numbered(place: SourcePlace, index: int) -> SourcePlace:
    return SourcePlace(place.topic, place.partition, place.offset, index)
