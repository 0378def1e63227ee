"""Whether a leaf is to be split, where, and what becomes of it."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit

from pg_streaming_machine_learning.learning.forest.kernel.arithmetic import log2, normal_cdf, xlog2x
from pg_streaming_machine_learning.learning.forest.kernel.memory import (
    border_of,
    bounds_of,
    cells_of,
    child_of,
    codes_of,
    counts_of,
    feature_of,
    gains_of,
    left_of,
    left_sum_of,
    meta_of,
    offsets_of,
    place_of,
    pool_of,
    right_sum_of,
    scores_of,
    sets_of,
    shares_of,
    sizes_of,
    subspace_of,
    table_of,
)
from pg_streaming_machine_learning.learning.forest.kernel.tree import draw_subspace, free_blocks
from pg_streaming_machine_learning.learning.forest.layout import LEAVES, NODES, POINTS, SETS_USED, SHARES

__all__ = ["POINTS", "SHARES", "try_to_split"]

LEAST_BRANCH = 0.01
"""Share of the weight that each side of a split gets at least."""

SMOOTHING = 2.0
"""Weight of the class's share in the leaf in the share of a nominal value."""


@njit(forceinline=True, error_model="numpy")
def _scale(n, squares):
    """Return one over the standard deviation, 0 if nothing varies."""
    varies = n > 1.0 and squares > 0.0
    safe = squares if varies else 1.0
    inside = (n - 1.0) / safe
    inside = inside if varies else 0.0
    return np.sqrt(inside)


@njit(forceinline=True, error_model="numpy")
def _share_below(bound, n, mean, scale, least, greatest):
    """Return what weight of a normal distribution, cut at its extremes, is at most `bound`."""
    share = n * normal_cdf((bound - mean) * scale)
    share = 0.0 if bound < least else share
    return n if bound >= greatest else share


@njit(forceinline=True, error_model="numpy")
def _add_shares(low, step, n, mean, scale, least, greatest, left, left_sum, right_sum):
    """Add what of a class lies below each bound; the processor does several bounds at once."""
    for k in range(POINTS):
        bound = np.float64(np.float32(low + step * (k + 1.0)))
        share = _share_below(bound, n, mean, scale, least, greatest)
        left[k] += share
        left_sum[k] += xlog2x(share)
        right_sum[k] += xlog2x(n - share)


@njit(forceinline=True, error_model="numpy")
def _to_gains(total, entropy, observed, left, left_sum, right_sum):
    """Put the gain of each bound into `left_sum`; -1 where a side would get too little."""
    least = LEAST_BRANCH * total
    for k in range(POINTS):
        right = total - left[k]
        rest = (xlog2x(left[k]) - left_sum[k]) + (xlog2x(right) - right_sum[k])
        gain = (entropy - rest) / observed
        left_sum[k] = gain if (left[k] >= least and right >= least) else -1.0


@njit(error_model="numpy")
def _judge_numeric(tree, plan, leaf, observed, scratch):
    """Find the best of `POINTS` bounds of each feature of a leaf, and its gain."""
    left = left_of(scratch, plan)
    left_sum = left_sum_of(scratch, plan)
    right_sum = right_sum_of(scratch, plan)
    gains = gains_of(scratch, plan)
    bounds = bounds_of(scratch, plan)
    table = table_of(tree, plan)
    pool = pool_of(tree, plan)
    sub = plan.sub
    total = 0.0
    entropy = 0.0
    for j in range(sub):
        low = np.inf
        high = -np.inf
        is_as_before = j > 0
        for c in range(plan.classes):
            b = np.int64(table[leaf, c])
            if b >= 0:
                least = np.float64(pool[b, 3 * sub + j])
                greatest = np.float64(pool[b, 4 * sub + j])
                low = least if least < low else low
                high = greatest if greatest > high else high
                if j > 0 and pool[b, j] != pool[b, j - 1]:
                    is_as_before = False
        gains[j] = -1.0
        bounds[j] = 0.0
        if not is_as_before:
            total = 0.0
            entropy = 0.0
            for c in range(plan.classes):
                b = np.int64(table[leaf, c])
                if b >= 0:
                    n = np.float64(pool[b, j])
                    total += n
                    entropy += xlog2x(n)
            entropy = xlog2x(total) - entropy
        if not high > low:
            continue
        step = (high - low) / (POINTS + 1.0)
        for k in range(POINTS):
            left[k] = 0.0
            left_sum[k] = 0.0
            right_sum[k] = 0.0
        for c in range(plan.classes):
            b = np.int64(table[leaf, c])
            if b >= 0:
                n = np.float64(pool[b, j])
                mean = np.float64(pool[b, sub + j])
                scale = _scale(n, np.float64(pool[b, 2 * sub + j]))
                least = np.float64(pool[b, 3 * sub + j])
                greatest = np.float64(pool[b, 4 * sub + j])
                _add_shares(low, step, n, mean, scale, least, greatest, left, left_sum, right_sum)
        _to_gains(total, entropy, observed, left, left_sum, right_sum)
        for k in range(POINTS):
            if left_sum[k] > gains[j]:
                gains[j] = left_sum[k]
                bounds[j] = np.float64(np.float32(low + step * (k + 1.0)))


