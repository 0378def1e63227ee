"""The arrays of one tree: what is in them, and how it gets into larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest import layout
from pg_streaming_machine_learning.learning.forest.layout import Capacity, Shape
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = [
    "Arrays",
    "capacity_of",
    "copy_codes",
    "copy_pool",
    "doubled",
    "power_for",
    "tree_state",
    "widen_leaves",
    "widened",
]

Arrays = list[NDArray[Any]]


def tree_state(arrays: Arrays, shape: Shape) -> dict[str, NDArray[Any]]:
    """Return what is in the arrays of a tree."""
    meta = arrays[layout.META]
    nodes, leaves = int(meta[layout.NODES]), int(meta[layout.LEAVES])
    sets = int(meta[layout.SETS_USED])
    table = arrays[layout.TABLE][:leaves]
    has_block = table >= 0
    blocks = table[has_block]
    pool = arrays[layout.POOL][blocks]
    fields = (layout.NODES, layout.LEAVES, layout.SETS_USED, layout.RNG, layout.RESTING, layout.CHECK)
    return {
        "trees": meta[list(fields)][None, :].copy(),
        "feature": arrays[layout.FEATURE][:nodes],
        "child": arrays[layout.CHILD][:nodes],
        "border": np.where(arrays[layout.FEATURE][:nodes] < 0, np.float32(0), arrays[layout.BOUND][:nodes]),
        "counts": arrays[layout.COUNTS][:nodes],
        "place": arrays[layout.PLACE][:leaves],
        "scores": arrays[layout.SCORES][:leaves],
        "subspace": arrays[layout.SUBSPACE][:leaves],
        "has_block": has_block,
        "pool": np.concatenate([pool[:, : 5 * shape.subspace], pool[:, -1:]], axis=1),
        "codes": arrays[layout.CODES][blocks],
        "sets": arrays[layout.SETS][:sets],
    }


def widen_leaves(arrays: Arrays, old: int, new: int, former: int, n_features: int) -> None:
    """Let every leaf of a tree draw from the features that are new until it has its share."""
    meta, subspace = arrays[layout.META], arrays[layout.SUBSPACE]
    random = Splitmix(int(meta[layout.RNG]))
    for leaf in range(int(meta[layout.LEAVES])):
        subspace[leaf, old:new] = random.sample(former, n_features, new - old)
    meta[layout.RNG] = random.state_signed


def capacity_of(arrays: Arrays) -> Capacity:
    """Return how much room some arrays have."""
    return Capacity(len(arrays[layout.FEATURE]), len(arrays[layout.POOL]), len(arrays[layout.SETS]))


def copy_pool(old: NDArray[Any], new: NDArray[Any], former: int, sub: int) -> None:
    """Copy blocks to blocks of a wider subspace; what is new there is empty."""
    n = len(old)
    for statistic in range(layout.STATISTICS):
        new[:n, statistic * sub : statistic * sub + former] = old[
            :, statistic * former : (statistic + 1) * former
        ]
    new[:n, 3 * sub + former : 4 * sub] = np.inf
    new[:n, 4 * sub + former : 5 * sub] = -np.inf
    new[:n, -1] = old[:, -1]


def copy_codes(
    old: NDArray[Any],
    new: NDArray[Any],
    offsets: NDArray[np.int64],
    new_offsets: NDArray[np.int64],
    column: int,
) -> None:
    """Copy the weights of a nominal feature's values."""
    ends = sorted(int(offset) for offset in offsets if offset > offsets[column])
    begin, end = int(offsets[column]), ends[0] if ends else old.shape[1]
    at = int(new_offsets[column])
    new[: len(old), at : at + end - begin] = old[:, begin:end]


def widened(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array in a larger one, with zeros where it ends."""
    new = np.zeros(shape, array.dtype)
    new[tuple(slice(length) for length in array.shape)] = array
    return new


def doubled(has: int, is_needed: bool, limit: int) -> int:
    """Return twice the room if it is needed, but no more than the limit."""
    return min(has * 2, max(limit, has)) if is_needed else has


def power_for(wanted: int, least: int) -> int:
    """Return `least` times a power of two that is enough."""
    room = least
    while room < wanted:
        room *= 2
    return room
