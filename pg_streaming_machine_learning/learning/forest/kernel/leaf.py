"""What a leaf says, and how it gathers the statistics it says it by."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit

from pg_streaming_machine_learning.learning.forest.kernel.arithmetic import exp, log2
from pg_streaming_machine_learning.learning.forest.kernel.memory import (
    codes_of,
    counts_of,
    logs_of,
    offsets_of,
    place_of,
    pool_of,
    probabilities_of,
    scores_of,
    subspace_of,
    table_of,
    terms_of,
    values_of,
)
from pg_streaming_machine_learning.learning.forest.kernel.tree import take_block

__all__ = [
    "ADAPTIVE",
    "BAYES",
    "MAJORITY",
    "add",
    "begin_block",
    "bits_of_code",
    "bits_of_number",
    "gather",
    "refresh",
    "say",
]

MAJORITY, BAYES, ADAPTIVE = range(3)
"""Kinds of leaves."""

LN2 = 0.6931471805599453
HALF_LOG2_E = 0.7213475204444817
HALF_LOG2_2PI = 1.3257480647361595
CERTAIN = 1e30
"""In place of one over a variance of zero."""

MOST_BITS = 100.0
"""How many bits one feature may speak against a class."""


@njit(error_model="numpy")
def gather(tree, plan, leaf, row, scratch):
    """Put the numbers of a leaf's subspace into `values`; NaN for nominal ones."""
    values = values_of(scratch, plan)
    offsets = offsets_of(plan)
    subspace = subspace_of(tree, plan)
    for j in range(plan.sub):
        values[j] = np.float64(row[subspace[leaf, j]])
    if plan.nominal:
        for j in range(plan.sub):
            if offsets[subspace[leaf, j]] >= 0:
                values[j] = np.nan


@njit(forceinline=True, error_model="numpy")
def bits_of_number(pool, sub, b, j, x):
    """Return how many bits a number speaks against the class of a block."""
    d = x - np.float64(pool[b, sub + j])
    bits = d * d * np.float64(pool[b, 5 * sub + j])
    bits = bits if bits < MOST_BITS else MOST_BITS
    return bits + np.float64(pool[b, 6 * sub + j])


@njit(forceinline=True, error_model="numpy")
def bits_of_code(weight, known):
    """Return how many bits a nominal value speaks against a class that has it so often."""
    return -log2((np.float64(weight) + 0.5) / (np.float64(known) + 1.0))


@njit(error_model="numpy")
def _fit(tree, plan, c, b, scratch):
    """Return how many bits a sample's numbers speak against a class and its block, each in `terms`."""
    pool = pool_of(tree, plan)
    values = values_of(scratch, plan)
    terms = terms_of(scratch, plan)[c]
    sub = plan.sub
    for j in range(sub):
        bits = bits_of_number(pool, sub, b, j, values[j])
        terms[j] = bits if values[j] == values[j] else 0.0
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    j = 0
    while j + 4 <= sub:
        s0 += terms[j]
        s1 += terms[j + 1]
        s2 += terms[j + 2]
        s3 += terms[j + 3]
        j += 4
    while j < sub:
        s0 += terms[j]
        j += 1
    return (s0 + s1) + (s2 + s3)


@njit(error_model="numpy")
def _fit_nominal(tree, plan, leaf, c, b, row, scratch):
    """As `_fit`, of the nominal features."""
    terms = terms_of(scratch, plan)[c]
    offsets = offsets_of(plan)
    subspace = subspace_of(tree, plan)
    pool = pool_of(tree, plan)
    codes = codes_of(tree, plan)
    total = 0.0
    for j in range(plan.sub):
        column = subspace[leaf, j]
        if offsets[column] >= 0 and row[column] >= 0.0:
            terms[j] = bits_of_code(codes[b, offsets[column] + np.int64(row[column])], pool[b, j])
            total += terms[j]
    return total


