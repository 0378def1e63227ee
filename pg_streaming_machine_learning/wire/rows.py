"""Bodies that all have the same size, read many at a time: each is a row of an array.

Most records of windows are such: eleven doubles and a label that is 0 or 1. What is not is read one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.wire.framing import HEADER_BYTES
from pg_streaming_machine_learning.wire.writer_schema import has_fields

__all__ = ["RowLayout", "row_layout"]

_HEAD = "head"

_FIXED = {
    ("double", "double"): "<f8",
    ("int", "int"): "u1",
    ("int", "long"): "u1",
    ("long", "long"): "u1",
}
"""What a value of a known size looks like, by the types of writer and reader: an integer has one while it is
of one byte."""

_ONE_BYTE = 128
"""An integer's first byte from which on there are more."""


class RowLayout:
    """How framed bodies of one writer's schema lie in memory.

    Parameters
    ----------
    written : sequence of str
        Types of the values in an array, in the order of the body.
    wanted : mapping of str to int
        Where the body has each field of the reader.
    """

    def __init__(self, written: Sequence[str], wanted: Mapping[str, int]) -> None:
        self._wanted = wanted
        self._integers = [place for place, kind in enumerate(written) if kind == "u1"]
        values = [(str(place), kind) for place, kind in enumerate(written)]
        self._dtype = np.dtype([(_HEAD, "u1", (HEADER_BYTES,)), *values])
        self.size = self._dtype.itemsize
        self._blank = bytes(self.size)

    def read(self, data: Sequence[bytes], header: bytes) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Return the values by field of the reader, and which rows are right.

        Parameters
        ----------
        data : sequence of bytes
            Framed bodies.
        header : bytes
            That of the schema.

        Returns
        -------
        dict of str to array, shape (n,)
            What a row that is not right has here means nothing.
        array of bool, shape (n,)
            Whether a row has this header and this layout. What else it may be is not said.
        """
        size = self.size
        fits = [len(each) == size for each in data]
        if not all(fits):
            data = [each if fit else self._blank for each, fit in zip(data, fits, strict=True)]
        rows = np.frombuffer(b"".join(data), self._dtype)
        is_right = np.array(fits, np.bool_)
        is_right &= (rows[_HEAD] == np.frombuffer(header, np.uint8)).all(axis=1)
        for place in self._integers:
            is_right &= rows[str(place)] < _ONE_BYTE
        return {name: self._value(rows, place) for name, place in self._wanted.items()}, is_right

    def _value(self, rows: NDArray[Any], place: int) -> NDArray[Any]:
        value = rows[str(place)]
        return (
            (value >> 1).astype(np.int64) ^ -(value & 1).astype(np.int64)
            if place in self._integers
            else value
        )


def row_layout(writer: Any, reader: Any) -> RowLayout | None:
    """Return how bodies of a writer's schema lie in memory, None if their size is not known.

    Parameters
    ----------
    writer, reader : parsed schema
        Records of the same name.
    """
    wanted = {field["name"]: field["type"] for field in reader["fields"]}
    names = [field["name"] for field in writer["fields"]]
    if not has_fields(writer, reader):
        return None
    written = []
    for field in writer["fields"]:
        kind = field["type"]
        kinds = kind, wanted.get(field["name"], kind)
        found = _FIXED.get(kinds) if all(isinstance(each, str) for each in kinds) else None
        if found is None:
            return None
        written.append(found)
    return RowLayout(written, {name: names.index(name) for name in wanted})
