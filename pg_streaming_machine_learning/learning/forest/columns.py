"""Features by name ↔ columns of numbers: which there are, where their zero is, which codes values have."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_CODES", "Columns"]

MOST_CODES = 4096
"""Values of a nominal feature that are told apart; those met later share the last code."""

_NUMBERS = (Real, np.bool_)

_FARTHEST = 1e15
_NAN = math.nan


class Columns:
    """The features a forest has met, in the order of meeting.

    A feature is met with the first row that is learned and has a value for it; those of one row come in the
    order of their names. Numbers are kept as 32 bits, counted from the first value met, so that a great
    offset costs no precision.

    Parameters
    ----------
    nominal : collection of hashable
        Names of features whose values are names, not amounts, even where they are numbers. Features whose
        first value is no number are nominal as well.
    """

    def __init__(self, nominal: Collection[Hashable] = ()) -> None:
        self.declared = frozenset(nominal)
        self.names: list[Hashable] = []
        self.centers: list[float] = []
        self.codes: dict[int, dict[Hashable, int]] = {}
        self._places: dict[Hashable, int] = {}
        self._center_row = np.zeros(0)

    def __len__(self) -> int:
        """Count the features."""
        return len(self.names)

    @property
    def code_rooms(self) -> dict[int, int]:
        """Room for the codes of each nominal column: a power of two, at least 8."""
        return {column: max(8, 1 << (len(codes) - 1).bit_length()) for column, codes in self.codes.items()}

    def meet(self, x: Mapping[Any, Any]) -> bool:
        """Note the features and nominal values of a row that is to be learned; return if room must grow.

        Raises
        ------
        ValueError
            If a feature was a number before and no longer is, or the other way round.
        """
        rooms = self.code_rooms if self.codes else {}
        new = [name for name in x if name not in self._places and _has_value(x[name])]
        for name in sorted(new, key=_order):
            self._add(name, x[name])
        for column, codes in self.codes.items():
            value = x.get(self.names[column])
            if _has_value(value) and value not in codes and len(codes) < MOST_CODES:
                codes[value] = len(codes)
        return bool(new) or (bool(self.codes) and self.code_rooms != rooms)

    def row(self, x: Mapping[Any, Any]) -> NDArray[np.float32]:
        """Return a row, shape (1, features); what is not known of it is NaN, a nominal value not met -1."""
        if not self.codes:
            get = x.get
            try:
                # An array of doubles takes no text, where numpy would read numbers out of it.
                numbers = np.frombuffer(array("d", [get(name, _NAN) for name in self.names]))
            except (TypeError, ValueError, OverflowError):
                numbers = np.array([self._number(name, get(name)) for name in self.names], dtype=np.float64)
        else:
            numbers = np.array([self._cell(column, x) for column in range(len(self.names))], dtype=np.float64)
        return self._as_rows(numbers[None, :])

    def rows(self, matrix: NDArray[np.float64], features: Sequence[Hashable]) -> NDArray[np.float32]:
        """Return rows, shape (n, features), of a matrix whose columns have names."""
        if len(features) == len(self.names) and list(features) == self.names:
            numbers = np.array(matrix, dtype=np.float64)
        else:
            numbers = np.full((len(matrix), len(self.names)), _NAN)
            for place, name in enumerate(features):
                column = self._places.get(name)
                if column is not None:
                    numbers[:, column] = matrix[:, place]
        for column in self.codes:
            numbers[:, column] = self._coded(column, numbers[:, column])
        return self._as_rows(numbers)

    def forget(self, columns: int, rooms: Mapping[int, int]) -> None:
        """Forget the columns from `columns` on, and nominal values for which there is no room."""
        for name in self.names[columns:]:
            del self._places[name]
        del self.names[columns:], self.centers[columns:]
        self._center_row = np.array(self.centers, dtype=np.float64)
        self.codes = {
            column: dict(list(codes.items())[: rooms[column]])
            for column, codes in self.codes.items()
            if column < columns
        }

    def state(self) -> dict[str, Any]:
        """Return names, centers and nominal values in their order."""
        codes = {column: list(values) for column, values in self.codes.items()}
        return {"names": list(self.names), "centers": list(self.centers), "codes": codes}

    def load(
        self, names: Iterable[Hashable], centers: Iterable[float], codes: Mapping[int, Iterable[Hashable]]
    ) -> None:
        """Take on a state."""
        self.names, self.centers = list(names), list(centers)
        self.codes = {
            column: {value: code for code, value in enumerate(codes[column])} for column in sorted(codes)
        }
        self._places = {name: column for column, name in enumerate(self.names)}
        self._center_row = np.array(self.centers, dtype=np.float64)

    def _add(self, name: Hashable, value: Any) -> None:
        """Begin a column."""
        column = len(self.names)
        self.names.append(name)
        self._places[name] = column
        is_nominal = name in self.declared or not isinstance(value, _NUMBERS)
        if is_nominal:
            self.codes[column] = {}
        self.centers.append(0.0 if is_nominal else float(value))
        self._center_row = np.array(self.centers, dtype=np.float64)

    def _cell(self, column: int, x: Mapping[Any, Any]) -> float:
        """Return the number of a feature of a row, not centered."""
        value = x.get(self.names[column])
        codes = self.codes.get(column)
        if codes is None:
            return self._number(self.names[column], value)
        return float(self._code(codes, value)) if _has_value(value) else _NAN

    @staticmethod
    def _code(codes: Mapping[Hashable, int], value: Any) -> int:
        """Return the code of a nominal value: -1 if it was never met, the last one if there were too many."""
        code = codes.get(value)
        if code is None:
            return MOST_CODES - 1 if len(codes) >= MOST_CODES else -1
        return code

    @staticmethod
    def _number(name: Hashable, value: Any) -> float:
        if value is None:
            return _NAN
        if not isinstance(value, _NUMBERS):
            raise ValueError(f"feature {name!r} was a number before, is {value!r} now")
        return float(value) if _has_value(value) else _NAN

    def _coded(self, column: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the codes of a column of nominal values that are numbers."""
        codes = self.codes[column]
        found = np.full(len(values), _NAN)
        for value in np.unique(values[np.isfinite(values)]).tolist():
            found[values == value] = self._code(codes, value)
        return found

    def _as_rows(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        """Center numbers, in place, and store them in 32 bits; what is not finite is missing."""
        if not np.isfinite(numbers).all():
            numbers[~np.isfinite(numbers)] = _NAN
        with np.errstate(over="ignore"):
            numbers -= self._center_row
        np.minimum(numbers, _FARTHEST, out=numbers)
        np.maximum(numbers, -_FARTHEST, out=numbers)
        return numbers.astype(np.float32)


def _has_value(value: Any) -> bool:
    """Whether a value is there: not None, and no number that is not finite or too large for a double."""
    if value is None:
        return False
    try:
        return not isinstance(value, _NUMBERS) or math.isfinite(value)
    except OverflowError:
        return False


def _order(name: Hashable) -> tuple[str, str]:
    return (type(name).__name__, str(name))