@njit(error_model="numpy")
def say(tree, plan, node, leaf, row, scratch):
    """Put what a leaf says about a row into `probabilities`.

    `gather` has been called.

    Returns
    -------
    majority, bayes, total, by_bayes
        The class of majority; that of naive Bayes, -1 if it cannot tell; the weight the leaf knows, 0 if it
        says nothing; and whether it is naive Bayes that was asked.
    """
    probabilities = probabilities_of(scratch, plan)
    logs = logs_of(scratch, plan)
    counts = counts_of(tree, plan)
    place = place_of(tree, plan)
    scores = scores_of(tree, plan)
    table = table_of(tree, plan)
    total = 0.0
    majority = np.int64(0)
    for c in range(plan.classes):
        total += counts[node, c]
        if counts[node, c] > counts[node, majority]:
            majority = c
    bayes = np.int64(-1)
    if plan.leaf_kind != MAJORITY and place[leaf, 1] == 1:
        best = 0.0
        for c in range(plan.classes):
            b = np.int64(table[leaf, c])
            if b < 0:
                continue
            bits = log2(counts[node, c]) - _fit(tree, plan, c, b, scratch)
            if plan.nominal:
                bits -= _fit_nominal(tree, plan, leaf, c, b, row, scratch)
            logs[c] = bits
            if bayes < 0 or bits > best:
                best = bits
                bayes = np.int64(c)
    by_bayes = bayes >= 0 and (plan.leaf_kind == BAYES or scores[leaf, 2] >= scores[leaf, 1])
    if by_bayes:
        norm = 0.0
        for c in range(plan.classes):
            share = 0.0
            if table[leaf, c] >= 0:
                share = exp((logs[c] - best) * LN2)
            probabilities[c] = share
            norm += share
        for c in range(plan.classes):
            probabilities[c] = probabilities[c] / norm
    elif total > 0.0:
        for c in range(plan.classes):
            probabilities[c] = counts[node, c] / total
    else:
        for c in range(plan.classes):
            probabilities[c] = 0.0
    return majority, bayes, total, by_bayes


@njit(error_model="numpy")
def refresh(tree, plan, leaf, b):
    """Compute what `say` needs of a block's weights, means and squares."""
    offsets = offsets_of(plan)
    subspace = subspace_of(tree, plan)
    pool = pool_of(tree, plan)
    sub = plan.sub
    for j in range(sub):
        n = np.float64(pool[b, j])
        squares = np.float64(pool[b, 2 * sub + j])
        varies = n > 1.0 and squares > 0.0
        safe = squares if varies else 1.0
        precision = (n - 1.0) / safe
        precision = precision if precision < CERTAIN else CERTAIN
        known = CERTAIN if n > 0.0 else 0.0
        pool[b, 5 * sub + j] = HALF_LOG2_E * precision if varies else known
        safe = precision if varies else 1.0
        pool[b, 6 * sub + j] = HALF_LOG2_2PI - 0.5 * log2(safe) if varies else 0.0
    if plan.nominal:
        for j in range(sub):
            if offsets[subspace[leaf, j]] >= 0:
                pool[b, 5 * sub + j] = 0.0


@njit(error_model="numpy")
def begin_block(tree, plan, b):
    """Empty a block."""
    pool = pool_of(tree, plan)
    codes = codes_of(tree, plan)
    sub = plan.sub
    for j in range(sub):
        for k in range(7):
            pool[b, k * sub + j] = 0.0
        pool[b, 3 * sub + j] = np.inf
        pool[b, 4 * sub + j] = -np.inf
    pool[b, 7 * sub] = 0.0
    for k in range(plan.codes):
        codes[b, k] = 0.0


@njit(error_model="numpy")
def add(tree, plan, leaf, row, c, w, scratch):
    """Add a sample to the statistics of its class; return False if there is no block for it."""
    values = values_of(scratch, plan)
    offsets = offsets_of(plan)
    subspace = subspace_of(tree, plan)
    table = table_of(tree, plan)
    codes = codes_of(tree, plan)
    pool = pool_of(tree, plan)
    sub = plan.sub
    b = np.int64(table[leaf, c])
    if b < 0:
        b = take_block(tree, plan)
        if b < 0:
            return False
        table[leaf, c] = b
        begin_block(tree, plan, b)
    pool[b, 7 * sub] = np.float64(pool[b, 7 * sub]) + w
    for j in range(sub):
        mean = np.float64(pool[b, sub + j])
        given = values[j]
        is_known = given == given
        x = given if is_known else mean
        weight = w if is_known else 0.0
        n = np.float64(pool[b, j]) + weight
        safe = n if n > 0.0 else 1.0
        d = x - mean
        mean = mean + d * (weight / safe)
        least = np.float64(pool[b, 3 * sub + j])
        greatest = np.float64(pool[b, 4 * sub + j])
        pool[b, j] = n
        pool[b, sub + j] = mean
        pool[b, 2 * sub + j] = np.float64(pool[b, 2 * sub + j]) + weight * d * (x - mean)
        pool[b, 3 * sub + j] = x if (is_known and x < least) else least
        pool[b, 4 * sub + j] = x if (is_known and x > greatest) else greatest
    if plan.nominal:
        for j in range(sub):
            column = subspace[leaf, j]
            if offsets[column] >= 0 and row[column] == row[column]:
                pool[b, j] = np.float64(pool[b, j]) + w
                if row[column] >= 0.0:
                    at = offsets[column] + np.int64(row[column])
                    codes[b, at] = np.float64(codes[b, at]) + w
    refresh(tree, plan, leaf, b)
    return True
