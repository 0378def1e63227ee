"""What compiled functions are given: records of addresses and sizes, and the arrays that lie there.

A record is handed on as one address, where a tuple of arrays would be copied at every call.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from pg_streaming_machine_learning.learning.forest.layout import META_SIZE, POINTS, SHARES, STATISTICS

_TREE = (
    "meta feature child border counts place scores subspace table pool codes free sets "  # addresses
    "node_cap block_cap set_cap"
)
TREE = np.dtype([(name, np.int64) for name in _TREE.split()])
"""A tree: addresses of the arrays of `layout`, and capacities."""

_WHOLE = (
    "classes features sub codes words leaf_kind background nominal poisson_size "
    "node_limit block_limit set_limit "
    "poisson offsets sizes"  # addresses
)
_REAL = "grace log_delta tau wait warning_delta drift_delta"
PLAN = np.dtype(
    [(name, np.int64) for name in _WHOLE.split()] + [(name, np.float64) for name in _REAL.split()]
)
"""What all trees have in common: sizes, parameters, limits; addresses of the Poisson distribution, and of
where the nominal features have their codes."""

_SCRATCH = (
    "order probabilities logs values terms gains bounds left left_sum right_sum cells estimates shares "
    "blame touched"
)
SCRATCH = np.dtype([(name, np.int64) for name in _SCRATCH.split()])
"""Addresses of room to compute in: nothing there lasts from one sample to the next, but
that `blame` and `touched` are left as zeros."""


def _pointer(kind):
    @intrinsic
    def to_pointer(context, address):
        def generate(target, builder, signature, arguments):
            return builder.inttoptr(arguments[0], target.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return to_pointer


_i32 = _pointer(types.int32)
_i64 = _pointer(types.int64)
_u64 = _pointer(types.uint64)
_f32 = _pointer(types.float32)
_f64 = _pointer(types.float64)


@njit
def _leaves(tree):
    return tree.node_cap // 2 + 1


@njit
def meta_of(tree, plan):
    """Return the array of that name."""
    return carray(_i64(tree.meta), META_SIZE)


@njit
def feature_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.feature), tree.node_cap)


@njit
def child_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.child), tree.node_cap)


@njit
def border_of(tree, plan):
    """Return the array of that name."""
    return carray(_f32(tree.border), tree.node_cap)


@njit
def counts_of(tree, plan):
    """Return the array of that name."""
    return carray(_f64(tree.counts), (tree.node_cap, plan.classes))


@njit
def place_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.place), (_leaves(tree), 2))


@njit
def scores_of(tree, plan):
    """Return the array of that name."""
    return carray(_f64(tree.scores), (_leaves(tree), 3))


@njit
def subspace_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.subspace), (_leaves(tree), plan.sub))


@njit
def table_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.table), (_leaves(tree), plan.classes))


@njit
def pool_of(tree, plan):
    """Return the array of that name."""
    return carray(_f32(tree.pool), (tree.block_cap, STATISTICS * plan.sub + 1))


@njit
def codes_of(tree, plan):
    """Return the array of that name."""
    return carray(_f32(tree.codes), (tree.block_cap, plan.codes))


@njit
def free_of(tree, plan):
    """Return the array of that name."""
    return carray(_i32(tree.free), tree.block_cap)


@njit
def sets_of(tree, plan):
    """Return the array of that name."""
    return carray(_i64(tree.sets), (tree.set_cap, 2 * plan.words))


@njit
def poisson_of(plan):
    """Return the array of that name."""
    return carray(_u64(plan.poisson), plan.poisson_size)


@njit
def offsets_of(plan):
    """Return the array of that name."""
    return carray(_i64(plan.offsets), plan.features)


@njit
def sizes_of(plan):
    """Return the array of that name."""
    return carray(_i64(plan.sizes), plan.features)


@njit
def order_of(scratch, plan):
    """Return the array of that name."""
    return carray(_i64(scratch.order), plan.features)


@njit
def probabilities_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.probabilities), plan.classes)


@njit
def logs_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.logs), plan.classes)


@njit
def values_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.values), plan.sub)


@njit
def terms_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.terms), (plan.classes, plan.sub))


@njit
def gains_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.gains), plan.sub)


@njit
def bounds_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.bounds), plan.sub)


@njit
def left_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.left), POINTS)


@njit
def left_sum_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.left_sum), POINTS)


@njit
def right_sum_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.right_sum), POINTS)


@njit
def cells_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.cells), (SHARES + 1, plan.classes))


@njit
def estimates_of(scratch, plan):
    """Return the array of that name."""
    return carray(_f64(scratch.estimates), 2)


@njit
def blame_of(scratch, plan):
    """Return the array of that name: zeros from one row to the next."""
    return carray(_f64(scratch.blame), (plan.features, plan.classes))


@njit
def touched_of(scratch, plan):
    """Return the array of that name: zeros from one row to the next."""
    return carray(_i64(scratch.touched), plan.features)


@njit
def shares_of(scratch, plan):
    """Return the array of that name."""
    return carray(_i64(scratch.shares), plan.codes)
