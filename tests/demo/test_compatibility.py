"""Which schemas can follow which."""

from __future__ import annotations

from typing import Any

import fastavro
import pytest

from pg_streaming_machine_learning.demo.compatibility import can_read, is_compatible


def record(*fields: Any, name: str = "R", **more: Any) -> Any:
    return fastavro.parse_schema({"type": "record", "name": name, "fields": list(fields), **more})


def entry(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


A = entry("a", "int")
B = entry("b", "string")
B_WITH_DEFAULT = entry("b", "string", default="")
LIST = record(entry("next", ["null", "R"]))


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (record(A), record(A)),
        (record(A), record(A, B)),
        (record(A, B_WITH_DEFAULT), record(A)),
        (record(entry("a", "double")), record(A)),
        (record(entry("a", ["null", "int"])), record(A)),
        (record(entry("z", "int", aliases=["a"])), record(A)),
        (record(A, name="New", aliases=["R"]), record(A)),
        (enum("X", "Y"), enum("X")),
        (enum("X", default="X"), enum("X", "Y")),
        (
            record(entry("a", {"type": "array", "items": "long"})),
            record(entry("a", {"type": "array", "items": "int"})),
        ),
        (
            record(entry("a", {"type": "map", "values": "long"})),
            record(entry("a", {"type": "map", "values": "int"})),
        ),
        (LIST, LIST),
        (record(entry("e", enum("X"), default="X"), entry("f", "E")), record(entry("f", enum("X")))),
    ],
)
def test_what_can_be_read(reader: Any, writer: Any) -> None:
    assert can_read(reader=reader, writer=writer)


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (record(A, B), record(A)),
        (record(A), record(entry("a", "double"))),
        (record(A), record(entry("a", ["null", "int"]))),
        (record(A), record(A, name="Other")),
        (enum("X"), enum("X", "Y")),
        (
            record(entry("a", {"type": "array", "items": "int"})),
            record(entry("a", {"type": "map", "values": "int"})),
        ),
        (record(entry("a", {"type": "fixed", "name": "F", "size": 2})), record(entry("a", "bytes"))),
        (record(entry("e", enum("X")), entry("f", "E")), record(entry("e", enum("X", "Y")), entry("f", "E"))),
    ],
)
def test_what_cannot_be_read(reader: Any, writer: Any) -> None:
    assert not can_read(reader=reader, writer=writer)


@pytest.mark.parametrize(
    ("level", "added", "dropped", "added_with_default"),
    [
        ("NONE", True, True, True),
        ("BACKWARD", False, True, True),
        ("FORWARD", True, False, True),
        ("FULL", False, False, True),
    ],
)
def test_what_each_level_allows(level: str, added: bool, dropped: bool, added_with_default: bool) -> None:
    assert is_compatible(level, record(A, B), [record(A)]) is added
    assert is_compatible(level, record(A), [record(A, B)]) is dropped
    assert is_compatible(level, record(A, B_WITH_DEFAULT), [record(A)]) is added_with_default


def test_transitive_levels_look_at_all_versions() -> None:
    """Each version could follow the one before: b comes with a default, then without one."""
    versions = [record(A), record(A, B_WITH_DEFAULT)]

    assert is_compatible("BACKWARD", record(A, B), versions)
    assert not is_compatible("BACKWARD_TRANSITIVE", record(A, B), versions)


def test_the_first_version_is_always_compatible() -> None:
    assert is_compatible("FULL_TRANSITIVE", record(A), [])
