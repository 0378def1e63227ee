"""What a tree gives up when more features or classes leave less room for its nodes and blocks.

A node is wider with every class, a block with every feature; `max_bytes` stays the same. So a tree may have
more than it is allowed to have from now on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest import layout
from pg_streaming_machine_learning.learning.forest.layout import Capacity

__all__ = ["compacted", "is_too_large", "let_rest"]

Arrays = list[NDArray[Any]]


def is_too_large(arrays: Arrays, limits: Capacity) -> bool:
    """Whether a tree has more nodes or sets than it may: it has to begin anew, as none can be taken out."""
    meta = arrays[layout.META]
    return bool(meta[layout.NODES] > limits.nodes or meta[layout.SETS_USED] > limits.sets)


def let_rest(arrays: Arrays, limits: Capacity) -> None:
    """Let the least promising leaves rest until there are no more blocks than there may be; in place.

    A leaf promises the weight it would have wrong; of equals the first rests.
    """
    meta, place, table = arrays[layout.META], arrays[layout.PLACE], arrays[layout.TABLE]
    leaves = int(meta[layout.LEAVES])
    blocks = (table[:leaves] >= 0).sum(axis=1)
    excess = int(blocks.sum()) - limits.blocks
    if excess <= 0:
        return
    counts = arrays[layout.COUNTS][place[:leaves, 0]].astype(np.float64)
    # Added one after the other, as the kernel does.
    promises = np.cumsum(counts, axis=1)[:, -1] - counts.max(axis=1)
    for leaf in np.argsort(promises, kind="stable").tolist():
        if excess <= 0:
            break
        if blocks[leaf]:
            excess -= int(blocks[leaf])
            table[leaf] = -1
            place[leaf, 1] = 0
            meta[layout.RESTING] += 1


def compacted(arrays: Arrays, capacity: Capacity) -> Arrays:
    """Return the arrays of a tree cut to a capacity that is enough for it; blocks in use come first."""
    meta = arrays[layout.META].copy()
    nodes, leaves, blocks = capacity.nodes, capacity.leaves, capacity.blocks
    table = np.full_like(arrays[layout.TABLE][:leaves], -1)
    own = int(meta[layout.LEAVES])
    in_use = arrays[layout.TABLE][:own] >= 0
    order = arrays[layout.TABLE][:own][in_use]
    table[:own][in_use] = np.arange(len(order))
    meta[layout.BLOCKS], meta[layout.FREED] = len(order), 0
    new = list(arrays)
    new[layout.META], new[layout.TABLE] = meta, table
    for place in (layout.FEATURE, layout.CHILD, layout.BOUND, layout.COUNTS):
        new[place] = arrays[place][:nodes]
    for place in (layout.PLACE, layout.SCORES, layout.SUBSPACE):
        new[place] = arrays[place][:leaves]
    for place in (layout.POOL, layout.CODES):
        new[place] = arrays[place][order]
    new[layout.FREE] = np.zeros(blocks, np.int32)
    new[layout.SETS] = arrays[layout.SETS][: capacity.sets]
    return new
