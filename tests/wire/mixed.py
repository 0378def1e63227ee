"""A record with a field of every type that has a place in a row.

No ``from __future__ import annotations`` here: dataclasses-avroschema reads the annotations as they are.
"""

from dataclasses import dataclass

from dataclasses_avroschema import AvroModel
from dataclasses_avroschema.types import Int32

__all__ = ["Mixed"]


@dataclass(frozen=True)
class Mixed(AvroModel):
    """Two doubles, an int and a long."""

    share: float
    count: Int32
    total: int
    level: float
