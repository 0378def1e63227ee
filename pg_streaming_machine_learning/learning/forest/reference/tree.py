"""A Hoeffding tree that bounds its memory.

References
----------
Domingos and Hulten, Mining high-speed data streams, KDD 2000; García-Martín et al., Hoeffding trees with nmin
adaptation, DSAA 2018; on leaves that rest: Kirkby, Improving Hoeffding trees, 2007, chapter 4.
"""

from __future__ import annotations

import math

from pg_streaming_machine_learning.learning.forest.arithmetic import add_up, log2, xlog2x
from pg_streaming_machine_learning.learning.forest.reference import resting
from pg_streaming_machine_learning.learning.forest.reference.candidate import (
    Candidate,
    best_bound,
    best_codes,
)
from pg_streaming_machine_learning.learning.forest.reference.leaf import Leaf, Opinion
from pg_streaming_machine_learning.learning.forest.reference.split import Codes, Split, expect
from pg_streaming_machine_learning.learning.forest.reference.statistics import Nominal, Numeric
from pg_streaming_machine_learning.learning.forest.reference.world import World
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = ["Node", "Tree"]


class Node:
    """A node of a tree.

    Parameters
    ----------
    leaf : int
        Number of the leaf that hangs on it.
    counts : list of float
        Weight of each class that was expected when it was made; what passes is added. 32 bits.

    Attributes
    ----------
    split : Split or None
        None: its leaf says what happens.
    """

    def __init__(self, leaf: int, counts: list[float]) -> None:
        self.leaf = leaf
        self.counts = counts
        self.split: Split | None = None


