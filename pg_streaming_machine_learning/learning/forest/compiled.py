"""The forest on arrays: gives the kernel its room, lets it have more, and reads and writes what is in it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest import layout
from pg_streaming_machine_learning.learning.forest.arrays import (
    Arrays,
    capacity_of,
    copy_codes,
    copy_pool,
    doubled,
    power_for,
    tree_state,
    widen_leaves,
    widened,
)
from pg_streaming_machine_learning.learning.forest.giving_up import compacted, is_too_large, let_rest
from pg_streaming_machine_learning.learning.forest.kernel.member import (
    EVENT_SIZE,
    EVENTS,
    HAS_BACKGROUND,
    RANDOM,
    SAMPLES,
    STATE_SIZE,
    TREES,
    VOTING,
    begin,
    refresh_all,
    run,
)
from pg_streaming_machine_learning.learning.forest.kernel.memory import PLAN, SCRATCH, TREE
from pg_streaming_machine_learning.learning.forest.layout import Capacity, Shape
from pg_streaming_machine_learning.learning.forest.plan import EVENTS_KEPT, ForestPlan, Votes
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = ["CompiledForest"]

_FIRST = Capacity(nodes=32, blocks=16, sets=1)
_EVENTS = 64
_NOTHING = np.zeros((1, 1, 1))


class CompiledForest:
    """The members of a forest, compiled.

    Parameters
    ----------
    plan : ForestPlan
        What it is to be.
    """

    def __init__(self, plan: ForestPlan) -> None:
        members = plan.n_models
        self.plan = plan
        self.n_features = self.n_classes = 0
        self._shape = Shape(classes=0, subspace=0, codes=0, words=0)
        self._code_room: dict[int, int] = {}
        self._states = np.zeros((members, STATE_SIZE), np.int64)
        self._tallies = np.zeros((members, 2))
        self._detectors = np.zeros((members, 2, layout.ADWIN_SIZE), np.int64)
        self._events = np.zeros((members, _EVENTS, EVENT_SIZE))
        self._told: list[deque[tuple[int, int, int, float, float, bool]]] = [
            deque(maxlen=EVENTS_KEPT) for _ in range(members)
        ]
        self.importances = np.zeros((members, 0))
        self._poisson = np.array(plan.poisson, np.uint64)
        self._records = np.zeros((members, 2), TREE)
        self._arrays: list[list[Arrays]] = []
        random = Splitmix(plan.seed)
        for member in range(members):
            self._states[member, RANDOM] = random.signed()
        self._fit_plan()
        self._arrays = [[self._new_arrays(self._first) for _ in range(2)] for _ in range(members)]
        self._point_to_all()
        begin(self._plans, self._records, self._states, self._scratches[0][0])

    @property
    def allocated_bytes(self) -> int:
        """Bytes of all arrays that last."""
        own: Arrays = [self._states, self._tallies, self._detectors, self._events, self.importances]
        trees = (array for slots in self._arrays for arrays in slots for array in arrays)
        return sum(array.nbytes for array in own) + sum(array.nbytes for array in trees)

    def grow(self, n_features: int, n_classes: int, code_sizes: Mapping[int, int]) -> None:
        """Make room for features, classes and nominal values; leaves draw from the features that are new.

        Nodes and blocks are larger then. A tree that has more blocks than it may have from now on lets leaves
        rest, one that has more nodes begins anew.

        Raises
        ------
        ValueError
            If there is no room for the smallest trees in `max_bytes`; nothing has changed then.
        """
        former, shape, rooms = self.n_features, self._shape, self._code_room
        offsets = self._offsets
        self.n_features, self.n_classes = n_features, n_classes
        self._code_room = dict(code_sizes)
        try:
            self._fit_plan()
        except ValueError:
            self.n_features, self.n_classes, self._code_room = former, shape.classes, rooms
            raise
        self.importances = widened(self.importances, (len(self.importances), n_features))
        for member, slots in enumerate(self._arrays):
            for slot in range(2):
                if self._is_in_use(member, slot):
                    slots[slot] = self._grown(slots[slot], shape, offsets, former)
                else:
                    slots[slot] = self._new_arrays(self._first)
        self._point_to_all()

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
            Threads; with reasons there is one.
        reasons : ndarray of float64, shape (n, features, classes), optional
            Where reasons are to be put if they are asked for; by default there is a new array.
        """
        members, n, classes = self.plan.n_models, len(rows), self.n_classes
        votes = np.empty((members, n, classes))
        trusts = np.empty((members, n))
        if not explain:
            reasons = _NOTHING
        elif reasons is None:
            reasons = np.empty((n, self.n_features, classes))
        if explain:
            reasons[:] = 0.0  # np.zeros has pages that are first read, then written: two faults for each
        bases = np.zeros((n, classes)) if explain else _NOTHING[0]
        done = np.zeros(members, np.int64)
        spans = _spans(members, 1 if explain else n_jobs)  # reasons are added up in the order of the members

        def work(span: tuple[int, int], scratch: NDArray[Any]) -> None:
            run(
                self._plans, span[0], span[1], self._records, self._states, self._tallies, self._detectors,
                self._events, self.importances, done, rows, labels, weights, votes, trusts, explain, reasons,
                bases, scratch,
            )  # fmt: skip

        while True:
            if len(spans) == 1:
                work(spans[0], self._scratches[0][0])
            else:
                scratches = [self._scratch(number)[0] for number in range(len(spans))]
                with ThreadPoolExecutor(len(spans)) as pool:
                    list(pool.map(work, spans, scratches))
            if done.min() == n:
                break
            stopped = np.flatnonzero(done < n).tolist()
            for member in stopped[:1] if explain else stopped:  # with reasons the others have not begun
                self._make_room(member)
        if self._states[:, EVENTS].any():
            for member in range(members):
                self._take_events(member)
        return Votes(votes, trusts, reasons if explain else None, bases if explain else None)

    def take_events(self) -> list[tuple[int, int, int, float, float, bool]]:
        """Return what happened since then: member, kind, sample, error before and after, replaced."""
        taken = [event for told in self._told for event in told]
        self._forget_events()
        return sorted(taken, key=lambda event: (event[2], event[0], event[1]))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the future depends on, whatever room there is."""
        members = np.zeros((self.plan.n_models, 5), np.int64)
        for place, field in enumerate((HAS_BACKGROUND, RANDOM, SAMPLES, TREES)):
            members[:, place] = self._states[:, field]
        trees = [arrays for member in range(self.plan.n_models) for arrays in self._in_use(member)]
        parts = [tree_state(arrays, self._shape) for arrays in trees]
        state = {
            "members": members,
            "tallies": self._tallies.copy(),
            "detectors": self._detectors.copy(),
            "importances": self.importances.copy(),
        }
        return state | {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take on a state of a forest of the same plan, that has grown as this one has."""
        members = state["members"]
        self._states[:] = 0
        for place, field in enumerate((HAS_BACKGROUND, RANDOM, SAMPLES, TREES)):
            self._states[:, field] = members[:, place]
        self._tallies[:] = state["tallies"]
        self._detectors[:] = state["detectors"]
        self.importances[:] = state["importances"]
        at = {"trees": 0, "nodes": 0, "leaves": 0, "blocks": 0, "sets": 0}
        for member in range(self.plan.n_models):
            for slot in range(2):
                if slot == 0 or members[member, 0]:
                    self._arrays[member][slot] = self._loaded(state, at)
                else:
                    self._arrays[member][slot] = self._new_arrays(self._first)
        self._point_to_all()
        refresh_all(self._plans, self._records, self._states)
        self._forget_events()

    def _fit_plan(self) -> None:
        """Write the plan's record, and room to compute in, for the present features and classes."""
        plan = self.plan
        offsets = np.full(max(self.n_features, 1), -1, np.int64)
        sizes = np.zeros(max(self.n_features, 1), np.int64)
        room = 0
        for column in sorted(self._code_room):
            offsets[column], sizes[column] = room, self._code_room[column]
            room += self._code_room[column]
        words = (max(self._code_room.values(), default=0) + 63) // 64
        shape = Shape(self.n_classes, plan.sub(self.n_features), room, words)
        limits = plan.limits(shape, self.n_features)
        self._shape, self._limits, self._offsets, self._sizes = shape, limits, offsets, sizes
        self._plans = np.zeros(1, PLAN)
        values: dict[str, float] = {
            "classes": shape.classes,
            "features": self.n_features,
            "sub": shape.subspace,
            "codes": shape.codes,
            "words": shape.words,
            "leaf_kind": plan.leaf_kind,
            "background": int(plan.has_background),
            "nominal": int(bool(self._code_room)),
            "poisson_size": len(self._poisson),
            "node_limit": limits.nodes,
            "block_limit": limits.blocks,
            "set_limit": limits.sets,
            "poisson": self._poisson.ctypes.data,
            "offsets": offsets.ctypes.data,
            "sizes": sizes.ctypes.data,
            "grace": plan.grace_period,
            "log_delta": plan.log_delta,
            "tau": plan.tau,
            "wait": plan.wait,
            "warning_delta": plan.warning_delta,
            "drift_delta": plan.drift_delta,
        }
        for name, value in values.items():
            self._plans[name] = value
        self._scratches: list[tuple[NDArray[Any], Arrays]] = [self._new_scratch()]

    def _scratch(self, number: int) -> tuple[NDArray[Any], Arrays]:
        while len(self._scratches) <= number:
            self._scratches.append(self._new_scratch())
        return self._scratches[number]

    def _new_scratch(self) -> tuple[NDArray[Any], Arrays]:
        """Return a record of room to compute in, and the arrays it points to."""
        shape, points = self._shape, layout.POINTS
        sub, classes = shape.subspace, shape.classes
        arrays: dict[str, NDArray[Any]] = {
            "order": np.zeros(self.n_features + 1, np.int64),
            "shares": np.zeros(shape.codes + 1, np.int64),
            "cells": np.zeros((layout.SHARES + 1, classes)),
            "estimates": np.zeros(2),
            "blame": np.zeros((self.n_features + 1, classes + 1)),
            "touched": np.zeros(self.n_features + 1, np.int64),
            "terms": np.zeros((classes + 1, sub + 1)),
        }
        arrays |= {name: np.zeros(classes + 1) for name in ("probabilities", "logs")}
        arrays |= {name: np.zeros(sub + 1) for name in ("values", "gains", "bounds")}
        arrays |= {name: np.zeros(points) for name in ("left", "left_sum", "right_sum")}
        record = np.zeros(1, SCRATCH)
        for name, array in arrays.items():
            record[name] = array.ctypes.data
        return record, list(arrays.values())

    def _new_arrays(self, capacity: Capacity) -> Arrays:
        """Return the arrays of a tree, in the order of `layout`."""
        shape = self._shape
        nodes, leaves, blocks = capacity.nodes, capacity.leaves, capacity.blocks
        return [
            np.zeros(layout.META_SIZE, np.int64),
            np.zeros(nodes, np.int32),
            np.zeros(nodes, np.int32),
            np.zeros(nodes, np.float32),
            np.zeros((nodes, shape.classes)),
            np.zeros((leaves, 2), np.int32),
            np.zeros((leaves, 3)),
            np.zeros((leaves, shape.subspace), np.int32),
            np.full((leaves, shape.classes), -1, np.int32),
            np.zeros((blocks, layout.STATISTICS * shape.subspace + 1), np.float32),
            np.zeros((blocks, shape.codes), np.float32),
            np.zeros(blocks, np.int32),
            np.zeros((capacity.sets, 2 * shape.words), np.int64),
        ]

    @property
    def _first(self) -> Capacity:
        """The room of a tree that begins."""
        limits = self._limits
        return Capacity(min(_FIRST.nodes, limits.nodes), min(_FIRST.blocks, limits.blocks), _FIRST.sets)

    def _grown(self, arrays: Arrays, former: Shape, offsets: NDArray[np.int64], n_features: int) -> Arrays:
        """Return the arrays of a tree in the present shape, from those of one with fewer features."""
        limits = self._limits
        if is_too_large(arrays, limits):
            return self._begun_anew(int(arrays[layout.META][layout.RNG]))
        let_rest(arrays, limits)
        has = capacity_of(arrays)
        capacity = Capacity(
            min(has.nodes, limits.nodes), min(has.blocks, limits.blocks), min(has.sets, limits.sets)
        )
        arrays = compacted(arrays, capacity)
        new = self._reshaped(arrays, capacity, former, offsets)
        if self.n_features > n_features:
            widen_leaves(new, former.subspace, self._shape.subspace, n_features, self.n_features)
        return new

    def _begun_anew(self, random: int) -> Arrays:
        """Return the arrays of a tree that knows nothing, as `tree.reset` begins one, with this seed."""
        arrays = self._new_arrays(self._first)
        meta = arrays[layout.META]
        meta[layout.NODES] = meta[layout.LEAVES] = 1
        own = Splitmix(Splitmix(random).next())
        arrays[layout.FEATURE][0] = -1
        arrays[layout.PLACE][0] = 0, 1
        arrays[layout.SCORES][0, 0] = self.plan.grace_period
        arrays[layout.SUBSPACE][0] = own.sample(0, self.n_features, self._shape.subspace)
        meta[layout.RNG] = own.state_signed
        return arrays

    def _reshaped(
        self, arrays: Arrays, capacity: Capacity, former: Shape, offsets: NDArray[np.int64]
    ) -> Arrays:
        """Return arrays of the present shape, with what was in those of a former one."""
        new = self._new_arrays(capacity)
        for place, (old, array) in enumerate(zip(arrays, new, strict=True)):
            if place == layout.POOL:
                copy_pool(old, array, former.subspace, self._shape.subspace)
            elif place == layout.CODES:
                for column in range(len(offsets)):
                    if offsets[column] >= 0:
                        copy_codes(old, array, offsets, self._offsets, column)
            elif place == layout.SETS:
                words = former.words
                array[: len(old), :words] = old[:, :words]
                array[: len(old), self._shape.words : self._shape.words + words] = old[:, words:]
            else:
                array[tuple(slice(length) for length in old.shape)] = old
        return new

    def _make_room(self, member: int) -> None:
        """Let the trees of a member have more room where they need it."""
        self._take_events(member)
        for slot in range(2):
            arrays = self._arrays[member][slot]
            meta, has, limits = arrays[layout.META], capacity_of(arrays), self._limits
            needs_blocks = meta[layout.FREED] == 0 and meta[layout.BLOCKS] >= has.blocks
            wanted = Capacity(
                doubled(has.nodes, meta[layout.NODES] + 2 > has.nodes, limits.nodes),
                doubled(has.blocks, needs_blocks, limits.blocks),
                doubled(has.sets, meta[layout.SETS_USED] >= has.sets, limits.sets),
            )
            if wanted != has:
                self._arrays[member][slot] = self._reshaped(arrays, wanted, self._shape, self._offsets)
                self._point_to(member, slot)

    def _point_to_all(self) -> None:
        for member in range(self.plan.n_models):
            for slot in range(2):
                self._point_to(member, slot)

    def _point_to(self, member: int, slot: int) -> None:
        """Tell the kernel where a tree's arrays are."""
        arrays = self._arrays[member][slot]
        capacity = capacity_of(arrays)
        addresses = [array.ctypes.data for array in arrays]
        self._records[member, slot] = (*addresses, capacity.nodes, capacity.blocks, capacity.sets)

    def _in_use(self, member: int) -> list[Arrays]:
        """Return the arrays of the tree that votes, and of the one in the background if there is one."""
        slots, voting = self._arrays[member], int(self._states[member, VOTING])
        return [slots[voting], slots[1 - voting]] if self._states[member, HAS_BACKGROUND] else [slots[voting]]

    def _is_in_use(self, member: int, slot: int) -> bool:
        return bool(slot == self._states[member, VOTING] or self._states[member, HAS_BACKGROUND])

    def _take_events(self, member: int) -> None:
        for event in self._events[member, : self._states[member, EVENTS]].tolist():
            kind, sample, before, after, replaced = event
            self._told[member].append((member, int(kind), int(sample), before, after, bool(replaced)))
        self._states[member, EVENTS] = 0

    def _forget_events(self) -> None:
        for told in self._told:
            told.clear()

    def _loaded(self, state: Mapping[str, NDArray[Any]], at: dict[str, int]) -> Arrays:
        """Return the arrays of the next tree of a state, and move on."""
        shape = self._shape
        meta = state["trees"][at["trees"]]
        nodes, leaves, sets = int(meta[0]), int(meta[1]), int(meta[2])
        of_leaves = slice(at["leaves"], at["leaves"] + leaves)
        of_nodes = slice(at["nodes"], at["nodes"] + nodes)
        has_block = state["has_block"][of_leaves]
        blocks = int(has_block.sum())
        capacity = Capacity(
            power_for(nodes + 2, _FIRST.nodes), power_for(blocks, _FIRST.blocks), power_for(sets, 1)
        )
        limits = self._limits
        arrays = self._new_arrays(
            Capacity(
                max(min(capacity.nodes, limits.nodes), nodes),
                max(min(capacity.blocks, limits.blocks), blocks),
                max(min(capacity.sets, limits.sets), sets),
            )
        )
        own = arrays[layout.META]
        own[layout.NODES], own[layout.LEAVES], own[layout.SETS_USED] = nodes, leaves, sets
        own[layout.BLOCKS] = blocks
        own[layout.RNG], own[layout.RESTING], own[layout.CHECK] = meta[3], meta[4], meta[5]
        for place, name in (
            (layout.FEATURE, "feature"),
            (layout.CHILD, "child"),
            (layout.BOUND, "border"),
            (layout.COUNTS, "counts"),
        ):
            arrays[place][:nodes] = state[name][of_nodes]
        for place, name in (
            (layout.PLACE, "place"),
            (layout.SCORES, "scores"),
            (layout.SUBSPACE, "subspace"),
        ):
            arrays[place][:leaves] = state[name][of_leaves]
        arrays[layout.TABLE][:leaves][has_block] = np.arange(blocks)
        of_blocks = slice(at["blocks"], at["blocks"] + blocks)
        pool, stored, five = arrays[layout.POOL], state["pool"][of_blocks], 5 * shape.subspace
        pool[:blocks, :five] = stored[:, :five]
        pool[:blocks, -1] = stored[:, -1]
        arrays[layout.CODES][:blocks] = state["codes"][of_blocks]
        arrays[layout.SETS][:sets] = state["sets"][at["sets"] : at["sets"] + sets]
        for name, count in (("trees", 1), ("nodes", nodes), ("leaves", leaves), ("blocks", blocks)):
            at[name] += count
        at["sets"] += sets
        return arrays


def _spans(members: int, n_jobs: int) -> list[tuple[int, int]]:
    """Return the members in as many nearly equal parts as there are threads."""
    jobs = max(1, min(n_jobs, members))
    ends = [members * job // jobs for job in range(jobs + 1)]
    return list(itertools.pairwise(ends))
