"""Columns of numbers and tables of names ↔ bytes, for states of millions of numbers.

::

    b"PGSC" | length of the part's name, 1 byte | name, UTF-8 | version, 1 byte | what was written, in order
    column:  number of values, 8 bytes | the values, 8, 4 or 1 byte each
    names:   column of lengths, 4 bytes each | column of the names' UTF-8, one after the other
    metrics: names of the symbols | column of three indices into them for each metric, 4 bytes each

Numbers are little-endian, floats IEEE 754 and kept bit by bit. A reader allocates nothing before it knows
that the bytes are there.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import Metric

__all__ = ["ColumnReader", "ColumnWriter", "places_in"]

_Entry = TypeVar("_Entry", bound=Hashable)

_MAGIC = b"PGSC"
_COUNT = struct.Struct("<Q")
_TYPES: dict[str, np.dtype[Any]] = {
    "q": np.dtype("<i8"),
    "d": np.dtype("<f8"),
    "I": np.dtype("<u4"),
    "B": np.dtype("<u1"),
}


class ColumnWriter:
    """Writes the state of a part.

    Parameters
    ----------
    part : str
        Its name.
    version : int
        Of what it writes, 0 to 255.

    Examples
    --------
    >>> writer = ColumnWriter("example", 1)
    >>> writer.names(["db", "web"])
    >>> writer.column("d", [[0.5], [1.5, 2.5]])
    >>> reader = ColumnReader("example", 1, writer.to_bytes())
    >>> reader.names(), reader.column("d").tolist(), reader.end()
    (['db', 'web'], [0.5, 1.5, 2.5], None)
    """

    def __init__(self, part: str, version: int) -> None:
        self._pieces: list[Any] = [_header(part, version)]

    def names(self, names: Sequence[str]) -> None:
        """Write a table of names."""
        encoded = [name.encode() for name in names]
        self.column("I", [[len(each) for each in encoded]])
        text = b"".join(encoded)
        self._pieces += [_COUNT.pack(len(text)), text]

    def metrics(self, metrics: Sequence[Metric]) -> None:
        """Write a table of metrics."""
        rows = [(metric.metric, metric.measure, metric.unit) for metric in metrics]
        symbols = sorted({symbol for row in rows for symbol in row})
        places = places_in(symbols)
        self.names(symbols)
        self.column("I", [[places[symbol] for row in rows for symbol in row]])

    def column(self, typecode: str, pieces: Iterable[Sequence[float] | NDArray[Any]]) -> None:
        """Write a column, given in pieces.

        Parameters
        ----------
        typecode : str
            ``q`` for 64 bits with sign, ``d`` for floats, ``I`` for 32 bits without sign, ``B`` for 8.
        pieces : iterable of sequence of number
            Arrays of this type are not copied before `to_bytes`.
        """
        arrays = [np.asarray(piece, dtype=_TYPES[typecode]) for piece in pieces]
        self._pieces.append(_COUNT.pack(sum(map(len, arrays))))
        self._pieces += arrays

    def to_bytes(self) -> bytes:
        """Return all that was written."""
        return b"".join(self._pieces)


class ColumnReader:
    """Reads what a `ColumnWriter` wrote, in the same order.

    Parameters
    ----------
    part, version
        Those of the writer.
    data : bytes
        What it wrote.

    Raises
    ------
    SnapshotError
        If the bytes are of another part or version.
    """

    def __init__(self, part: str, version: int, data: bytes) -> None:
        self._part = part
        self._data = data
        header = _header(part, version)
        if not data.startswith(header):
            raise SnapshotError(f"{len(data)} bytes are no state of {part!r} version {version}")
        self._place = len(header)

    def names(self) -> list[str]:
        """Return a table of names.

        Raises
        ------
        SnapshotError
            If it is damaged, or a name comes twice.
        """
        ends = np.cumsum(self.column("I"), dtype=np.int64).tolist()
        text = self.column("B").tobytes()
        if (ends[-1] if ends else 0) != len(text):
            raise self.damaged("names are longer or shorter than their text")
        try:
            names = [text[begin:end].decode() for begin, end in zip([0, *ends], ends, strict=False)]
        except UnicodeDecodeError as error:
            raise self.damaged(str(error)) from error
        if len(set(names)) != len(names):
            raise self.damaged("a name comes twice")
        return names

    def metrics(self) -> list[Metric]:
        """Return a table of metrics.

        Raises
        ------
        SnapshotError
            If it is damaged, or a metric comes twice.
        """
        symbols = self.names()
        row = [symbols[place] for place in self.indices(len(symbols))]
        if len(row) % 3:
            raise self.damaged(f"metrics have {len(row)} symbols, expected three each")
        metrics = [Metric(*row[at : at + 3]) for at in range(0, len(row), 3)]
        if len(set(metrics)) != len(metrics):
            raise self.damaged("a metric comes twice")
        return metrics

    def indices(self, size: int, length: int | None = None) -> list[int]:
        """Return a column of indices into a table.

        Parameters
        ----------
        size : int
            Of the table.
        length : int or None
            How many there must be, if that is known.

        Raises
        ------
        SnapshotError
            If the column is damaged, or an index lies outside the table.
        """
        places = self.column("I", length)
        if len(places) and int(places.max()) >= size:
            raise self.damaged(f"index {places.max()} lies outside a table of {size}")
        return list(places.tolist())

    def column(self, typecode: str, length: int | None = None) -> NDArray[Any]:
        """Return a column, a view of the bytes that were given.

        Parameters
        ----------
        typecode : str
            As it was written.
        length : int or None
            How many values it must have, if that is known.

        Raises
        ------
        SnapshotError
            If the bytes end before the column does, or it has another length.
        """
        kind = _TYPES[typecode]
        begin = self._place + _COUNT.size
        left = len(self._data) - begin
        if left < 0:
            raise self.damaged("a column has no length")
        (count,) = _COUNT.unpack_from(self._data, self._place)
        if count * kind.itemsize > left:
            raise self.damaged(f"a column has {count} values, and {left} bytes are left")
        if length is not None and count != length:
            raise self.damaged(f"a column has {count} values, expected {length}")
        self._place = begin + count * kind.itemsize
        return np.frombuffer(self._data, kind, count, begin).astype(kind.newbyteorder("="), copy=False)

    def end(self) -> None:
        """See that nothing is left.

        Raises
        ------
        SnapshotError
            If more follows.
        """
        if self._place != len(self._data):
            raise self.damaged(f"{len(self._data) - self._place} bytes follow")

    def damaged(self, what: str) -> SnapshotError:
        """Return the error that says what does not fit."""
        return SnapshotError(f"state of {self._part!r} is damaged: {what}")


def places_in(table: Iterable[_Entry]) -> dict[_Entry, int]:
    """Return the index of each entry of a table."""
    return {entry: place for place, entry in enumerate(table)}


def _header(part: str, version: int) -> bytes:
    """Return what the bytes of a part begin with."""
    name = part.encode()
    return b"".join([_MAGIC, bytes([len(name)]), name, bytes([version])])
