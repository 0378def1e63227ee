"""Where a tree's numbers are: the arrays of one tree, their types and shapes, and how they grow.

Everything a compiled function touches lies in such arrays. Two trees stand ready for each member of the
forest: the one that votes and the one that may be learned in the background.

::

    nodes   FEATURE  int32 (nodes,)            -1: a leaf; else twice the column, plus 1 if missing goes right
            CHILD    int32 (nodes,)            left child, the right one follows it; of a leaf: its number
            BOUND    float32 (nodes,)          at most goes left; of a nominal feature: number of its set
            COUNTS   float64 (nodes, classes)  weight that passed, plus what a split expected to come
    leaves  PLACE    int32 (leaves, 2)         node; 1 if it watches its features
            SCORES   float64 (leaves, 3)       weight at the last attempt to split; weights that the majority
                                               class, and naive Bayes, had right
            SUBSPACE int32 (leaves, subspace)  columns it may split on
            TABLE    int32 (leaves, classes)   block of each class met, -1 for none
    blocks  POOL     float32 (blocks, 7 x subspace + 1)  of each place weight, mean, sum of squared
                                               deviations, least, greatest, and what naive Bayes makes
                                               of these (two numbers); then the weight of the whole block
            CODES    float32 (blocks, codes)   weight of each value of the nominal features
            FREE     int32 (blocks,)           stack of blocks given back
    sets    SETS     int64 (sets, 2 x words)   bits of the nominal values that go left; of those met by then
    META    int64 (8,)                         how many nodes, leaves, blocks, free blocks, sets there are;
                                               state of the random generator; leaves that rest; when to look
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADWIN_MOST", "ADWIN_ROWS", "ADWIN_SIZE", "ARRAYS", "CHECK_EVERY", "Capacity", "Shape"]

META, FEATURE, CHILD, BOUND, COUNTS, PLACE, SCORES, SUBSPACE, TABLE, POOL, CODES, FREE, SETS = range(13)
ARRAYS = 13

NODES, LEAVES, BLOCKS, FREED, SETS_USED, RNG, RESTING, CHECK = range(8)
META_SIZE = 8
"""Places in META."""

CHECK_EVERY = 1000
"""Samples after which a leaf that rests may come back."""

STATISTICS = 7
"""Of a block: weight, mean, sum of squared deviations, least, greatest, and two for naive Bayes."""

POINTS = 16
"""Bounds of a feature that are looked at for a split."""

SHARES = 11
"""Steps of a class's share by which the values of a nominal feature are put together."""

ADWIN_ROWS = 40
"""Sizes of buckets a detector may have, each twice the one before."""

ADWIN_MOST = 5
"""Buckets of a size; one more, and the two oldest become one of twice the size."""

ADWIN_SIZE = 4 + ADWIN_ROWS + ADWIN_ROWS * (ADWIN_MOST + 1)
"""int64 numbers of a detector: width, sum, last row in use, values so far; buckets of each row; the sums of
the buckets, row by row, oldest first, 0 where there is none."""


@dataclass(frozen=True)
class Shape:
    """What all trees of a forest have in common.

    Parameters
    ----------
    classes : int
        Room for so many.
    subspace : int
        Features a leaf watches.
    codes : int
        Room for the values of all nominal features together.
    words : int
        64-bit words of a set of nominal values.
    """

    classes: int
    subspace: int
    codes: int
    words: int

    @property
    def node_bytes(self) -> int:
        """Bytes of a node, with its half of a leaf."""
        return 12 + 8 * self.classes + (self.leaf_bytes + 1) // 2

    @property
    def leaf_bytes(self) -> int:
        """Bytes of a leaf."""
        return 8 + 24 + 4 * self.subspace + 4 * self.classes

    @property
    def block_bytes(self) -> int:
        """Bytes of a block."""
        return 4 * (STATISTICS * self.subspace + 1) + 4 * self.codes + 4

    @property
    def set_bytes(self) -> int:
        """Bytes of a set of nominal values."""
        return 16 * self.words


@dataclass(frozen=True)
class Capacity:
    """How much room a tree has.

    Parameters
    ----------
    nodes, blocks, sets : int
        So many. There is room for half as many leaves as nodes, and one.
    """

    nodes: int
    blocks: int
    sets: int

    @property
    def leaves(self) -> int:
        """Room for leaves: every split has two children, so there is one leaf more than splits."""
        return self.nodes // 2 + 1
