"""A hook in aiokafka's parser: a header whose name is no UTF-8 spoils neither its record nor its batch.

Kafka keeps names of headers as bytes, and clients of other languages send any. aiokafka decodes them strictly
while it iterates, so that one record would end every worker that comes to it. Here it is read with the bytes
that are no UTF-8 as escapes, and goes the way of all records. ``tests/streams/test_header_names.py`` fails
when a new version of aiokafka no longer parses like this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import memory_records
from aiokafka.record.default_records import _DefaultRecordBatchPy

__all__ = ["TolerantRecords", "bear_any_header_name"]

_LENGTH = slice(8, 12)
_BEFORE_LENGTH_COUNTS = 12
_FORMAT = 16
_WITH_HEADERS = 2


def bear_any_header_name() -> None:
    """Let aiokafka's consumers of this process read headers of any name; a second call changes nothing."""
    fetcher.MemoryRecords = TolerantRecords


class TolerantRecords:
    """The batches of a fetch; aiokafka's own `MemoryRecords` reads them, compiled where it is.

    Parameters
    ----------
    data : bytes
        What the broker sent.
    """

    def __init__(self, data: bytes) -> None:
        self._records: Any = memory_records.MemoryRecords(data)
        self._data = data
        self._rest = memoryview(data)

    def has_next(self) -> bool:
        """Say whether there is another whole batch."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """Return how much the broker sent."""
        return len(self._data)

    def next_batch(self) -> Any:
        """Return the next batch, None if there is none."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        end = _BEFORE_LENGTH_COUNTS + int.from_bytes(self._rest[_LENGTH], "big")
        data, self._rest = self._rest[:end], self._rest[end:]
        return _Batch(batch, data) if data[_FORMAT] >= _WITH_HEADERS else batch


class _Batch:
    """A batch that is read anew, by the parser in Python, if a name in it cannot be decoded."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))  # at one go, which takes half the time
        except (UnicodeDecodeError, CorruptRecordException) as error:
            # The parser in Python calls anything it finds corrupt.
            if not isinstance(error.__cause__ or error, UnicodeDecodeError):
                raise
        return iter(_TolerantBatch(self._data))

    def __next__(self) -> Any:
        """Return the first record: that of a control batch, which has no headers."""
        return next(self._batch)


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # called final, and open all the same
    """The parser in Python, whose buffer decodes anything."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Decodable(self._buffer)


class _Decodable(bytearray):
    """Bytes whose slices become text in any case."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Decodable(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return text; what is none shows as escapes, whatever was asked for."""
        return super().decode(encoding, "backslashreplace")