class Tree:
    """A tree: nodes, of which the first is the root; leaves; sets of nominal values.

    Parameters
    ----------
    world : World
        Features and classes.
    seed : int
        Of its own randomness, which draws the features each leaf watches.

    Attributes
    ----------
    codes : list of Codes
        Of the splits by nominal features, in the order they were made.
    check : int
        Samples since the last look at the leaves that rest, while there are any.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._begin(world, seed)

    def _begin(self, world: World, seed: int) -> None:
        """Be one leaf that knows nothing."""
        self.random = Splitmix(seed)
        self.nodes = [Node(0, [0.0] * world.n_classes)]
        self.leaves = [Leaf(0, self._draw(world), world.plan.grace_period)]
        self.codes: list[Codes] = []
        self.check = 0

    def _draw(self, world: World) -> list[int]:
        return self.random.sample(0, world.n_features, world.subspace)

    def grow(self, before: World, world: World) -> None:
        """Meet new classes and features: each leaf draws from the new features until it watches its share.

        They make nodes and blocks larger, so that there may be room for fewer of them: leaves rest then,
        and a tree with too many nodes begins anew, as none can be taken out.
        """
        if resting.is_too_large(self, world):
            self._begin(world, self.random.next())
            return
        resting.give_up(self, world)
        for node in self.nodes:
            node.counts += [0.0] * (world.n_classes - before.n_classes)
        if world.n_features > before.n_features:
            for leaf in self.leaves:
                wanted = world.subspace - before.subspace
                leaf.watch_more(self.random.sample(before.n_features, world.n_features, wanted), world)

    def path(self, row: list[float]) -> list[Node]:
        """Return the nodes a row comes by, from the root to a leaf."""
        path = [self.nodes[0]]
        while (split := path[-1].split) is not None:
            path.append(self.nodes[split.next(row)])
        return path

    def opinion(self, row: list[float], world: World) -> Opinion:
        """Return what a row's leaf says."""
        node = self.path(row)[-1]
        return self.leaves[node.leaf].opinion(node.counts, row, world)

    def learn(
        self, row: list[float], c: int, w: float, opinion: Opinion, world: World, importances: list[float]
    ) -> None:
        """Learn a sample.

        Parameters
        ----------
        row : list of float
            Features.
        c : int
            Class.
        w : float
            Weight, above 0.
        opinion : Opinion
            What the tree said before.
        world : World
            Features and classes.
        importances : list of float
            A split adds its gain times its weight to its feature's.
        """
        path = self.path(row)
        for node in path:
            node.counts[c] += w
        leaf = self.leaves[path[-1].leaf]
        if opinion.majority == c:
            leaf.majority_right += w
        if opinion.bayes == c:
            leaf.bayes_right += w
        resting.look_after(self, world)
        if not (leaf.watches and resting.has_room(self, leaf, c, world)):
            return
        leaf.learn(c, row, w, world)
        weight = add_up(path[-1].counts)
        if weight >= leaf.next_attempt:
            self._try_to_split(leaf, weight, world, importances)

    def _try_to_split(self, leaf: Leaf, weight: float, world: World, importances: list[float]) -> None:
        """Split a leaf if the Hoeffding bound allows it; else say when to try again.

        The next attempt is made when the bound could allow a split by what is known now: after a grace period
        at the earliest, and at the latest when the leaf has seen `wait` times as much more.
        """
        plan = world.plan
        leaf.next_attempt = weight + plan.grace_period
        counts = [count for count in self.nodes[leaf.node].counts if count > 0.0]
        if len(counts) < 2 or len(self.nodes) + 2 > world.limits.nodes:
            return
        spread = log2(float(len(counts)))
        needed = spread * spread * plan.log_delta / 2.0
        hoeffding = math.sqrt(needed / weight)
        if hoeffding >= plan.tau and log2(weight) - add_up(map(xlog2x, counts)) / weight <= hoeffding:
            return  # no split could gain as much
        candidates = [self._candidate(leaf, j, weight, world) for j in range(len(leaf.subspace))]
        best, first, second = None, 0.0, 0.0
        for j, candidate in enumerate(candidates):
            if candidate is not None and candidate.gain > first:
                best, first, second = j, candidate.gain, first
            elif candidate is not None and candidate.gain > second:
                second = candidate.gain
        gap = first - second
        if best is not None and (gap > hoeffding or hoeffding < plan.tau):
            importances[leaf.subspace[best]] += first * weight
            chosen = candidates[best]
            assert chosen is not None
            self._split(leaf, best, chosen.cut, world)
            return
        gap = max(gap, plan.tau)
        longest = plan.wait * weight
        wait = min(needed / (gap * gap) - weight, longest) if gap * gap > 0.0 else longest
        if wait > plan.grace_period:
            leaf.next_attempt = weight + wait

    def _candidate(self, leaf: Leaf, j: int, weight: float, world: World) -> Candidate | None:
        """Return the best split by the feature in a place of a leaf's subspace."""
        features = [statistics.features[j] for _, statistics in leaf.known()]
        if leaf.subspace[j] not in world.code_sizes:
            return best_bound([each for each in features if isinstance(each, Numeric)], weight)
        if len(self.codes) >= world.limits.sets:
            return None
        return best_codes([each for each in features if isinstance(each, Nominal)], weight)

    def _split(self, leaf: Leaf, j: int, cut: float | Codes, world: World) -> None:
        """Make two leaves of one: the left one takes its number, the right one a new."""
        left, right, missing_right = expect(leaf.known(), j, cut, world.n_classes)
        node, number = self.nodes[leaf.node], self.nodes[leaf.node].leaf
        bound, codes = (float(len(self.codes)), cut) if isinstance(cut, Codes) else (cut, None)
        if codes is not None:
            self.codes.append(codes)
        node.split = Split(leaf.subspace[j], missing_right, bound, codes, len(self.nodes))
        self.leaves.append(leaf)
        for its_number, weights in ((number, left), (len(self.leaves) - 1, right)):
            counts = list(weights)
            next_attempt = add_up(counts) + world.plan.grace_period
            self.leaves[its_number] = Leaf(len(self.nodes), self._draw(world), next_attempt)
            self.nodes.append(Node(its_number, counts))
