"""What all trees of a forest have in common: its parameters, and the features and classes met so far."""

from __future__ import annotations

from collections.abc import Mapping

from pg_streaming_machine_learning.learning.forest.layout import Capacity, Shape
from pg_streaming_machine_learning.learning.forest.plan import ForestPlan
from pg_streaming_machine_learning.learning.forest.reference.statistics import Nominal, Numeric

__all__ = ["World"]


class World:
    """Parameters, features and classes; what trees ask for.

    Parameters
    ----------
    plan : ForestPlan
        Parameters.
    n_features, n_classes : int
        Met so far.
    code_sizes : mapping of int to int
        Of each nominal column, how many values have a code.
    """

    def __init__(
        self,
        plan: ForestPlan,
        n_features: int = 0,
        n_classes: int = 0,
        code_sizes: Mapping[int, int] | None = None,
    ) -> None:
        self.plan = plan
        self.n_features = n_features
        self.n_classes = n_classes
        self.code_sizes = dict(sorted((code_sizes or {}).items()))
        self.subspace = plan.sub(n_features)
        self.limits: Capacity = plan.limits(self.shape, n_features)

    @property
    def words(self) -> int:
        """64-bit words of a set of nominal values, as the state keeps it."""
        return (max(self.code_sizes.values(), default=0) + 63) // 64

    @property
    def shape(self) -> Shape:
        """The sizes that memory depends on."""
        return Shape(self.n_classes, self.subspace, sum(self.code_sizes.values()), self.words)

    def new_statistics(self, column: int) -> Numeric | Nominal:
        """Return empty statistics of a feature."""
        return Nominal() if column in self.code_sizes else Numeric()
