"""Whether arrays are a state that the kernel may be given: it follows their numbers without looking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest.layout import (
    ADWIN_MOST,
    ADWIN_ROWS,
    ADWIN_SIZE,
    CHECK_EVERY,
    Capacity,
    Shape,
)

__all__ = ["check_state"]

_MOST_WIDTH = 1 << (ADWIN_ROWS - 1)
"""A wider window would come to buckets of a size for which there is no row."""

_MOST_SAMPLES = 1 << 62

State = Mapping[str, NDArray[Any]]


def check_state(
    state: State, shape: Shape, limits: Capacity, members: int, n_features: int, nominal: Mapping[int, int]
) -> None:
    """See that a state is one of a forest of this shape.

    Parameters
    ----------
    state : mapping of str to ndarray
        As `CompiledForest.state` gives it.
    shape : Shape
        Of its trees.
    limits : Capacity
        What each of them may have at most.
    members, n_features : int
        How many there are.
    nominal : mapping of int to int
        Room for the codes of each nominal column.

    Raises
    ------
    SnapshotError
        If anything in it does not fit.
    """
    _check_shapes(state, shape, members, n_features)
    _check_members(state)
    _check_detectors(state["detectors"])
    at_node = at_leaf = at_block = at_set = 0
    for nodes, leaves, sets, _, resting, _ in state["trees"].tolist():
        of_nodes, of_leaves = slice(at_node, at_node + nodes), slice(at_leaf, at_leaf + leaves)
        tree = {name: state[name][of_nodes] for name in ("feature", "child", "border", "counts")}
        tree |= {name: state[name][of_leaves] for name in ("place", "scores", "subspace", "has_block")}
        _check_tree(tree, n_features, sets, nominal)
        blocks = int(tree["has_block"].sum())
        fits = nodes <= limits.nodes and blocks <= limits.blocks and sets <= limits.sets
        _require(fits, "sizes")
        _require((tree["place"][:, 1] == 0).sum() == resting, "leaves")
        at_block += blocks
        at_node, at_leaf, at_set = at_node + nodes, at_leaf + leaves, at_set + sets
    _require((at_block, at_set) == (len(state["pool"]), len(state["sets"])), "blocks")
    _check_blocks(state, shape)


def _require(is_right: Any, what: str) -> None:
    if not bool(is_right):
        raise SnapshotError(f"forest is damaged or forged: its {what} do not fit together")


def _check_shapes(state: State, shape: Shape, members: int, n_features: int) -> None:
    """See that all arrays are there, with the types and lengths that go together."""
    trees = state["trees"]
    _require(trees.ndim == 2 and trees.shape[1:] == (6,) and trees.dtype == np.int64, "trees")
    _require(members <= len(trees) <= 2 * members, "trees")
    numbers = trees[:, :3]
    _require((numbers >= 0).all() and (numbers < 2**31).all(), "sizes")
    _require((trees[:, 1] >= 1).all() and (trees[:, 0] == 2 * trees[:, 1] - 1).all(), "sizes")
    nodes, leaves, sets = numbers.sum(axis=0).tolist()
    blocks = len(state["pool"])
    wanted: dict[str, tuple[tuple[int, ...], Any]] = {
        "members": ((members, 5), np.int64),
        "tallies": ((members, 2), np.float64),
        "detectors": ((members, 2, ADWIN_SIZE), np.int64),
        "importances": ((members, n_features), np.float64),
        "trees": (trees.shape, np.int64),
        "feature": ((nodes,), np.int32),
        "child": ((nodes,), np.int32),
        "border": ((nodes,), np.float32),
        "counts": ((nodes, shape.classes), np.float64),
        "place": ((leaves, 2), np.int32),
        "scores": ((leaves, 3), np.float64),
        "subspace": ((leaves, shape.subspace), np.int32),
        "has_block": ((leaves, shape.classes), np.bool_),
        "pool": ((blocks, 5 * shape.subspace + 1), np.float32),
        "codes": ((blocks, shape.codes), np.float32),
        "sets": ((sets, 2 * shape.words), np.int64),
    }
    _require(state.keys() == wanted.keys(), "arrays")
    for name, (lengths, kind) in wanted.items():
        _require(state[name].shape == lengths and state[name].dtype == kind, name)


def _check_members(state: State) -> None:
    """See that members have as many trees as they say, and all sums are sums."""
    members, tallies = state["members"], state["tallies"]
    numbers = members[:, 2:4]
    _require(np.isin(members[:, 0], (0, 1)).all(), "members")
    _require((numbers >= 0).all() and (numbers < _MOST_SAMPLES).all(), "members")
    _require(len(members) + members[:, 0].sum() == len(state["trees"]), "members")
    _require((members[:, 4] == 0).all(), "members")
    _require(np.isfinite(tallies).all() and (tallies >= 0).all(), "tallies")
    _require((tallies[:, 0] <= tallies[:, 1]).all(), "tallies")
    for name in ("importances", "counts", "scores"):
        _require(np.isfinite(state[name]).all(), name)
    _require((state["counts"] >= 0).all(), "counts")
    _require((state["importances"] >= 0).all() and (state["scores"] >= 0).all(), "sums")
    checks = state["trees"][:, 5]
    _require((checks >= 0).all() and (checks < CHECK_EVERY).all(), "trees")


def _check_detectors(detectors: NDArray[Any]) -> None:
    """See that the buckets of each detector make up its width and its sum."""
    width, total, last, ticks = (detectors[..., place] for place in range(4))
    counts = detectors[..., 4 : 4 + ADWIN_ROWS]
    buckets = detectors[..., 4 + ADWIN_ROWS :].reshape(*detectors.shape[:2], ADWIN_ROWS, ADWIN_MOST + 1)
    _require((counts >= 0).all() and (counts <= ADWIN_MOST).all(), "detectors")
    _require((last >= 0).all() and (last < ADWIN_ROWS).all(), "detectors")
    _require((width < _MOST_WIDTH).all(), "detectors")
    _require((ticks >= width).all() and (ticks < _MOST_SAMPLES).all(), "detectors")
    rows = np.arange(ADWIN_ROWS)
    _require(((counts == 0) | (rows <= last[..., None])).all(), "detectors")
    sizes = np.int64(1) << rows
    _require(((counts * sizes).sum(axis=-1) == width).all(), "detectors")
    in_use = np.arange(ADWIN_MOST + 1) < counts[..., None]
    used = np.where(in_use, buckets, 0)
    _require((used == buckets).all(), "detectors")
    _require((used >= 0).all() and (used <= sizes[:, None]).all(), "detectors")
    _require((used.sum(axis=(-1, -2)) == total).all(), "detectors")
    top = np.take_along_axis(counts, last[..., None], axis=-1)[..., 0]
    _require(((top > 0) | (last == 0)).all(), "detectors")


def _check_tree(
    tree: Mapping[str, NDArray[Any]], n_features: int, sets: int, nominal: Mapping[int, int]
) -> None:
    """See that nodes make one tree: every node but the first is the child of one before it."""
    feature, child, place = tree["feature"], tree["child"].astype(np.int64), tree["place"]
    nodes, leaves = len(feature), len(place)
    is_leaf = feature == -1
    inner = ~is_leaf
    _require(is_leaf.sum() == leaves, "leaves")
    _require((feature[inner] >= 0).all() and (feature[inner] >> 1 < n_features).all(), "splits")
    lefts = child[inner]
    _require((lefts > np.flatnonzero(inner)).all(), "children")
    children = np.sort(np.concatenate([lefts, lefts + 1]))
    _require(np.array_equal(children, np.arange(1, nodes)), "children")
    numbers = child[is_leaf]
    _require(np.array_equal(np.sort(numbers), np.arange(leaves)), "leaves")
    _require(np.array_equal(place[numbers, 0], np.flatnonzero(is_leaf)), "leaves")
    _require(np.isin(place[:, 1], (0, 1)).all(), "leaves")
    _require(not tree["has_block"][place[:, 1] == 0].any(), "blocks")
    subspace = tree["subspace"]
    _require((subspace >= 0).all() and (subspace < n_features).all(), "subspaces")
    ordered = np.sort(subspace, axis=1)
    _require((ordered[:, 1:] != ordered[:, :-1]).all(), "subspaces")
    by_name = np.isin(feature >> 1, list(nominal)) & inner
    border = tree["border"]
    _require(np.isfinite(border).all(), "splits")
    of_sets = border[by_name]
    _require(((of_sets >= 0) & (of_sets < sets) & (np.floor(of_sets) == of_sets)).all(), "sets")


def _check_blocks(state: State, shape: Shape) -> None:
    """See that statistics are finite where they have to be."""
    pool, sub = state["pool"], shape.subspace
    weights, rest = pool[:, :sub], pool[:, 5 * sub :]
    _require(np.isfinite(weights).all() and (weights >= 0).all(), "weights")
    _require(np.isfinite(rest).all() and (rest >= 0).all(), "weights")
    means, squares = pool[:, sub : 2 * sub], pool[:, 2 * sub : 3 * sub]
    # Squares of great numbers may have come to more than 32 bits hold.
    _require(np.isfinite(means).all() and (squares >= 0).all(), "statistics")
    least, greatest = pool[:, 3 * sub : 4 * sub], pool[:, 4 * sub : 5 * sub]
    is_empty = (least == np.inf) & (greatest == -np.inf)
    is_full = np.isfinite(least) & np.isfinite(greatest) & (least <= greatest)
    _require((is_empty | is_full).all(), "statistics")
    _require(np.isfinite(state["codes"]).all() and (state["codes"] >= 0).all(), "codes")
