"""Two forests of the same plan, the compiled one and the reference, that do everything together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.backend import Backend, Forest
from pg_streaming_machine_learning.learning.forest.plan import ForestPlan

State = dict[str, NDArray[Any]]
Event = tuple[int, int, int, float, float, bool]


class Twins:
    """Run two forests side by side, and fail where they differ in a bit.

    Parameters
    ----------
    plan : ForestPlan
        Of both.
    """

    def __init__(self, plan: ForestPlan) -> None:
        self.plan = plan
        self._backends = (Backend.best(), Backend.reference())
        self._forests: tuple[Forest, ...] = tuple(backend.forest(plan) for backend in self._backends)
        self._grown: tuple[int, int, Mapping[int, int]] = (0, 0, {})

    def grow(self, n_features: int, n_classes: int, code_sizes: Mapping[int, int]) -> State:
        """Let both meet features, classes and nominal values; return their state."""
        self._grown = (n_features, n_classes, code_sizes)
        for forest in self._forests:
            forest.grow(*self._grown)
        return self.state()

    def run(
        self,
        rows: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        *,
        explain: bool = False,
        n_jobs: int = 1,
    ) -> list[Event]:
        """Let both predict and learn rows; return what happened."""
        compiled, reference = (
            vars(forest.run(rows, labels, weights, explain, n_jobs)) for forest in self._forests
        )
        assert differences(compiled, reference) == []
        told, expected = (forest.take_events() for forest in self._forests)
        assert told == expected
        return told

    def state(self) -> State:
        """Return the state of both."""
        compiled, reference = (forest.state() for forest in self._forests)
        assert differences(compiled, reference) == []
        for name, array in reference.items():
            assert array.dtype.isnative, name
        return reference

    def cross_over(self) -> None:
        """Go on in two new forests, each from the state of the other."""
        states = [forest.state() for forest in self._forests]
        self._forests = tuple(backend.forest(self.plan) for backend in self._backends)
        for forest, state in zip(self._forests, reversed(states), strict=True):
            forest.grow(*self._grown)
            forest.load(state)


def differences(these: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Return the names of the arrays that differ: in type, in shape, or in a byte."""
    return [name for name in sorted({*these, *others}) if _bytes(these, name) != _bytes(others, name)]


def _bytes(arrays: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    array = arrays.get(name)
    return () if array is None else (array.dtype, array.shape, array.tobytes())


def batches(n: int, sizes: Iterator[int]) -> Iterator[slice]:
    """Yield parts of `n` rows, of the sizes given."""
    begin = 0
    while begin < n:
        end = min(n, begin + next(sizes))
        yield slice(begin, end)
        begin = end
