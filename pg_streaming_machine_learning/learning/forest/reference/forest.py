"""The forest in plain Python: what the compiled one is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.plan import ForestPlan, Votes
from pg_streaming_machine_learning.learning.forest.reference.member import Member
from pg_streaming_machine_learning.learning.forest.reference.stored import from_arrays, to_arrays
from pg_streaming_machine_learning.learning.forest.reference.world import World
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = ["ReferenceForest"]


class ReferenceForest:
    """The members of a forest, slow and readable.

    Parameters
    ----------
    plan : ForestPlan
        What it is to be.
    """

    def __init__(self, plan: ForestPlan) -> None:
        self.plan = plan
        self._world = World(plan)
        random = Splitmix(plan.seed)
        self._members = [Member(self._world, random.next()) for _ in range(plan.n_models)]

    @property
    def n_features(self) -> int:
        """Features met so far."""
        return self._world.n_features

    @property
    def n_classes(self) -> int:
        """Classes met so far."""
        return self._world.n_classes

    @property
    def allocated_bytes(self) -> int:
        """Bytes of the state; as Python's objects it takes many times as much."""
        return sum(array.nbytes for array in self.state().values())

    @property
    def importances(self) -> NDArray[np.float64]:
        """Gain times weight of all splits, shape (members, features)."""
        rows = [member.importances for member in self._members]
        return np.array(rows, np.float64).reshape(len(rows), self.n_features)

    def grow(self, n_features: int, n_classes: int, code_sizes: Mapping[int, int]) -> None:
        """Make room for features, classes and nominal values; leaves draw from the features that are new.

        Raises
        ------
        ValueError
            If there is no room for them in `max_bytes`.
        """
        before, self._world = self._world, World(self.plan, n_features, n_classes, code_sizes)
        for member in self._members:
            member.grow(before, self._world)

    def run(
        self,
        rows: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        explain: bool = False,
        n_jobs: int = 1,
        reasons: NDArray[np.float64] | None = None,
    ) -> Votes:
        """Take rows through all members: each row is predicted, then learned if it has a weight.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, features)
            NaN is missing; of a nominal feature a code, -1 for a value not met.
        labels : ndarray of int64, shape (n,)
            Classes.
        weights : ndarray of float64, shape (n,)
            0 for a row that is only predicted.
        explain : bool
            Whether to give reasons.
        n_jobs : int
            Changes nothing here.
        reasons : ndarray of float64, shape (n, features, classes), optional
            Where reasons are to be put if they are asked for; by default there is a new array.
        """
        members, n, classes = len(self._members), len(rows), self.n_classes
        votes, trusts = np.zeros((members, n, classes)), np.zeros((members, n))
        if not explain:
            reasons = None
        elif reasons is None:
            reasons = np.zeros((n, self.n_features, classes))
        else:
            reasons[:] = 0.0
        bases = np.zeros((n, classes)) if explain else None
        samples = list(zip(rows.tolist(), labels.tolist(), weights.tolist(), strict=True))
        for m, member in enumerate(self._members):
            for i, (row, label, weight) in enumerate(samples):
                vote = member.take(row, label, weight, self._world, explain)
                votes[m, i], trusts[m, i] = vote.probabilities, vote.trust
                if reasons is not None and bases is not None and vote.reasons is not None:
                    reasons[i] += vote.reasons
                    bases[i] += vote.base
        return Votes(votes, trusts, reasons, bases)

    def take_events(self) -> list[tuple[int, int, int, float, float, bool]]:
        """Return what happened since the last call: member, kind, sample, before, after, replaced."""
        told = [
            (m, event.kind, event.sample, event.before, event.after, event.replaced)
            for m, member in enumerate(self._members)
            for event in member.events
        ]
        for member in self._members:
            member.events.clear()
        return sorted(told, key=lambda event: (event[2], event[0], event[1]))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the future depends on."""
        return to_arrays(self._members, self._world)

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take on a state of a forest of the same plan, that has grown as this one has."""
        self._members = from_arrays(state, self._world)
