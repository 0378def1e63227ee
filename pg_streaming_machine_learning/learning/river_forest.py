"""river's adaptive random forest, made fit for features that come and go."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from river import forest
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree.nodes.arf_htc_nodes import (
    BaseRandomLeaf,
    RandomLeafMajorityClass,
    RandomLeafNaiveBayes,
    RandomLeafNaiveBayesAdaptive,
)
from river.tree.nodes.htc_nodes import LeafMajorityClass
from river.tree.nodes.leaf import HTLeaf

from pg_streaming_machine_learning.learning.observers import GaussianObserver, NominalObserver, naive_bayes
from pg_streaming_machine_learning.learning.subspace import subspace_size

__all__ = ["AdaptiveRandomForest"]

# Memory is counted in structure, not measured: what Python objects take differs between releases and
# between a tree that grew and one that was restored, and the forest must not depend on either.
# Rounded up from what river's `calculate_object_size` finds on CPython 3.11 with two classes, about 3,000
# (with its share of the branches above it) and 950.
LEAF_BYTES = 3_000
OBSERVER_BYTES = 1_000


class _Subspace(BaseRandomLeaf):
    """Leaf that watches a random subspace of the features it has met, and widens it as more come.

    river's leaf draws once, from the features of the first sample it learns: those that appear
    later are never watched.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._met: dict[str, None] = {}

    def _iter_features(self, x: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        if not x.keys() <= self._met.keys():
            self._widen(sorted(name for name in x if name not in self._met))
        for name in self.feature_indices:
            if name in x:
                yield name, x[name]

    def _widen(self, new: list[str]) -> None:
        """Draw from features not met before until the subspace has its share of all."""
        self._met.update(dict.fromkeys(new))
        wanted = subspace_size(self.max_features, len(self._met)) - len(self.feature_indices)
        if wanted > 0:
            self.feature_indices += self.rng.sample(new, k=min(wanted, len(new)))

    @staticmethod
    def new_nominal_splitter() -> NominalObserver:
        return NominalObserver()


class _MajorityLeaf(_Subspace, RandomLeafMajorityClass):
    """Predicts the majority class."""


class _BayesLeaf(_Subspace, RandomLeafNaiveBayes):
    """Predicts by naive Bayes."""

    def prediction(self, x: Mapping[str, Any], *, tree: Any = None) -> dict[Any, float]:
        if self.is_active() and self.total_weight >= tree.nb_threshold:
            return naive_bayes(x, self.stats, self.splitters)
        return dict(super().prediction(x, tree=tree))


class _AdaptiveLeaf(_Subspace, RandomLeafNaiveBayesAdaptive):
    """Predicts by whichever of majority class and naive Bayes was right more often."""

    def prediction(self, x: Mapping[str, Any], *, tree: Any = None) -> dict[Any, float]:
        if self.is_active() and self._nb_correct_weight >= self._mc_correct_weight:
            return naive_bayes(x, self.stats, self.splitters)
        return dict(LeafMajorityClass.prediction(self, x, tree=tree))

    def learn_one(self, x: Mapping[str, Any], y: Any, *, w: float = 1.0, tree: Any = None) -> None:
        if self.is_active():
            if not self.stats or max(self.stats, key=self.stats.__getitem__) == y:
                self._mc_correct_weight += w
            votes = naive_bayes(x, self.stats, self.splitters)
            if votes and max(votes, key=votes.__getitem__) == y:
                self._nb_correct_weight += w
        HTLeaf.learn_one(self, x, y, w=w, tree=tree)


_LEAVES: dict[str, Any] = {"mc": _MajorityLeaf, "nb": _BayesLeaf, "nba": _AdaptiveLeaf}


class _Tree(BaseTreeClassifier):
    """A tree of the forest: leaves that follow the features, memory that is bounded."""

    _learned = 0

    def _new_leaf(self, initial_stats: dict[Any, float] | None = None, parent: Any = None) -> BaseRandomLeaf:
        depth = 0 if parent is None else parent.depth + 1
        kind = _LEAVES[self.leaf_prediction]
        leaf: BaseRandomLeaf = kind(initial_stats or {}, depth, self.splitter, self.max_features, self.rng)
        return leaf

    def learn_one(self, x: dict[Any, Any], y: Any, *, w: float = 1.0) -> None:
        super().learn_one(x, y, w=w)
        self._learned += 1
        if self._learned % self.memory_estimate_period == 0:
            self._count_memory()

    def _estimate_model_size(self) -> None:
        """Nothing: river calls this when the weight seen happens to be a multiple of the period."""

    def _count_memory(self) -> None:
        """Deactivate the least promising leaves if the tree is larger than `max_size`."""
        active = [leaf for leaf in self._find_leaves() if leaf.is_active()]
        sizes = [LEAF_BYTES + OBSERVER_BYTES * len(leaf.splitters) for leaf in active]
        self._active_leaf_size_estimate = sum(sizes) / len(sizes) if sizes else LEAF_BYTES
        self._inactive_leaf_size_estimate = LEAF_BYTES
        if sum(sizes) + LEAF_BYTES * self._n_inactive_leaves > self._max_byte_size:
            self._enforce_size_limit()

    def _attempt_to_split(self, leaf: Any, parent: Any, parent_branch: Any, **kwargs: Any) -> None:
        """Try to split a leaf; one that has watched nothing yet stays as it is.

        river would take "nothing to split on" for the best split and deactivate the leaf for ever.
        """
        if leaf.splitters:
            super()._attempt_to_split(leaf, parent, parent_branch, **kwargs)


class AdaptiveRandomForest(forest.ARFClassifier):
    """river's adaptive random forest for samples whose features come and go.

    With the same features in every sample it predicts exactly what `river.forest.ARFClassifier`
    predicts, bit by bit, in half the time. Beyond that:

    - `max_features` keeps the caller's value. river replaces it by a number when the first sample
      comes: a first sample with few features would leave every tree with few for ever, and one
      without any would leave it with none. Here each leaf takes its share of the features it has
      met, and widens its subspace as more appear.
    - `max_size` holds for each tree, counted every `memory_estimate_period` samples of the tree.
      (river compares a sum of random weights with multiples of the period, and mostly misses.)
    - nothing depends on the order of string hashes or on the clock.

    Parameters are those of `river.forest.ARFClassifier`.

    References
    ----------
    Gomes et al., Adaptive random forests for evolving data stream classification, Machine Learning
    106, 2017.
    """

    def _init_ensemble(self, features: list[str]) -> None:
        self.data = [self._new_base_model() for _ in range(self.n_models)]

    def _new_base_model(self) -> _Tree:
        return _Tree(
            max_features=self.max_features,
            grace_period=self.grace_period,
            split_criterion=self.split_criterion,
            delta=self.delta,
            tau=self.tau,
            leaf_prediction=self.leaf_prediction,
            nb_threshold=self.nb_threshold,
            nominal_attributes=self.nominal_attributes,
            splitter=self.splitter or GaussianObserver(),
            max_depth=self.max_depth,
            binary_split=self.binary_split,
            min_branch_fraction=self.min_branch_fraction,
            max_share_to_split=self.max_share_to_split,
            max_size=self.max_size,
            memory_estimate_period=self.memory_estimate_period,
            stop_mem_management=self.stop_mem_management,
            remove_poor_attrs=self.remove_poor_attrs,
            merit_preprune=self.merit_preprune,
            rng=self._rng,
        )
