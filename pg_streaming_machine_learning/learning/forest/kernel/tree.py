"""One tree: its arrays as compiled functions see them, its beginning, and the way of a sample through it."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit

from pg_streaming_machine_learning.learning.forest.kernel.memory import (
    border_of,
    child_of,
    counts_of,
    feature_of,
    free_of,
    meta_of,
    offsets_of,
    order_of,
    place_of,
    scores_of,
    sets_of,
    subspace_of,
    table_of,
)
from pg_streaming_machine_learning.learning.forest.kernel.randomness import below, next_random
from pg_streaming_machine_learning.learning.forest.layout import (
    BLOCKS,
    FREED,
    LEAVES,
    META_SIZE,
    NODES,
    RNG,
    SETS_USED,
)

__all__ = [
    "draw_subspace",
    "find",
    "free_blocks",
    "goes_right",
    "has_room",
    "is_full",
    "reset",
    "take_block",
    "weight_of",
]


@njit
def draw_subspace(tree, leaf, plan, scratch):
    """Draw the features of a leaf: the first places of a Fisher-Yates shuffle."""
    order = order_of(scratch, plan)
    meta = meta_of(tree, plan)
    subspace = subspace_of(tree, plan)
    n = plan.features
    if plan.sub == n:
        for j in range(n):
            subspace[leaf, j] = j
        return
    state = np.uint64(meta[RNG])
    for column in range(n):
        order[column] = column
    for j in range(plan.sub):
        state, bits = next_random(state)
        pick = j + below(bits, n - j)
        order[j], order[pick] = order[pick], order[j]
        subspace[leaf, j] = order[j]
    meta[RNG] = np.int64(state)


@njit
def reset(tree, plan, seed, scratch):
    """Begin a tree anew: one leaf that knows nothing."""
    meta = meta_of(tree, plan)
    feature = feature_of(tree, plan)
    child = child_of(tree, plan)
    counts = counts_of(tree, plan)
    place = place_of(tree, plan)
    scores = scores_of(tree, plan)
    table = table_of(tree, plan)
    for k in range(META_SIZE):
        meta[k] = 0
    meta[NODES] = 1
    meta[LEAVES] = 1
    meta[RNG] = seed
    feature[0] = -1
    child[0] = 0
    place[0, 0] = 0
    place[0, 1] = 1
    for c in range(plan.classes):
        counts[0, c] = 0.0
        table[0, c] = -1
    scores[0, 0] = plan.grace
    scores[0, 1] = 0.0
    scores[0, 2] = 0.0
    draw_subspace(tree, 0, plan, scratch)


@njit
def goes_right(tree, plan, node, row):
    """Return 1 if a row goes to the right child of a node, else 0."""
    offsets = offsets_of(plan)
    feature = feature_of(tree, plan)
    border = border_of(tree, plan)
    sets = sets_of(tree, plan)
    packed = np.int64(feature[node])
    column = packed >> 1
    x = row[column]
    if plan.nominal and offsets[column] >= 0:
        if x >= 0.0:
            code = np.int64(x)
            word, bit = code >> 6, code & 63
            at = np.int64(border[node])
            if (sets[at, plan.words + word] >> bit) & 1:
                return 1 - ((sets[at, word] >> bit) & 1)
        return packed & 1
    if x <= border[node]:
        return np.int64(0)
    if x > border[node]:
        return np.int64(1)
    return packed & 1


@njit
def find(tree, plan, row):
    """Return the node of the leaf a row belongs to."""
    feature = feature_of(tree, plan)
    child = child_of(tree, plan)
    node = np.int64(0)
    while feature[node] >= 0:
        node = child[node] + goes_right(tree, plan, node, row)
    return node


@njit
def weight_of(tree, plan, node):
    """Return the weight that passed a node, of all classes."""
    counts = counts_of(tree, plan)
    total = 0.0
    for c in range(plan.classes):
        total += counts[node, c]
    return total


@njit
def free_blocks(tree, plan, leaf):
    """Give the blocks of a leaf back."""
    meta = meta_of(tree, plan)
    table = table_of(tree, plan)
    free = free_of(tree, plan)
    for c in range(plan.classes):
        if table[leaf, c] >= 0:
            free[meta[FREED]] = table[leaf, c]
            meta[FREED] += 1
            table[leaf, c] = -1


@njit
def is_full(tree, plan):
    """Whether all blocks a tree may have are in use.

    By the limit, not by the room there is: this may be more, and is not the same after a restart.
    """
    meta = meta_of(tree, plan)
    return meta[BLOCKS] - meta[FREED] >= plan.block_limit


@njit
def take_block(tree, plan):
    """Return the number of an unused block, -1 if the tree has as many as it may."""
    meta = meta_of(tree, plan)
    free = free_of(tree, plan)
    if is_full(tree, plan):
        return np.int64(-1)
    if meta[FREED] > 0:
        meta[FREED] -= 1
        return np.int64(free[meta[FREED]])
    if meta[BLOCKS] < tree.block_cap:
        meta[BLOCKS] += 1
        return meta[BLOCKS] - 1
    return np.int64(-1)


@njit
def has_room(tree, plan):
    """Whether one more sample can be learned, whatever it leads to; at its limits a tree needs no room."""
    meta = meta_of(tree, plan)
    return (
        (meta[NODES] + 2 <= tree.node_cap or tree.node_cap >= plan.node_limit)
        and (meta[FREED] > 0 or meta[BLOCKS] < tree.block_cap or tree.block_cap >= plan.block_limit)
        and (meta[SETS_USED] < tree.set_cap or tree.set_cap >= plan.set_limit)
    )
