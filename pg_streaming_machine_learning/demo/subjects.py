"""What a small Schema Registry holds: schemas by id, versions by subject, levels of compatibility."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pg_streaming_machine_learning.demo.compatibility import is_compatible
from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

__all__ = ["Refusal", "Subjects", "parsed"]


class Refusal(Exception):
    """An error as Confluent's registry tells it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = code if code < 1000 else code // 100
        self.message = message


@dataclass
class Subjects:
    """What the registry holds: schemas by id (from 1), ids of each subject by version (from 1), levels."""

    schemas: list[str] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    level: str = "BACKWARD"
    levels: dict[str, str] = field(default_factory=dict)

    def register(self, subject: str, text: str) -> int:
        """Return the id of a schema, which becomes the newest of the subject unless it is there already."""
        new = parsed(text)
        ids = self.subjects.get(subject, [])
        known = self.id_of(text)
        if known in ids:
            return known
        level = self.levels.get(subject, self.level)
        if not is_compatible(level, new, [parsed(self.schemas[number - 1]) for number in ids]):
            raise Refusal(409, f"Schema being registered is incompatible with an earlier schema ({level})")
        if known == 0:
            self.schemas.append(_text(text))
            known = len(self.schemas)
        self.subjects[subject] = [*ids, known]
        return known

    def id_of(self, text: str) -> int:
        """Return the id of a schema, 0 if it is new."""
        text = _text(text)
        return self.schemas.index(text) + 1 if text in self.schemas else 0

    def schema(self, number: str) -> str:
        """Return the schema of an id."""
        if not number.isdecimal() or len(number) > 10 or not 1 <= int(number) <= len(self.schemas):
            raise Refusal(40403, f"Schema {number} not found")
        return self.schemas[int(number) - 1]

    def versions(self, subject: str) -> list[int]:
        """Return the ids of a subject, oldest first."""
        if subject not in self.subjects:
            raise Refusal(40401, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def version(self, subject: str, wanted: str) -> int:
        """Return the number of a version, which is 1 for the oldest, and may be wanted as ``latest``."""
        ids = self.versions(subject)
        if wanted == "latest" or wanted == "-1":
            return len(ids)
        if not wanted.isdecimal() or len(wanted) > 10 or int(wanted) == 0:
            raise Refusal(42202, f"The specified version '{wanted}' is not a valid version id.")
        if int(wanted) > len(ids):
            raise Refusal(40402, f"Version {wanted} not found.")
        return int(wanted)

    def described(self, subject: str, version: int) -> dict[str, Any]:
        """Return a version as the registry answers it."""
        number = self.subjects[subject][version - 1]
        return {"subject": subject, "version": version, "id": number, "schema": self.schemas[number - 1]}


def parsed(text: str) -> Any:
    """Return a schema as fastavro parses it.

    Raises
    ------
    Refusal
        42201 if it is no Avro schema.
    """
    try:
        return parse_writer_schema(text, keep_defaults=True)
    except RefusedRecord as refused:
        raise Refusal(42201, f"Invalid schema: {refused.detail}") from refused


def _text(text: str) -> str:
    """Return the schema as the registry keeps it: JSON without spaces; by it schemas are the same or not."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
