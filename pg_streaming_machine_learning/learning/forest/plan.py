"""What a forest is to be: its parameters, checked, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.arithmetic import log2
from pg_streaming_machine_learning.learning.forest.layout import Capacity, Shape
from pg_streaming_machine_learning.learning.subspace import subspace_size

__all__ = ["EVENTS_KEPT", "LEAF_KINDS", "MOST_WEIGHT", "ForestPlan", "Votes", "plan_of"]

LEAF_KINDS = ("mc", "nb", "nba")
"""Majority class, naive Bayes, whichever of both was right more often: as the kernel counts them."""

LN2 = 0.6931471805599453
MOST_WEIGHT = 1e12
"""Of a sample, and of a class."""

EVENTS_KEPT = 1000
"""Of each member: what nobody takes is forgotten when newer ones come."""

_MEMBER_BYTES = 16_384
_MOST_TIMES = 64


@dataclass(frozen=True)
class ForestPlan:
    """Parameters of a forest; see `AdaptiveRandomForestClassifier`."""

    n_models: int
    max_features: float | int | str | None
    lambda_value: float
    grace_period: float
    delta: float
    tau: float
    wait: float
    leaf_kind: int
    has_background: bool
    warning_delta: float
    drift_delta: float
    seed: int
    max_bytes: int

    def __post_init__(self) -> None:
        for name, low, high in (
            ("n_models", 1, 10_000),
            ("lambda_value", 1e-6, 50.0),
            ("grace_period", 1.0, 1e9),
            ("delta", 1e-300, 0.999),
            ("tau", 0.0, 100.0),
            ("wait", 0.0, 1e9),
            ("warning_delta", 1e-300, 0.999),
            ("drift_delta", 1e-300, 0.999),
        ):
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}, expected {low} to {high}")
        for name in ("n_models", "seed", "max_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer):
                raise ValueError(f"{name} is {value!r}, expected a whole number")
        if not self.max_bytes <= 2**62:
            raise ValueError(f"max_bytes is {self.max_bytes!r}, expected at most 2**62")
        share = self.max_features
        if isinstance(share, float) and not 0.0 < share <= 1.0:
            raise ValueError(f"max_features is {share!r}, expected a share above 0 and at most 1")
        if isinstance(share, int) and not share >= 1:
            raise ValueError(f"max_features is {share!r}, expected at least 1 feature")
        subspace_size(share, 1)
        self.limits(Shape(classes=0, subspace=0, codes=0, words=0), 0)

    @cached_property
    def log_delta(self) -> float:
        """Natural logarithm of 1 / delta."""
        return LN2 * log2(1.0 / self.delta)

    @cached_property
    def poisson(self) -> tuple[int, ...]:
        """Thresholds for 64 random bits: as many as are not above them is how often a sample is learned."""
        with localcontext() as context:
            context.prec = 50
            share = (-Decimal(self.lambda_value)).exp()
            below = Decimal(0)
            thresholds = []
            for times in range(_MOST_TIMES):
                below += share
                share *= Decimal(self.lambda_value) / (times + 1)
                thresholds.append(min(int(below * 2**64), 2**64 - 1))
        return tuple(thresholds)

    def sub(self, n_features: int) -> int:
        """Return how many of so many features a leaf watches."""
        return subspace_size(self.max_features, n_features)

    def limits(self, shape: Shape, n_features: int) -> Capacity:
        """Return how much room a tree may have at most, so that the forest stays below `max_bytes`.

        Raises
        ------
        ValueError
            If not even the smallest trees fit.
        """
        room = self.max_bytes - self.n_models * (_MEMBER_BYTES + 8 * n_features)
        of_tree = room // (2 * self.n_models) - 256
        sets = of_tree // 8 // shape.set_bytes if shape.words else 0
        rest = of_tree - sets * shape.set_bytes
        nodes = rest // 3 // shape.node_bytes
        blocks = (rest - nodes * shape.node_bytes) // shape.block_bytes
        if nodes < 3 or blocks < shape.classes:
            raise ValueError(
                f"max_bytes is {self.max_bytes}, too little for {self.n_models} trees of {n_features} "
                f"features and {shape.classes} classes"
            )
        return Capacity(min(nodes, 2**30), min(blocks, 2**30), min(max(sets, 1), 2**23))


@dataclass(frozen=True)
class Votes:
    """What the members of a forest say about rows.

    Parameters
    ----------
    votes : ndarray, shape (members, n, classes)
        Probabilities; zeros from a member that knows nothing.
    trusts : ndarray, shape (members, n)
        How far each is to be trusted.
    reasons : ndarray, shape (n, features, classes), or None
        Contribution of each feature, times trust, of all members, added up in their order.
    bases : ndarray, shape (n, classes), or None
        What they say before they look at features, likewise.
    """

    votes: NDArray[np.float64]
    trusts: NDArray[np.float64]
    reasons: NDArray[np.float64] | None = None
    bases: NDArray[np.float64] | None = None


def plan_of(forest: Any) -> ForestPlan:
    """Return the plan that the parameters of a classifier lead to.

    Raises
    ------
    ValueError
        If one of them is not as it has to be.
    """
    for name in ("nominal_features", "classes"):
        value = getattr(forest, name)
        if value is not None and (isinstance(value, str) or not isinstance(value, Collection)):
            raise ValueError(f"{name} is {value!r}, expected several, or None")
    weights = [] if forest.class_weights is None else list(forest.class_weights.values())
    if not all(0 <= weight <= MOST_WEIGHT for weight in weights):
        raise ValueError(f"class_weights is {forest.class_weights!r}, expected numbers from 0 to 1e12")
    if not isinstance(forest.n_jobs, int | np.integer) or not 1 <= forest.n_jobs <= 256:
        raise ValueError(f"n_jobs is {forest.n_jobs!r}, expected a whole number from 1 to 256")
    if forest.leaf_prediction not in LEAF_KINDS:
        raise ValueError(f"leaf_prediction is {forest.leaf_prediction!r}, expected one of {LEAF_KINDS}")
    return ForestPlan(
        n_models=forest.n_models,
        max_features=forest.max_features,
        lambda_value=forest.lambda_value,
        grace_period=forest.grace_period,
        delta=forest.delta,
        tau=forest.tau,
        wait=forest.wait,
        leaf_kind=LEAF_KINDS.index(forest.leaf_prediction),
        has_background=forest.warning_delta > 0,
        warning_delta=forest.warning_delta or 0.5,
        drift_delta=forest.drift_delta,
        seed=forest.seed,
        max_bytes=forest.max_bytes,
    )
