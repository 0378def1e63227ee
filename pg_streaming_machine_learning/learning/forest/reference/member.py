"""A member of the forest: the tree that votes, the one in the background, and the detectors between them.

References
----------
Gomes et al., Adaptive random forests for evolving data stream classification, Machine Learning 106, 2017;
Oza, Online bagging and boosting, 2005, on learning each sample a Poisson number of times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pg_streaming_machine_learning.learning.forest.plan import EVENTS_KEPT
from pg_streaming_machine_learning.learning.forest.reference.adwin import Adwin
from pg_streaming_machine_learning.learning.forest.reference.reasons import explain
from pg_streaming_machine_learning.learning.forest.reference.tree import Tree
from pg_streaming_machine_learning.learning.forest.reference.world import World
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

__all__ = ["DRIFT", "WARNING", "Event", "Member", "Vote"]

WARNING, DRIFT = 0, 1
"""Kinds of events."""


@dataclass(frozen=True)
class Event:
    """A warning or a drift.

    Parameters
    ----------
    kind : int
        WARNING or DRIFT.
    sample : int
        Samples the member had learned before.
    before, after : float
        The detector's mean error before and after.
    replaced : bool
        Of a drift: whether a tree from the background takes over, else one begins anew. Of a warning: true, a
        tree has begun in the background.
    """

    kind: int
    sample: int
    before: float
    after: float
    replaced: bool


@dataclass(frozen=True)
class Vote:
    """What a member says about a row.

    Parameters
    ----------
    probabilities : list of float
        Of each class; zeros from a member that knows nothing.
    trust : float
        Share of the samples it had right, smoothed, since its tree votes; 0 from a member that knows nothing.
    reasons, base : list
        See `reasons.explain`; None if they were not asked for, or it knows nothing.
    """

    probabilities: list[float]
    trust: float
    reasons: list[list[float]] | None = None
    base: list[float] | None = None


class Member:
    """A member of a forest.

    Parameters
    ----------
    world : World
        Parameters, features and classes.
    seed : int
        Of its randomness.

    Attributes
    ----------
    samples, trees : int
        Samples learned, and trees begun.
    right, seen : float
        Samples the voting tree had right before it learned them, and all samples since it votes.
    importances : list of float, shape (features,)
        Gain times weight of all splits, of all trees.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.random = Splitmix(seed)
        self.samples = self.trees = 0
        self.right = self.seen = 0.0
        self.warning, self.drift = Adwin(), Adwin()
        self.importances = [0.0] * world.n_features
        self.voting = self._new_tree(world)
        self.background: Tree | None = None
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    def _new_tree(self, world: World) -> Tree:
        self.trees += 1
        return Tree(world, self.random.next())

    def grow(self, before: World, world: World) -> None:
        """Meet new features and classes."""
        self.importances += [0.0] * (world.n_features - before.n_features)
        for tree in self.trees_in_use():
            tree.grow(before, world)

    def trees_in_use(self) -> list[Tree]:
        """Return the tree that votes, and the one in the background if there is one."""
        return [self.voting] if self.background is None else [self.voting, self.background]

    def take(self, row: list[float], label: int, weight: float, world: World, is_explained: bool) -> Vote:
        """Vote on a row, then learn it if it has a weight."""
        opinion = self.voting.opinion(row, world)
        trust = (self.right + 1.0) / (self.seen + 2.0) if opinion.weight > 0.0 else 0.0
        vote = Vote(opinion.probabilities, trust)
        if is_explained and opinion.weight > 0.0:
            reasons, base = explain(self.voting, row, opinion, trust, world.n_features)
            vote = Vote(opinion.probabilities, trust, reasons, base)
        if not weight > 0.0:
            return vote
        said = max(range(world.n_classes), key=lambda c: opinion.probabilities[c])
        self.right += said == label
        self.seen += 1.0
        times = self._draw_times(world)
        if times > 0:
            self.voting.learn(row, label, weight * times, opinion, world, self.importances)
            if self.background is not None:
                opinion = self.background.opinion(row, world)
                self.background.learn(row, label, weight * times, opinion, world, self.importances)
        self._detect(int(said != label), world)
        self.samples += 1
        return vote

    def _draw_times(self, world: World) -> int:
        """Draw from the Poisson distribution how many times a sample is learned."""
        bits = self.random.next()
        times = 0
        while times < len(world.plan.poisson) and bits >= world.plan.poisson[times]:
            times += 1
        return times

    def _detect(self, error: int, world: World) -> None:
        """Tell the detectors whether the member was wrong, and do what they ask for.

        A warning begins a tree in the background, anew if there is one already. A drift lets it vote, or
        a new tree if there is none.
        """
        plan = world.plan
        means = self.warning.add(error, plan.warning_delta) if plan.has_background else None
        if means is not None:
            self.background = self._new_tree(world)
            self.warning = Adwin()
            self._note(WARNING, means)
        means = self.drift.add(error, plan.drift_delta)
        if means is not None:
            self._note(DRIFT, means)
            self.voting = self._new_tree(world) if self.background is None else self.background
            self.background = None
            self.warning, self.drift = Adwin(), Adwin()
            self.right = self.seen = 0.0

    def _note(self, kind: int, means: tuple[float, float]) -> None:
        self.events.append(Event(kind, self.samples, *means, self.background is not None))
