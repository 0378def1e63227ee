"""The state of the forest as arrays, and back: the same arrays as the compiled one gives.

Rows are in the order of members; of their trees, the one that votes first; of a tree its nodes, or leaves, or
sets; of a leaf its classes. See `to_arrays`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.reference.adwin import Adwin
from pg_streaming_machine_learning.learning.forest.reference.leaf import Leaf
from pg_streaming_machine_learning.learning.forest.reference.member import Member
from pg_streaming_machine_learning.learning.forest.reference.split import Codes, Split
from pg_streaming_machine_learning.learning.forest.reference.statistics import (
    ClassStatistics,
    Nominal,
    Numeric,
)
from pg_streaming_machine_learning.learning.forest.reference.tree import Node, Tree
from pg_streaming_machine_learning.learning.forest.reference.world import World
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = ["from_arrays", "to_arrays"]

_WORD = 64


def to_arrays(members: Sequence[Member], world: World) -> dict[str, NDArray[Any]]:
    """Return the state of members.

    Returns
    -------
    dict of str to ndarray
        ===========  =======  ========================  ==================================================
        members      int64    (members, 5)              1 if a tree is in the background; random state;
                                                        samples; trees begun; 0
        tallies      float64  (members, 2)              samples that the voting tree had right, and all
        detectors    int64    (members, 2, 284)         of warnings and of drifts: see `Adwin.to_numbers`
        importances  float64  (members, features)
        trees        int64    (trees, 6)                numbers of nodes, leaves and sets; random state;
                                                        leaves that rest; samples since they were looked at
        feature      int32    (nodes,)                  -1: a leaf; else twice the column, plus 1 if missing
                                                        values go right
        child        int32    (nodes,)                  left child, of a leaf: its number; in its tree
        border       float32  (nodes,)                  bound, or number of the set; 0 of a leaf
        counts       float64  (nodes, classes)
        place        int32    (leaves, 2)               node; 1 if it watches
        scores       float64  (leaves, 3)               weight at which it tries to split next; weights that
                                                        majority, and naive Bayes, had right
        subspace     int32    (leaves, subspace)        columns
        has_block    bool     (leaves, classes)         which have statistics
        pool         float32  (blocks, 5 subspace + 1)  of each feature watched the weight, then of each the
                                                        mean, squares, least and greatest; the whole weight
        codes        float32  (blocks, codes)           weights of the values of the nominal features, these
                                                        in the order of their columns
        sets         int64    (sets, 2 words)           bits of the values that go left; of those met
        ===========  =======  ========================  ==================================================

    Notes
    -----
    Whole numbers of 64 bits are in two's complement.
    """
    trees = [tree for member in members for tree in member.trees_in_use()]
    nodes = [node for tree in trees for node in tree.nodes]
    leaves = [leaf for tree in trees for leaf in tree.leaves]
    blocks = [(leaf, statistics) for leaf in leaves for _, statistics in leaf.known()]
    classes, sub, codes = world.n_classes, world.subspace, sum(world.code_sizes.values())

    def array(rows: list[Any], kind: Any, *shape: int) -> NDArray[Any]:
        return np.array(rows, kind).reshape(len(rows), *shape)

    detectors = [[member.warning.to_numbers(), member.drift.to_numbers()] for member in members]
    return {
        "members": array([_member_numbers(member) for member in members], np.int64, 5),
        "tallies": array([(member.right, member.seen) for member in members], np.float64, 2),
        "detectors": np.array(detectors, np.int64),
        "importances": array([member.importances for member in members], np.float64, world.n_features),
        "trees": array([_tree_numbers(tree) for tree in trees], np.int64, 6),
        "feature": array([_feature(node.split) for node in nodes], np.int32),
        "child": array([node.split.child if node.split else node.leaf for node in nodes], np.int32),
        "border": array([node.split.bound if node.split else 0.0 for node in nodes], np.float32),
        "counts": array([node.counts for node in nodes], np.float64, classes),
        "place": array([(leaf.node, leaf.watches) for leaf in leaves], np.int32, 2),
        "scores": array(
            [(leaf.next_attempt, leaf.majority_right, leaf.bayes_right) for leaf in leaves], np.float64, 3
        ),
        "subspace": array([leaf.subspace for leaf in leaves], np.int32, sub),
        "has_block": array(
            [[c in leaf.statistics for c in range(classes)] for leaf in leaves], np.bool_, classes
        ),
        "pool": array([_pool_row(statistics) for _, statistics in blocks], np.float32, 5 * sub + 1),
        "codes": array([_codes_row(leaf, each, world) for leaf, each in blocks], np.float32, codes),
        "sets": array(
            [_set_row(each, world.words) for tree in trees for each in tree.codes], np.int64, 2 * world.words
        ),
    }


def _member_numbers(member: Member) -> list[int]:
    has_background = int(member.background is not None)
    return [has_background, member.random.state_signed, member.samples, member.trees, 0]


def _tree_numbers(tree: Tree) -> list[int]:
    resting = sum(not leaf.watches for leaf in tree.leaves)
    sizes = [len(tree.nodes), len(tree.leaves), len(tree.codes)]
    return [*sizes, tree.random.state_signed, resting, tree.check]


def _feature(split: Split | None) -> int:
    return -1 if split is None else 2 * split.column + int(split.missing_right)


def _pool_row(statistics: ClassStatistics) -> list[float]:
    """Return the row of a class; of a nominal feature all but the weight is as if nothing had been met."""
    nothing = Numeric()
    numbers = [each if isinstance(each, Numeric) else nothing for each in statistics.features]
    return [
        *(each.weight for each in statistics.features),
        *(each.mean for each in numbers),
        *(each.squares for each in numbers),
        *(each.least for each in numbers),
        *(each.greatest for each in numbers),
        statistics.weight,
    ]


def _codes_row(leaf: Leaf, statistics: ClassStatistics, world: World) -> list[float]:
    features = dict(zip(leaf.subspace, statistics.features, strict=True))
    row: list[float] = []
    for column, size in world.code_sizes.items():
        feature = features.get(column, Nominal())
        assert isinstance(feature, Nominal)
        row += [feature.codes.get(code, 0.0) for code in range(size)]
    return row


def _set_row(codes: Codes, words: int) -> list[int]:
    return [*_words(codes.left, words), *_words(codes.met, words)]


def _words(codes: frozenset[int], words: int) -> list[int]:
    bits = sum(1 << code for code in codes)
    parts = [bits >> (_WORD * word) & (2**_WORD - 1) for word in range(words)]
    return [part - 2**_WORD if part >> (_WORD - 1) else part for part in parts]


def _codes_of(words: Sequence[int]) -> frozenset[int]:
    return frozenset(
        _WORD * at + bit for at, word in enumerate(words) for bit in range(_WORD) if word >> bit & 1
    )


def from_arrays(state: Mapping[str, NDArray[Any]], world: World) -> list[Member]:
    """Return the members of which `to_arrays` made a state."""
    rows = {name: iter(array.tolist()) for name, array in state.items()}
    members = []
    for has_background, random, samples, trees, _ in rows["members"]:
        member = Member(world, 0)
        member.random = Splitmix(random)
        member.samples, member.trees = samples, trees
        member.right, member.seen = next(rows["tallies"])
        member.warning, member.drift = map(Adwin.from_numbers, next(rows["detectors"]))
        member.importances = next(rows["importances"])
        member.voting = _tree(rows, world)
        member.background = _tree(rows, world) if has_background else None
        members.append(member)
    return members


def _tree(rows: Mapping[str, Iterator[Any]], world: World) -> Tree:
    nodes, leaves, sets, random, _, check = next(rows["trees"])
    words = [next(rows["sets"]) for _ in range(sets)]
    tree = Tree(world, 0)
    tree.random = Splitmix(random)
    tree.check = check
    tree.codes = [Codes(_codes_of(row[: world.words]), _codes_of(row[world.words :])) for row in words]
    tree.nodes = [_node(rows, tree.codes, world) for _ in range(nodes)]
    tree.leaves = [_leaf(rows, world) for _ in range(leaves)]
    return tree


def _node(rows: Mapping[str, Iterator[Any]], codes: Sequence[Codes], world: World) -> Node:
    feature, child, bound, counts = (next(rows[name]) for name in ("feature", "child", "border", "counts"))
    if feature < 0:
        return Node(child, counts)
    node = Node(0, counts)
    column, is_right = feature >> 1, feature & 1 == 1
    its_codes = codes[int(bound)] if column in world.code_sizes else None
    node.split = Split(column, is_right, bound, its_codes, child)
    return node


def _leaf(rows: Mapping[str, Iterator[Any]], world: World) -> Leaf:
    node, watches = next(rows["place"])
    next_attempt, majority_right, bayes_right = next(rows["scores"])
    leaf = Leaf(node, next(rows["subspace"]), next_attempt)
    leaf.watches = watches == 1
    leaf.majority_right, leaf.bayes_right = majority_right, bayes_right
    for c, has_block in enumerate(next(rows["has_block"])):
        if has_block:
            leaf.statistics[c] = _statistics(leaf, next(rows["pool"]), next(rows["codes"]), world)
    return leaf


def _statistics(leaf: Leaf, pool: Sequence[float], codes: Sequence[float], world: World) -> ClassStatistics:
    sub = world.subspace
    features: list[Numeric | Nominal] = []
    for j, column in enumerate(leaf.subspace):
        if column in world.code_sizes:
            begin = sum(size for other, size in world.code_sizes.items() if other < column)
            weights = codes[begin : begin + world.code_sizes[column]]
            features.append(Nominal(pool[j], {code: w for code, w in enumerate(weights) if w != 0.0}))
        else:
            features.append(Numeric(*(pool[k * sub + j] for k in range(5))))
    statistics = ClassStatistics(features)
    statistics.weight = pool[-1]
    return statistics
