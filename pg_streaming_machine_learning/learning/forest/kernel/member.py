"""A member of the forest: the tree that votes, the one in the background, and the detectors between them."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit

from pg_streaming_machine_learning.learning.forest.kernel.adwin import adwin_add
from pg_streaming_machine_learning.learning.forest.kernel.leaf import (
    add,
    gather,
    refresh,
    say,
)
from pg_streaming_machine_learning.learning.forest.kernel.memory import (
    blame_of,
    bounds_of,
    child_of,
    counts_of,
    estimates_of,
    feature_of,
    gains_of,
    logs_of,
    meta_of,
    order_of,
    place_of,
    poisson_of,
    pool_of,
    probabilities_of,
    scores_of,
    subspace_of,
    table_of,
    terms_of,
    touched_of,
)
from pg_streaming_machine_learning.learning.forest.kernel.randomness import next_random
from pg_streaming_machine_learning.learning.forest.kernel.split import try_to_split
from pg_streaming_machine_learning.learning.forest.kernel.tree import (
    find,
    free_blocks,
    goes_right,
    has_room,
    is_full,
    reset,
    weight_of,
)
from pg_streaming_machine_learning.learning.forest.layout import (
    ADWIN_SIZE,
    CHECK,
    CHECK_EVERY,
    LEAVES,
    RESTING,
)

__all__ = ["DRIFT", "EVENT_SIZE", "WARNING", "run"]

VOTING, HAS_BACKGROUND, RANDOM, SAMPLES, TREES, EVENTS = range(6)
"""Places in the state of a member, int64."""

STATE_SIZE = 6

WARNING, DRIFT = 0, 1
"""Kinds of events."""

EVENT_SIZE = 5
"""Of an event: kind, sample, mean error before and after, 1 if a tree from the background took over."""


@njit(error_model="numpy")
def _promise(tree, plan, leaf):
    """Return what a leaf may gain by watching: the weight it would have wrong."""
    counts = counts_of(tree, plan)
    place = place_of(tree, plan)
    node = place[leaf, 0]
    total = 0.0
    most = 0.0
    for c in range(plan.classes):
        n = counts[node, c]
        total += n
        most = n if n > most else most
    return total - most


@njit(error_model="numpy")
def _least_promising(tree, plan, n_leaves):
    """Return the leaf with blocks that promises least, and its promise; -1 if none has blocks."""
    place = place_of(tree, plan)
    table = table_of(tree, plan)
    found = np.int64(-1)
    least = 0.0
    for leaf in range(n_leaves):
        if place[leaf, 1] == 0:
            continue
        has_blocks = False
        for c in range(plan.classes):
            if table[leaf, c] >= 0:
                has_blocks = True
        if has_blocks:
            promise = _promise(tree, plan, leaf)
            if found < 0 or promise < least:
                found = np.int64(leaf)
                least = promise
    return found, least


@njit(error_model="numpy")
def _rest(tree, plan, leaf):
    """Let a leaf watch no longer."""
    meta = meta_of(tree, plan)
    place = place_of(tree, plan)
    free_blocks(tree, plan, leaf)
    place[leaf, 1] = 0
    meta[RESTING] += 1


@njit(error_model="numpy")
def _make_room(tree, plan, leaf):
    """Free blocks of a less promising leaf, else let this leaf rest; return whether it may watch."""
    meta = meta_of(tree, plan)
    other, least = _least_promising(tree, plan, meta[LEAVES])
    if other >= 0 and other != leaf and least < _promise(tree, plan, leaf):
        _rest(tree, plan, other)
        return True
    _rest(tree, plan, leaf)
    return False


@njit(error_model="numpy")
def _wake(tree, plan):
    """Let the most promising leaf that rests watch again, if it promises twice what another does."""
    meta = meta_of(tree, plan)
    place = place_of(tree, plan)
    scores = scores_of(tree, plan)
    n_leaves = meta[LEAVES]
    found = np.int64(-1)
    most = 0.0
    for leaf in range(n_leaves):
        if place[leaf, 1] == 0:
            promise = _promise(tree, plan, leaf)
            if found < 0 or promise > most:
                found = np.int64(leaf)
                most = promise
    if found < 0:
        return
    other, least = _least_promising(tree, plan, n_leaves)
    if other >= 0 and is_full(tree, plan):
        if most <= 2.0 * least:
            return
        _rest(tree, plan, other)
    place[found, 1] = 1
    scores[found, 0] = weight_of(tree, plan, place[found, 0]) + plan.grace
    scores[found, 1] = 0.0
    scores[found, 2] = 0.0
    meta[RESTING] -= 1


@njit(error_model="numpy")
def _learn(tree, plan, leaf, row, y, w, majority, bayes, importance, scratch):
    """Learn a sample whose leaf and votes are known."""
    meta = meta_of(tree, plan)
    feature = feature_of(tree, plan)
    child = child_of(tree, plan)
    counts = counts_of(tree, plan)
    place = place_of(tree, plan)
    scores = scores_of(tree, plan)
    node = np.int64(0)
    while feature[node] >= 0:
        counts[node, y] += w
        node = child[node] + goes_right(tree, plan, node, row)
    counts[node, y] += w
    if majority == y:
        scores[leaf, 1] += w
    if bayes == y:
        scores[leaf, 2] += w
    if meta[RESTING] > 0:
        meta[CHECK] += 1
        if meta[CHECK] >= CHECK_EVERY:
            meta[CHECK] = 0
            _wake(tree, plan)
    if place[leaf, 1] == 0:
        return
    while not add(tree, plan, leaf, row, y, w, scratch):
        if not _make_room(tree, plan, leaf):
            return
    weight = weight_of(tree, plan, node)
    if weight >= scores[leaf, 0]:
        try_to_split(tree, plan, node, leaf, weight, importance, scratch)


@njit(error_model="numpy")
def _note(state, events, kind, estimates):
    """Write down an event."""
    at = state[EVENTS]
    events[at, 0] = kind
    events[at, 1] = state[SAMPLES]
    events[at, 2] = estimates[0]
    events[at, 3] = estimates[1]
    events[at, 4] = state[HAS_BACKGROUND]
    state[EVENTS] += 1


@njit(error_model="numpy")
def _begin_tree(tree, plan, state, scratch):
    """Begin a tree with a seed of its own."""
    random, bits = next_random(np.uint64(state[RANDOM]))
    state[RANDOM] = np.int64(random)
    state[TREES] += 1
    reset(tree, plan, np.int64(bits), scratch)


@njit(error_model="numpy")
def _forget(detector):
    for k in range(ADWIN_SIZE):
        detector[k] = 0


@njit(error_model="numpy")
def _explain(tree, plan, leaf, row, by_bayes, trust, scratch, reasons, base):
    """Add a tree's contributions to a row's probabilities, by feature and class, times its trust.

    Along the path, each split's feature gets the change of the class shares. In the leaf, the features get
    what naive Bayes moves, in proportion to how differently they speak of the classes.

    What a feature has of one tree is added up by itself first. Off the path that is a single number, which
    needs no place of its own.
    """
    shares = logs_of(scratch, plan)
    blame = blame_of(scratch, plan)
    touched = touched_of(scratch, plan)
    on_path = order_of(scratch, plan)
    feature = feature_of(tree, plan)
    child = child_of(tree, plan)
    counts = counts_of(tree, plan)
    node = np.int64(0)
    met = 0
    total = weight_of(tree, plan, node)
    for c in range(plan.classes):
        shares[c] = counts[node, c] / total
        base[c] += trust * shares[c]
    while feature[node] >= 0:
        column = feature[node] >> 1
        node = child[node] + goes_right(tree, plan, node, row)
        total = weight_of(tree, plan, node)
        if total <= 0.0:
            continue
        if touched[column] == 0:
            touched[column] = 1
            on_path[met] = column
            met += 1
        for c in range(plan.classes):
            share = counts[node, c] / total
            blame[column, c] += trust * (share - shares[c])
            shares[c] = share
    if by_bayes:  # else the leaf says its shares
        _blame_bayes(tree, plan, leaf, trust, scratch, reasons)
    for k in range(met):
        column = on_path[k]
        touched[column] = 0
        for c in range(plan.classes):
            reasons[column, c] += blame[column, c]
            blame[column, c] = 0.0


@njit(error_model="numpy")
def _blame_bayes(tree, plan, leaf, trust, scratch, reasons):
    """Share out what naive Bayes adds to a leaf's own shares.

    `terms` are what `leaf.say` has found; of a feature without a value they are 0 for each class.
    """
    probabilities = probabilities_of(scratch, plan)
    moved = logs_of(scratch, plan)
    blame = blame_of(scratch, plan)
    touched = touched_of(scratch, plan)
    terms = terms_of(scratch, plan)
    lowest = gains_of(scratch, plan)
    highest = bounds_of(scratch, plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    pool = pool_of(tree, plan)
    sub = plan.sub
    for j in range(sub):
        lowest[j] = np.inf
        highest[j] = -np.inf
    for c in range(plan.classes):
        moved[c] = probabilities[c] - moved[c]
        b = np.int64(table[leaf, c])
        if b < 0:
            continue
        for j in range(sub):
            bits = terms[c, j]
            is_known = pool[b, j] > 0.0
            lowest[j] = bits if is_known and bits < lowest[j] else lowest[j]
            highest[j] = bits if is_known and bits > highest[j] else highest[j]
    strengths = lowest
    for j in range(sub):
        strength = highest[j] - lowest[j]
        strengths[j] = strength if strength > 0.0 else 0.0
    whole = 0.0
    for j in range(sub):
        whole += strengths[j]
    for j in range(sub):
        part = strengths[j] / whole if whole > 0.0 else 1.0 / sub
        if not part > 0.0:
            continue
        column = subspace[leaf, j]
        share = trust * part
        if touched[column] == 1:
            for c in range(plan.classes):
                blame[column, c] += share * moved[c]
        else:
            for c in range(plan.classes):
                reasons[column, c] += share * moved[c]


@njit(error_model="numpy")
def _ask(tree, plan, row, scratch):
    """Find a row's leaf and let it speak: see `leaf.say`."""
    node = find(tree, plan, row)
    leaf = np.int64(child_of(tree, plan)[node])
    gather(tree, plan, leaf, row, scratch)
    majority, bayes, total, by_bayes = say(tree, plan, node, leaf, row, scratch)
    return leaf, majority, bayes, total, by_bayes