@njit(error_model="numpy")
def _share_steps(tree, plan, leaf, j, shares):
    """Put the step of each value of a nominal feature into `shares`, -1 if not met; return how many are."""
    offsets = offsets_of(plan)
    sizes = sizes_of(plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    pool = pool_of(tree, plan)
    codes = codes_of(tree, plan)
    column = subspace[leaf, j]
    offset = offsets[column]
    top = np.int64(-1)
    most = 0.0
    total = 0.0
    for c in range(plan.classes):
        b = np.int64(table[leaf, c])
        if b >= 0:
            n = np.float64(pool[b, j])
            total += n
            if n > most:
                most = n
                top = np.int64(c)
    met = 0
    for code in range(sizes[column]):
        shares[code] = -1
        if top < 0:
            continue
        weight = 0.0
        for c in range(plan.classes):
            b = np.int64(table[leaf, c])
            if b >= 0:
                weight += np.float64(codes[b, offset + code])
        if weight > 0.0:
            of_top = np.float64(codes[np.int64(table[leaf, top]), offset + code])
            share = (of_top + SMOOTHING * most / total) / (weight + SMOOTHING)
            step = np.int64(share * SHARES)
            shares[code] = step if step < SHARES else SHARES - 1
            met += 1
    return met


@njit(error_model="numpy")
def _judge_nominal(tree, plan, leaf, j, observed, cells, shares, gains, bounds):
    """Find the best set of values of a nominal feature: those whose share is below a step."""
    offsets = offsets_of(plan)
    sizes = sizes_of(plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    codes = codes_of(tree, plan)
    column = subspace[leaf, j]
    offset = offsets[column]
    gains[j] = -1.0
    met = _share_steps(tree, plan, leaf, j, shares)
    if met < 2:
        return
    for step in range(SHARES):
        for c in range(plan.classes):
            cells[step, c] = 0.0
    classes_met = 0
    for c in range(plan.classes):
        b = np.int64(table[leaf, c])
        if b < 0:
            continue
        classes_met += 1
        for code in range(sizes[column]):
            if shares[code] >= 0:
                cells[shares[code], c] += np.float64(codes[b, offset + code])
    total = 0.0
    entropy = 0.0
    for c in range(plan.classes):
        n = 0.0
        for step in range(SHARES):
            n += cells[step, c]
        cells[SHARES, c] = n
        total += n
        entropy += xlog2x(n)
    entropy = xlog2x(total) - entropy
    # What information several cells seem to give by chance alone (Miller and Madow).
    by_chance = (met - 1.0) * (classes_met - 1.0) * 0.7213475204444817 * observed / total
    for step in range(SHARES - 1):
        left = 0.0
        right = 0.0
        left_sum = 0.0
        right_sum = 0.0
        for c in range(plan.classes):
            if step > 0:
                cells[step, c] += cells[step - 1, c]
            n = cells[step, c]
            left += n
            left_sum += xlog2x(n)
            right += cells[SHARES, c] - n
            right_sum += xlog2x(cells[SHARES, c] - n)
        gain = (entropy - (xlog2x(left) - left_sum) - (xlog2x(right) - right_sum) - by_chance) / observed
        if gain > gains[j] and left >= LEAST_BRANCH * total and right >= LEAST_BRANCH * total:
            gains[j] = gain
            bounds[j] = step


@njit(error_model="numpy")
def _missing_right(tree, plan, leaf, j, left, right):
    """Return 1 if samples without the feature are to go right, and add them to that side.

    That is the side that keeps more of what is known about the classes; the larger if they are equal.
    """
    table = table_of(tree, plan)
    pool = pool_of(tree, plan)
    lefts = 0.0
    rights = 0.0
    missing = 0.0
    gain_left = 0.0
    gain_right = 0.0
    for c in range(plan.classes):
        b = np.int64(table[leaf, c])
        if b < 0:
            continue
        gone = np.float64(pool[b, 7 * plan.sub]) - np.float64(pool[b, j])
        lefts += left[c]
        rights += right[c]
        missing += gone
        gain_left += xlog2x(left[c] + gone) + xlog2x(right[c])
        gain_right += xlog2x(left[c]) + xlog2x(right[c] + gone)
    to_right = 1 if rights > lefts else 0
    if missing > 0.0:
        gain_left -= xlog2x(lefts + missing) + xlog2x(rights)
        gain_right -= xlog2x(lefts) + xlog2x(rights + missing)
        if gain_left != gain_right:
            to_right = 1 if gain_right > gain_left else 0
        for c in range(plan.classes):
            b = np.int64(table[leaf, c])
            if b >= 0:
                gone = np.float64(pool[b, 7 * plan.sub]) - np.float64(pool[b, j])
                if to_right == 1:
                    right[c] += gone
                else:
                    left[c] += gone
    return to_right


@njit(error_model="numpy")
def _put_set(tree, plan, leaf, j, step, shares):
    """Write down which nominal values go left, and which were met; return the number of the set."""
    sizes = sizes_of(plan)
    meta = meta_of(tree, plan)
    subspace = subspace_of(tree, plan)
    sets = sets_of(tree, plan)
    at = meta[SETS_USED]
    meta[SETS_USED] += 1
    for word in range(2 * plan.words):
        sets[at, word] = 0
    _share_steps(tree, plan, leaf, j, shares)
    for code in range(sizes[subspace[leaf, j]]):
        if shares[code] >= 0:
            word, bit = code >> 6, np.int64(1) << np.int64(code & 63)
            sets[at, plan.words + word] |= bit
            if shares[code] <= step:
                sets[at, word] |= bit
    return at


@njit(error_model="numpy")
def _divide(tree, plan, leaf, j, bound, left, right, shares):
    """Put into `left` and `right` the weight of each class that a split is expected to send there."""
    offsets = offsets_of(plan)
    sizes = sizes_of(plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    codes = codes_of(tree, plan)
    pool = pool_of(tree, plan)
    sub = plan.sub
    column = subspace[leaf, j]
    is_nominal = plan.nominal and offsets[column] >= 0
    if is_nominal:
        _share_steps(tree, plan, leaf, j, shares)
    for c in range(plan.classes):
        left[c] = 0.0
        right[c] = 0.0
        b = np.int64(table[leaf, c])
        if b < 0:
            continue
        n = np.float64(pool[b, j])
        share = 0.0
        if is_nominal:
            for code in range(sizes[column]):
                if shares[code] >= 0 and shares[code] <= bound:
                    share += np.float64(codes[b, offsets[column] + code])
            share = share if share < n else n  # each is rounded for itself: together they may be more
        else:
            share = _share_below(
                bound,
                n,
                np.float64(pool[b, sub + j]),
                _scale(n, np.float64(pool[b, 2 * sub + j])),
                np.float64(pool[b, 3 * sub + j]),
                np.float64(pool[b, 4 * sub + j]),
            )
        left[c] = share
        right[c] = n - share


@njit(error_model="numpy")
def _split(tree, plan, node, leaf, j, scratch):
    """Make two leaves of one."""
    offsets = offsets_of(plan)
    bounds = bounds_of(scratch, plan)
    cells = cells_of(scratch, plan)
    shares = shares_of(scratch, plan)
    meta = meta_of(tree, plan)
    feature = feature_of(tree, plan)
    child = child_of(tree, plan)
    border = border_of(tree, plan)
    counts = counts_of(tree, plan)
    place = place_of(tree, plan)
    scores = scores_of(tree, plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    column = subspace[leaf, j]
    left = meta[NODES]
    right = left + 1
    new = meta[LEAVES]
    lefts, rights = cells[0], cells[1]
    bound = bounds[j]
    _divide(tree, plan, leaf, j, bound, lefts, rights, shares)
    to_right = _missing_right(tree, plan, leaf, j, lefts, rights)
    if plan.nominal and offsets[column] >= 0:
        bound = np.float64(_put_set(tree, plan, leaf, j, bound, shares))
    feature[node] = 2 * column + to_right
    border[node] = bound
    child[node] = left
    meta[NODES] += 2
    meta[LEAVES] += 1
    free_blocks(tree, plan, leaf)
    for side in range(2):
        at_node = left if side == 0 else right
        at_leaf = leaf if side == 0 else new
        total = 0.0
        for c in range(plan.classes):
            weight = lefts[c] if side == 0 else rights[c]
            counts[at_node, c] = weight
            total += counts[at_node, c]
            table[at_leaf, c] = -1
        feature[at_node] = -1
        child[at_node] = at_leaf
        place[at_leaf, 0] = at_node
        place[at_leaf, 1] = 1
        scores[at_leaf, 0] = total + plan.grace
        scores[at_leaf, 1] = 0.0
        scores[at_leaf, 2] = 0.0
        draw_subspace(tree, at_leaf, plan, scratch)


@njit(error_model="numpy")
def try_to_split(tree, plan, node, leaf, weight, importance, scratch):
    """Split a leaf if the Hoeffding bound allows it; else say when to try again.

    The next attempt is made when the bound could allow a split by what is known now, at the latest when the
    leaf has seen `wait` times as much again.

    References
    ----------
    Domingos and Hulten, Mining high-speed data streams, KDD 2000; García-Martín et al., Hoeffding trees with
    nmin adaptation, DSAA 2018.
    """
    offsets = offsets_of(plan)
    gains = gains_of(scratch, plan)
    bounds = bounds_of(scratch, plan)
    cells = cells_of(scratch, plan)
    shares = shares_of(scratch, plan)
    meta = meta_of(tree, plan)
    counts = counts_of(tree, plan)
    scores = scores_of(tree, plan)
    subspace = subspace_of(tree, plan)
    classes = 0
    known = 0.0
    for c in range(plan.classes):
        n = counts[node, c]
        if n > 0.0:
            classes += 1
            known += xlog2x(n)
    scores[leaf, 0] = weight + plan.grace
    if classes < 2 or meta[NODES] + 2 > plan.node_limit:
        return
    spread = log2(np.float64(classes))
    needed = spread * spread * plan.log_delta / 2.0
    hoeffding = np.sqrt(needed / weight)
    if hoeffding >= plan.tau and log2(weight) - known / weight <= hoeffding:
        return  # no split could gain as much
    _judge_numeric(tree, plan, leaf, weight, scratch)
    if plan.nominal:
        for j in range(plan.sub):
            if offsets[subspace[leaf, j]] >= 0:
                _judge_nominal(tree, plan, leaf, j, weight, cells, shares, gains, bounds)
                if meta[SETS_USED] >= plan.set_limit:
                    gains[j] = -1.0
    best = np.int64(-1)
    first = 0.0
    second = 0.0
    for j in range(plan.sub):
        if gains[j] > first:
            second = first
            first = gains[j]
            best = np.int64(j)
        elif gains[j] > second:
            second = gains[j]
    gap = first - second
    if best >= 0 and (gap > hoeffding or hoeffding < plan.tau):
        importance[subspace[leaf, best]] += first * weight
        _split(tree, plan, node, leaf, best, scratch)
        return
    gap = gap if gap > plan.tau else plan.tau
    wait = needed / (gap * gap) - weight
    wait = wait if wait < plan.wait * weight else plan.wait * weight
    if wait > plan.grace:
        scores[leaf, 0] = weight + wait
