"""Whether data written with one Avro schema can be read with another, and a registry's rules made of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LEVELS", "can_read", "is_compatible"]

LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
"""The compatibility levels of a registry."""

_PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}
_NAMED = ("record", "enum", "fixed")


def is_compatible(level: str, new: Any, old: Sequence[Any]) -> bool:
    """Tell whether a schema may follow others under a subject.

    Parameters
    ----------
    level : str
        One of `LEVELS`.
    new : parsed schema
        The schema to be registered.
    old : sequence of parsed schemas
        The versions before, oldest first.
    """
    before = old if level.endswith("_TRANSITIVE") else old[-1:]
    reads_old = level.startswith(("BACKWARD", "FULL"))
    old_reads = level.startswith(("FORWARD", "FULL"))
    return all(
        (not reads_old or can_read(reader=new, writer=version))
        and (not old_reads or can_read(reader=version, writer=new))
        for version in before
    )


def can_read(*, reader: Any, writer: Any) -> bool:
    """Tell whether every record written with one schema can be read with the other.

    Parameters
    ----------
    reader, writer : schema
        As fastavro parses them: names in full.

    References
    ----------
    Apache Avro 1.11 specification, "Schema Resolution".

    Examples
    --------
    >>> can_read(reader="double", writer="int"), can_read(reader="int", writer="double")
    (True, False)
    >>> can_read(reader=["null", "string"], writer="string")
    True
    """
    return _Resolution().resolves(reader, writer)


@dataclass
class _Resolution:
    """One comparison: the types named so far on either side, and the pairs underway."""

    readers: dict[str, Any] = field(default_factory=dict)
    writers: dict[str, Any] = field(default_factory=dict)
    underway: set[tuple[str, str]] = field(default_factory=set)

    def resolves(self, reader: Any, writer: Any) -> bool:
        reader, writer = _named(reader, self.readers), _named(writer, self.writers)
        if isinstance(writer, list):
            return all(self.resolves(reader, branch) for branch in writer)
        if isinstance(reader, list):
            return any(self.resolves(branch, writer) for branch in reader)
        kind, written = _kind(reader), _kind(writer)
        if kind != written:
            return (written, kind) in _PROMOTIONS
        if kind == "array":
            return self.resolves(reader["items"], writer["items"])
        if kind == "map":
            return self.resolves(reader["values"], writer["values"])
        return kind not in _NAMED or self._resolves_named(kind, reader, writer)

    def _resolves_named(self, kind: str, reader: Any, writer: Any) -> bool:
        names = reader["name"], writer["name"]
        if names[0] != names[1] and names[1] not in reader.get("aliases", ()):
            return False
        if kind == "fixed":
            return bool(reader["size"] == writer["size"])
        if kind == "enum":
            return "default" in reader or set(writer["symbols"]) <= set(reader["symbols"])
        if names in self.underway:
            return True
        self.underway.add(names)
        return self._resolves_fields(reader, writer)

    def _resolves_fields(self, reader: Any, writer: Any) -> bool:
        written = {entry["name"]: entry for entry in writer["fields"]}
        for entry in reader["fields"]:
            names = [entry["name"], *entry.get("aliases", ())]
            found = next((written[name] for name in names if name in written), None)
            if found is None and "default" not in entry:
                return False
            if found is None:
                _name_all(entry["type"], self.readers)
            elif not self.resolves(entry["type"], found["type"]):
                return False
        return True


def _kind(schema: Any) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _named(schema: Any, names: dict[str, Any]) -> Any:
    """Return the type that a name stands for; note the name of a type that is defined here."""
    if isinstance(schema, str):
        return names.get(schema, schema)
    _name_all(schema, names)
    return schema


def _name_all(schema: Any, names: dict[str, Any]) -> None:
    """Note all types that are defined within a schema."""
    if isinstance(schema, list):
        for branch in schema:
            _name_all(branch, names)
    elif isinstance(schema, dict):
        if "name" in schema and schema["type"] in _NAMED:
            names[schema["name"]] = schema
        for entry in schema.get("fields", ()):
            _name_all(entry["type"], names)
        for inner in ("items", "values"):
            if inner in schema:
                _name_all(schema[inner], names)