@njit(error_model="numpy")
def _detect(trees, plan, state, tally, detectors, events, error, scratch):
    """Tell the detectors whether a member was wrong, and do what they ask for."""
    estimates = estimates_of(scratch, plan)
    if plan.background == 1 and adwin_add(detectors[0], error, plan.warning_delta, estimates):
        _begin_tree(trees[1 - state[VOTING]], plan, state, scratch)
        state[HAS_BACKGROUND] = 1
        _forget(detectors[0])
        _note(state, events, WARNING, estimates)
    if adwin_add(detectors[1], error, plan.drift_delta, estimates):
        _note(state, events, DRIFT, estimates)
        if state[HAS_BACKGROUND] == 0:
            _begin_tree(trees[1 - state[VOTING]], plan, state, scratch)
        state[VOTING] = 1 - state[VOTING]
        state[HAS_BACKGROUND] = 0
        _forget(detectors[0])
        _forget(detectors[1])
        tally[0] = 0.0
        tally[1] = 0.0


@njit(error_model="numpy")
def _draw_times(plan, state):
    """Draw how many times a sample is learned."""
    poisson = poisson_of(plan)
    random, bits = next_random(np.uint64(state[RANDOM]))
    state[RANDOM] = np.int64(random)
    times = 0
    while times < plan.poisson_size and bits >= poisson[times]:
        times += 1
    return times


