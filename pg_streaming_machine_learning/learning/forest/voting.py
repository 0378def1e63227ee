"""The votes of the members, added up: always in their order, so that the bits do not depend on how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.plan import Votes

__all__ = ["together", "together_one", "trust_of"]

Matrix = NDArray[np.float64]


def _in_order(parts: NDArray[np.float64]) -> Matrix:
    """Return the sum over the first axis, added in its order."""
    whole: Matrix = parts[0].copy()
    for part in parts[1:]:
        whole += part
    return whole


def trust_of(votes: Votes) -> Matrix:
    """Return how far the members are trusted together, by row; 1 where none knows anything."""
    trust = _in_order(votes.trusts)
    trust[trust == 0.0] = 1.0
    return trust


def together(votes: Votes) -> Matrix:
    """Return the probabilities that members vote for, shape (n, classes)."""
    whole: Matrix = votes.votes[0] * votes.trusts[0][:, None]
    for vote, trust in zip(votes.votes[1:], votes.trusts[1:], strict=True):
        whole += vote * trust[:, None]
    whole /= trust_of(votes)[:, None]
    return whole


def together_one(votes: Votes) -> list[float]:
    """Return what `together` does, of a single row: without arrays, for which a row is too little."""
    trusts: list[float] = votes.trusts[:, 0].tolist()
    whole = [0.0] * votes.votes.shape[2]
    trust = 0.0
    for said, trusted in zip(votes.votes[:, 0].tolist(), trusts, strict=True):
        trust += trusted
        for column, share in enumerate(said):
            whole[column] += share * trusted
    return [share / (trust or 1.0) for share in whole]
