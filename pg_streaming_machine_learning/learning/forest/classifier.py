"""The adaptive random forest as a classifier of river's, one sample at a time or many."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import base

from pg_streaming_machine_learning.learning.forest.answers import Explained, ForestEvent
from pg_streaming_machine_learning.learning.forest.backend import Backend, Forest
from pg_streaming_machine_learning.learning.forest.batch import (
    as_matrix,
    as_weights,
    check_label,
    check_weights,
    cuts_of,
    listed,
)
from pg_streaming_machine_learning.learning.forest.columns import Columns
from pg_streaming_machine_learning.learning.forest.layout import Shape
from pg_streaming_machine_learning.learning.forest.plan import Votes, plan_of
from pg_streaming_machine_learning.learning.forest.snapshot import read_forest, write_forest
from pg_streaming_machine_learning.learning.forest.state_check import check_state
from pg_streaming_machine_learning.learning.forest.voting import together, together_one, trust_of

__all__ = ["AdaptiveRandomForestClassifier"]

_ROWS = 1024
_MOST_REASONS = 1_000_000
"""Of a part of a batch: member by member adds to them all, so they are to fit in a processor's cache (8 MB).
Fewer would fit in a nearer one, but a tree is walked faster the more rows in turn go through it."""

_KINDS = ("warning", "drift")

Matrix = NDArray[np.float64]


class AdaptiveRandomForestClassifier(base.Classifier):
    """Adaptive random forest of Hoeffding trees, compiled.

    Each of the trees learns every sample as often as a Poisson distribution says, splits its leaves on random
    subspaces, and is watched by two drift detectors (ADWIN): at a warning a tree begins to grow in the
    background, at a drift it takes over. Members vote with their probabilities, weighted by the accuracy of
    their tree.

    Parameters
    ----------
    n_models : int
        Trees.
    max_features : float, int, str or None
        What a leaf may split on: a share of the features, a number, ``"sqrt"``, ``"log2"``, None for all.
    lambda_value : float
        Mean of the Poisson distribution.
    grace_period : float
        Weight a leaf gathers between two attempts to split, at least.
    delta : float
        Confidence of the Hoeffding bound.
    tau : float
        Below this bound the better of two equal splits is taken.
    wait : float
        After a failed attempt, a leaf waits until the bound may allow a split by what is known, at most until
        its weight has grown by this share.
    leaf_prediction : str
        ``"mc"`` majority class, ``"nb"`` naive Bayes, ``"nba"`` whichever was right more often.
    warning_delta, drift_delta : float
        Sensitivity of the detectors; a `warning_delta` of 0 grows no trees in the background.
    nominal_features : collection of hashable, or None
        Names of the features whose values are names, even where they are numbers.
    class_weights : mapping of label to float, or None
        By which samples of a class are weighted; 1 where a label is not named.
    classes : sequence of labels, or None
        Known beforehand, so that their columns are there from the beginning.
    max_bytes : int
        Bound of `allocated_bytes`. When it is reached, the leaves that promise least no longer watch their
        features, and may come back.
    n_jobs : int
        Threads for batches; the bits are the same with any number.
    seed : int
        Of all randomness.

    Notes
    -----
    Missing values (no entry, None, NaN, infinite) are passed over by the statistics of a leaf; a split sends
    them to the side that keeps more of what is known about the classes. Sums are kept in double precision,
    what a leaf stores in single; all functions are made of exact operations, so that results do not depend on
    the machine.

    The defaults of `max_features`, `tau`, `wait` and the detectors were chosen by measurement on eight
    streams: see ``docs/forest.md``.

    References
    ----------
    Gomes et al., Adaptive random forests for evolving data stream classification, Machine Learning 106, 2017.
    Domingos and Hulten, Mining high-speed data streams, KDD 2000.

    Examples
    --------
    >>> forest = AdaptiveRandomForestClassifier(n_models=3, seed=1)
    >>> for n in range(200):
    ...     forest.learn_one({"load": n % 10, "host": "web"}, n % 10 > 6)
    >>> forest.predict_one({"load": 9}), forest.predict_one({"load": 1})
    (True, False)
    """

    _backend: Backend
    _columns: Columns
    _forest: Forest
    _labels: dict[Any, int]
    _room: tuple[int, int, dict[int, int]]

    def __init__(
        self,
        n_models: int = 10,
        *,
        max_features: float | int | str | None = 0.7,
        lambda_value: float = 6.0,
        grace_period: float = 50.0,
        delta: float = 0.01,
        tau: float = 0.1,
        wait: float = 1.0,
        leaf_prediction: str = "nba",
        warning_delta: float = 0.02,
        drift_delta: float = 0.005,
        nominal_features: Collection[Hashable] | None = None,
        class_weights: Mapping[Any, float] | None = None,
        classes: Sequence[Any] | None = None,
        max_bytes: int = 128 * 2**20,
        n_jobs: int = 1,
        seed: int = 1,
    ) -> None:
        self.n_models = n_models
        self.max_features = max_features
        self.lambda_value = lambda_value
        self.grace_period = grace_period
        self.delta = delta
        self.tau = tau
        self.wait = wait
        self.leaf_prediction = leaf_prediction
        self.warning_delta = warning_delta
        self.drift_delta = drift_delta
        self.nominal_features = nominal_features
        self.class_weights = class_weights
        self.classes = classes
        self.max_bytes = max_bytes
        self.n_jobs = n_jobs
        self.seed = seed
        self._begin(Backend.best())

    @property
    def classes_(self) -> tuple[Any, ...]:
        """Labels in the order of the columns of probabilities."""
        return tuple(self._labels)

    @property
    def features_(self) -> tuple[Hashable, ...]:
        """Names of the features met, in the order of meeting."""
        return tuple(self._columns.names)

    @property
    def backend(self) -> str:
        """``"numba"``, or ``"reference"`` where nothing can be compiled."""
        return self._backend.name

    @property
    def allocated_bytes(self) -> int:
        """Bytes of the arrays that hold the forest."""
        return self._forest.allocated_bytes

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: dict[Any, Any], y: Any, *, w: float = 1.0) -> None:
        """Learn a sample of weight `w`; of weight 0, nothing.

        Raises
        ------
        ValueError
            If the weight is negative, not finite or above 1e12, the label is NaN, a feature was a number and
            is none now, or there is no room in `max_bytes` for what is new.
        """
        weights = np.array([w], dtype=np.float64)
        check_weights(weights)
        check_label(y)
        if w == 0:
            return
        self._meet(x, y)
        weights *= self._class_weight(y)
        self._forest.run(self._columns.row(x), np.array([self._labels[y]]), weights)

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        """Return the probability of each class; empty before anything was learned."""
        if not self._labels:
            return {}
        row = self._columns.row(x)
        votes = self._forest.run(row, _NO_LABEL, _NO_WEIGHT)
        probabilities = together_one(votes)
        return dict(zip(self._labels, probabilities, strict=False)) if any(probabilities) else {}

    def predict_one(self, x: dict[Any, Any]) -> Any:
        """Return the most probable class, the one met first of equals; None before anything was learned."""
        probabilities = self.predict_proba_one(x)
        return max(probabilities, key=probabilities.__getitem__) if probabilities else None

    def process_many(
        self,
        X: ArrayLike,
        y: Sequence[Any] | NDArray[Any],
        known: ArrayLike | None = None,
        *,
        features: Sequence[Hashable] | None = None,
        w: ArrayLike | None = None,
    ) -> Matrix:
        """Predict each row, then learn it, one after the other: prequentially.

        Parameters
        ----------
        X : array-like of float, shape (n, columns)
            NaN is missing.
        y : sequence, shape (n,)
            Labels; of no matter where a row is not known.
        known : array-like of bool, shape (n,), or None
            Whether a row is learned; None for all.
        features : sequence of hashable, or None
            Names of the columns; None for 0, 1, 2 ...
        w : array-like of float, shape (n,), or None
            Weights, 1 by default.

        Returns
        -------
        ndarray of float64, shape (n, len(classes_))
            Probabilities before the row was learned, with the very bits of doing it one by one. A row is all
            0 where nothing had been learned.

        Raises
        ------
        ValueError
            If shapes do not go together, a feature is named twice, a label to be learned is NaN, a weight is
            negative, not finite or above 1e12, or there is no room in `max_bytes` for what is new; then the
            rows before are learned.
        """
        matrix, names = as_matrix(X, features)
        weights = as_weights(known, w, len(matrix))
        labels = listed(y)
        if len(labels) != len(matrix):
            raise ValueError(f"y has {len(labels)} labels, expected {len(matrix)}, one for each row")
        for row in np.flatnonzero(weights > 0).tolist():
            check_label(labels[row])
        parts: list[tuple[int, Matrix]] = []
        for begin, end in self._segments(matrix, names, labels, weights):
            part = slice(begin, end)
            parts.append((begin, self._segment(matrix[part], names, labels[part], weights[part])))
        whole = np.zeros((len(matrix), len(self._labels)))
        for begin, votes in reversed(
            parts
        ):  # a row that was met before it was learned was predicted before that
            whole[begin : begin + len(votes)] = 0.0
            whole[begin : begin + len(votes), : votes.shape[1]] = votes
        return whole

    def learn_many(
        self,
        X: ArrayLike,
        y: Sequence[Any] | NDArray[Any],
        *,
        features: Sequence[Hashable] | None = None,
        w: ArrayLike | None = None,
    ) -> None:
        """Learn rows in their order; see `process_many`."""
        self.process_many(X, y, features=features, w=w)

    def predict_proba_many(self, X: ArrayLike, *, features: Sequence[Hashable] | None = None) -> Matrix:
        """Return the probabilities of rows, shape (n, len(classes_)); nothing is learned."""
        matrix, names = as_matrix(X, features)
        rows = self._columns.rows(matrix, names)
        parts = [together(votes) for _, votes in self._predictions(rows)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._labels)))

    def explain_many(self, X: ArrayLike, *, features: Sequence[Hashable] | None = None) -> Explained:
        """Return the probabilities of rows, and what each feature adds to them; nothing is learned.

        Notes
        -----
        Along a path, the feature of each split gets the change of the class shares (Saabas). What naive Bayes
        adds in a leaf goes to the features of its subspace, in proportion to how differently they speak of
        the classes. The trees that vote enter with the weight of their vote; those in the background do not.

        References
        ----------
        Saabas, Interpreting random forests, 2014.
        """
        matrix, names = as_matrix(X, features)
        rows = self._columns.rows(matrix, names)
        n, classes = len(rows), len(self._labels)
        probabilities, bases = np.empty((n, classes)), np.empty((n, classes))
        contributions = np.empty(
            (n, len(self._columns), classes)
        )  # by far the largest: made once, never copied
        for part, votes in self._predictions(rows, contributions):
            assert votes.bases is not None
            trust = trust_of(votes)
            probabilities[part] = together(votes)
            bases[part] = votes.bases / trust[:, None]
            contributions[part] /= trust[:, None, None]
        return Explained(probabilities, bases, contributions, self.features_)

    def explain_one(self, x: dict[Any, Any]) -> dict[Any, dict[Hashable, float]]:
        """Return by class what each feature adds to its probability; see `explain_many`."""
        if not self._labels:
            return {}
        votes = self._forest.run(self._columns.row(x), _NO_LABEL, _NO_WEIGHT, True)
        assert votes.reasons is not None
        reasons = (votes.reasons / trust_of(votes)[:, None, None])[0]
        return {
            label: dict(zip(self._columns.names, reasons[:, column].tolist(), strict=True))
            for column, label in enumerate(self._labels)
        }

    def feature_importances(self) -> dict[Hashable, float]:
        """Return what each feature's splits have gained, in bits times weight, as shares of the whole."""
        gained = self._forest.importances.sum(axis=0)
        whole = gained.sum()
        shares = gained / whole if whole > 0 else gained
        return dict(zip(self._columns.names, shares.tolist(), strict=True))

    def take_events(self) -> list[ForestEvent]:
        """Return the warnings and drifts since the last call, by sample; of each member the last 1000."""
        return [
            ForestEvent(_KINDS[kind], member, sample, before, after, had)
            for member, kind, sample, before, after, had in self._forest.take_events()
        ]

    def to_bytes(self) -> bytes:
        """Return the whole forest as bytes: see ``docs/forest.md`` for the layout.

        Raises
        ------
        SnapshotError
            If a label or a name is neither text, number, bool nor None.
        """
        parameters = {name: getattr(self, name) for name in _PARAMETERS}
        return write_forest(parameters, list(self._labels), self._columns.state(), self._forest.state())

    @classmethod
    def from_bytes(cls, data: bytes) -> AdaptiveRandomForestClassifier:
        """Return the forest of some bytes.

        Raises
        ------
        SnapshotError
            If they are damaged, cut, of something else, or of a newer release.
        """
        return read_forest(cls, data)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs."""
        return {
            "parameters": {name: getattr(self, name) for name in _PARAMETERS},
            "labels": list(self._labels),
            "columns": self._columns.state(),
            "state": self._forest.state(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a copy."""
        self.__dict__.update(type(self)(**state["parameters"]).__dict__)
        columns = state["columns"]
        self._take_on(
            state["labels"],
            columns["names"],
            columns["centers"],
            columns["codes"],
            state["state"],
            check_state,
        )

    def _begin(self, backend: Backend) -> None:
        """Begin anew."""
        plan = plan_of(self)
        self._backend = backend
        self._columns = Columns(self.nominal_features or ())
        self._labels = {}
        self._room = (0, 0, {})
        self._forest = backend.forest(plan)
        for label in self.classes or ():
            self._labels.setdefault(label, len(self._labels))
        if self._labels:
            self._grow()

    def _take_on(
        self,
        labels: list[Any],
        names: list[Hashable],
        centers: list[float],
        codes: dict[int, list[Hashable]],
        state: Mapping[str, NDArray[Any]],
        check: Callable[..., None],
    ) -> None:
        """Become a stored forest: it is checked before it is given to the kernel."""
        self._columns.load(names, centers, codes)
        self._labels = {label: number for number, label in enumerate(labels)}
        rooms = self._columns.code_rooms
        words = (max(rooms.values(), default=0) + 63) // 64
        sub = self._forest.plan.sub(len(names))
        shape = Shape(len(labels), sub, sum(rooms.values()), words)
        limits = self._forest.plan.limits(shape, len(names))
        check(state, shape, limits, self.n_models, len(names), rooms)
        self._grow()
        self._forest.load(state)

    def _grow(self) -> None:
        columns, labels, rooms = len(self._columns), len(self._labels), self._columns.code_rooms
        self._forest.grow(columns, labels, rooms)
        self._room = columns, labels, rooms

    def _meet(self, x: Mapping[Any, Any], y: Any) -> None:
        """See that there is room for the features and the label of a sample to be learned."""
        is_new = self._columns.meet(x)
        if y not in self._labels:
            self._labels[y] = len(self._labels)
            is_new = True
        if is_new:
            try:
                self._grow()
            except ValueError:  # there is no room: what is new stays unknown, the forest goes on as it was
                columns, labels, rooms = self._room
                self._columns.forget(columns, rooms)
                self._labels = dict(list(self._labels.items())[:labels])
                raise

    def _class_weight(self, label: Any) -> float:
        return 1.0 if self.class_weights is None else float(self.class_weights.get(label, 1.0))

    def _segments(
        self, matrix: Matrix, names: Sequence[Hashable], labels: list[Any], weights: Matrix
    ) -> Iterator[tuple[int, int]]:
        """Yield the parts of a batch.

        A row with something new is the last of one part, predicted only, and the first of the next one, as it
        would be one by one: predicted, then met, then learned.
        """
        begin = 0
        for cut in [*cuts_of(self._columns, self._labels, matrix, names, labels, weights), len(matrix)]:
            is_new = cut < len(matrix)
            weight = weights[cut] if is_new else 0.0
            if is_new:
                weights[cut] = 0.0
            end = cut + 1 if is_new else cut
            for start in range(begin, end, _ROWS):
                yield start, min(start + _ROWS, end)
            if is_new:
                weights[cut] = weight
                self._meet(dict(zip(names, matrix[cut].tolist(), strict=True)), labels[cut])
            begin = cut

    def _segment(
        self, matrix: Matrix, names: Sequence[Hashable], labels: list[Any], weights: Matrix
    ) -> Matrix:
        """Take a part of a batch through the forest."""
        if not self._labels:
            return np.zeros((len(matrix), 0))
        find = self._labels.get
        codes = np.array([find(label, 0) for label in labels], dtype=np.int64)
        if self.class_weights is not None:
            weights = weights * np.array([self._class_weight(label) for label in labels])
        rows = self._columns.rows(matrix, names)
        return together(self._forest.run(rows, codes, weights, False, self.n_jobs))

    def _predictions(
        self, rows: NDArray[np.float32], reasons: Matrix | None = None
    ) -> Iterator[tuple[slice, Votes]]:
        """Yield parts of some rows with what the members say; put reasons where they are wanted."""
        size, explain = _ROWS, reasons is not None
        if reasons is not None:
            width = max(reasons.shape[1] * reasons.shape[2], 1)
            size = max(1, min(_ROWS, _MOST_REASONS // width))
        for begin in range(0, len(rows), size):
            part = slice(begin, min(begin + size, len(rows)))
            n = part.stop - part.start
            labels, weights = np.zeros(n, np.int64), np.zeros(n)
            wanted = None if reasons is None else reasons[part]
            yield part, self._forest.run(rows[part], labels, weights, explain, self.n_jobs, wanted)


_PARAMETERS = tuple(inspect.signature(AdaptiveRandomForestClassifier).parameters)
_NO_LABEL = np.zeros(1, np.int64)
_NO_WEIGHT = np.zeros(1)
