"""How a tree keeps its memory bounded: the least promising leaves rest, and may come back.

A leaf's statistics of one class are a block, and a tree may have so many. When they are used up, the leaf
that promises least gives its blocks back and rests. From time to time the most promising of these wakes.

References
----------
Kirkby, Improving Hoeffding trees, PhD thesis, University of Waikato, 2007, chapter 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pg_streaming_machine_learning.learning.forest.arithmetic import add_up
from pg_streaming_machine_learning.learning.forest.layout import CHECK_EVERY
from pg_streaming_machine_learning.learning.forest.reference.leaf import Leaf
from pg_streaming_machine_learning.learning.forest.reference.world import World

if TYPE_CHECKING:
    from pg_streaming_machine_learning.learning.forest.reference.tree import Tree

__all__ = ["give_up", "has_room", "is_too_large", "look_after"]


def has_room(tree: Tree, leaf: Leaf, c: int, world: World) -> bool:
    """Make room for a class in a leaf if it needs any; return whether it has it. If not, the leaf rests now.

    A leaf that promises less rests instead, if there is one.
    """
    while c not in leaf.statistics and _is_full(tree, world):
        other = _least_promising(tree)
        if other is None or other is leaf or not _promise(tree, other) < _promise(tree, leaf):
            _rest(leaf)
            return False
        _rest(other)
    return True


def look_after(tree: Tree, world: World) -> None:
    """From time to time let the most promising leaf that rests watch again.

    If there is no room, it has to promise twice what the least promising one that watches does, which rests.
    """
    resting = [leaf for leaf in tree.leaves if not leaf.watches]
    if not resting:
        return
    tree.check += 1
    if tree.check < CHECK_EVERY:
        return
    tree.check = 0
    found = max(resting, key=lambda leaf: _promise(tree, leaf))
    other = _least_promising(tree)
    if other is not None and _is_full(tree, world):
        if _promise(tree, found) <= 2.0 * _promise(tree, other):
            return
        _rest(other)
    found.watches = True
    found.next_attempt = add_up(tree.nodes[found.node].counts) + world.plan.grace_period
    found.majority_right = found.bayes_right = 0.0


def is_too_large(tree: Tree, world: World) -> bool:
    """Whether a tree has more nodes or sets of names than it may have from now on."""
    return len(tree.nodes) > world.limits.nodes or len(tree.codes) > world.limits.sets


def give_up(tree: Tree, world: World) -> None:
    """Let the least promising leaves rest until there are no more blocks than there may be from now on."""
    while sum(len(leaf.statistics) for leaf in tree.leaves) > world.limits.blocks:
        least = _least_promising(tree)
        assert least is not None
        _rest(least)


def _is_full(tree: Tree, world: World) -> bool:
    return sum(len(leaf.statistics) for leaf in tree.leaves) >= world.limits.blocks


def _promise(tree: Tree, leaf: Leaf) -> float:
    """Return what a leaf may gain by watching: the weight it would have wrong."""
    counts = tree.nodes[leaf.node].counts
    return add_up(counts) - max(counts)


def _least_promising(tree: Tree) -> Leaf | None:
    """Return the leaf with statistics that promises least, the first of equals."""
    leaves = [leaf for leaf in tree.leaves if leaf.statistics]
    return min(leaves, key=lambda leaf: _promise(tree, leaf), default=None)


def _rest(leaf: Leaf) -> None:
    leaf.watches = False
    leaf.statistics = {}