@njit(error_model="numpy")
def _run_member(
    plan, trees, state, tally, detectors, events, importance, begin, rows, labels, weights, votes, trusts,
    explain, reasons, bases, scratch,
):  # fmt: skip
    """Take samples from `begin` on through one member; return the first that found no room."""
    probabilities = probabilities_of(scratch, plan)
    for i in range(begin, rows.shape[0]):
        tree, background = trees[state[VOTING]], trees[1 - state[VOTING]]
        row, w = rows[i], weights[i]
        if w > 0.0 and not (
            has_room(tree, plan)
            and (state[HAS_BACKGROUND] == 0 or has_room(background, plan))
            and state[EVENTS] + 2 <= events.shape[0]
        ):
            return i
        leaf, majority, bayes, total, by_bayes = _ask(tree, plan, row, scratch)
        said = np.int64(0)
        for c in range(plan.classes):
            votes[i, c] = probabilities[c]
            if probabilities[c] > probabilities[said]:
                said = np.int64(c)
        trusts[i] = (tally[0] + 1.0) / (tally[1] + 2.0) if total > 0.0 else 0.0
        if explain and total > 0.0:
            _explain(tree, plan, leaf, row, by_bayes, trusts[i], scratch, reasons[i], bases[i])
        if not w > 0.0:
            continue
        y = labels[i]
        error = np.int64(0) if said == y else np.int64(1)
        tally[0] += 1.0 - error
        tally[1] += 1.0
        times = _draw_times(plan, state)
        if times > 0:
            _learn(tree, plan, leaf, row, y, w * times, majority, bayes, importance, scratch)
            if state[HAS_BACKGROUND] == 1:
                leaf, majority, bayes, total, by_bayes = _ask(background, plan, row, scratch)
                _learn(background, plan, leaf, row, y, w * times, majority, bayes, importance, scratch)
        _detect(trees, plan, state, tally, detectors, events, error, scratch)
        state[SAMPLES] += 1
    return rows.shape[0]


@njit(nogil=True, cache=True, error_model="numpy")
def run(
    plans, first, last, trees, states, tallies, detectors, events, importances, done, rows, labels, weights,
    votes, trusts, explain, reasons, bases, scratches,
):  # fmt: skip
    """Take samples through the members from `first` to `last`, not included, each from where it is done.

    Parameters
    ----------
    plans : ndarray of PLAN, shape (1,)
        What all trees have in common.
    first, last : int
        Members.
    trees : ndarray of TREE, shape (members, 2)
        Of each member.
    states, tallies, detectors, events, importances : ndarray
        Of each member.
    done : ndarray of int64, shape (members,)
        How many rows each member has taken; a member that wants room stops early.
    rows, labels, weights : ndarray, shapes (n, features), (n,), (n,)
        float32, int64, float64; a weight of 0 is to be predicted only.
    votes, trusts : ndarray of float64, shapes (members, n, classes), (members, n)
        What each member says, and how far it is to be trusted.
    explain : bool
        Whether to fill `reasons` and `bases`.
    reasons, bases : ndarray of float64, shapes (n, features, classes), (n, classes)
        Contributions and base rates, times trust, are added: of one member after the other.
    scratches : ndarray of SCRATCH, shape (1,)
        Room to compute in.
    """
    for m in range(first, last):
        done[m] = _run_member(
            plans[0], trees[m], states[m], tallies[m], detectors[m], events[m], importances[m], done[m], rows,
            labels, weights, votes[m], trusts[m], explain, reasons, bases, scratches[0],
        )  # fmt: skip
        if explain and done[m] < rows.shape[0]:
            break  # reasons are added up in the order of the members


@njit(cache=True, error_model="numpy")
def begin(plans, trees, states, scratches):
    """Begin the first tree of every member."""
    for m in range(states.shape[0]):
        _begin_tree(trees[m, 0], plans[0], states[m], scratches[0])


@njit(cache=True, error_model="numpy")
def refresh_all(plans, trees, states):
    """Compute again what blocks hold besides what is stored: see `leaf.refresh`."""
    plan = plans[0]
    for m in range(states.shape[0]):
        for slot in range(1 + states[m, HAS_BACKGROUND]):
            tree = trees[m, slot]
            meta, table = meta_of(tree, plan), table_of(tree, plan)
            for leaf in range(meta[LEAVES]):
                for c in range(plan.classes):
                    if table[leaf, c] >= 0:
                        refresh(tree, plan, leaf, table[leaf, c])
