"""The adaptive random forest as a classifier of river's, one sample at a time or many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import base

from pg_streaming_machine_learning.learning.forest.backend import Backend, Forest
from pg_streaming_machine_learning.learning.forest.columns import MOST_CODES, Columns
from pg_streaming_machine_learning.learning.forest.layout import Shape
from pg_streaming_machine_learning.learning.forest.plan import LEAF_KINDS, ForestPlan, Votes
from pg_streaming_machine_learning.learning.forest.snapshot import read_forest, write_forest
from pg_streaming_machine_learning.learning.forest.state_check import check_state

__all__ = ["AdaptiveRandomForestClassifier", "Explained", "ForestEvent"]

_ROWS = 1024
_MOST_REASONS = 4_000_000
_MOST_WEIGHT = 1e12
_KINDS = ("warning", "drift")

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForestEvent:
    """Something a member of a forest noticed.

    Parameters
    ----------
    kind : str
        ``"warning"``: its error seems to grow, a tree begins in the background. ``"drift"``: its error has grown,
        its tree is replaced.
    member : int
        Which.
    sample : int
        Number of the learned sample, from 0.
    error_before, error_after : float
        Its detector's estimate of its error before and after the change.
    had_background : bool
        Of a drift: whether a tree from the background took over, else one begins anew.
    """

    kind: str
    member: int
    sample: int
    error_before: float
    error_after: float
    had_background: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Probabilities, and where they come from.

    Parameters
    ----------
    probabilities : ndarray, shape (n, classes)
        As `predict_proba_many` gives them.
    base : ndarray, shape (n, classes)
        What the forest says before it looks at any feature.
    contributions : ndarray, shape (n, features, classes)
        What each feature adds; ``base + contributions.sum(axis=1)`` is `probabilities`.
    features : tuple
        Names, in the order of `contributions`.
    """

    probabilities: Matrix
    base: Matrix
    contributions: Matrix
    features: tuple[Hashable, ...]


class AdaptiveRandomForestClassifier(base.Classifier):
    """Adaptive random forest of Hoeffding trees, compiled.

    Each of the trees learns every sample as often as a Poisson distribution says, splits its leaves on random
    subspaces, and is watched by two drift detectors (ADWIN): at a warning a tree begins to grow in the background,
    at a drift it takes over. Members vote with their probabilities, weighted by the accuracy of their tree.

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
        After a failed attempt, a leaf waits until the bound may allow a split by what is known, at most until its
        weight has grown by this share.
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
        Bound of `allocated_bytes`. When it is reached, the leaves that promise least no longer watch their features,
        and may come back.
    n_jobs : int
        Threads for batches; the bits are the same with any number.
    seed : int
        Of all randomness.

    Notes
    -----
    Missing values (no entry, None, NaN, infinite) are passed over by the statistics of a leaf; a split sends them to
    the side that keeps more of what is known about the classes. Sums are kept in double precision, what a leaf
    stores in single; all functions are made of exact operations, so that results do not depend on the machine.

    The defaults of `max_features`, `tau`, `wait` and the detectors were chosen by measurement on eight streams: see
    ``docs/forest.md``.

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
            If the weight is negative, not finite or above 1e12, the label is NaN, a feature was a number and is none
            now, or there is no room in `max_bytes` for what is new.
        """
        weights = np.array([w], dtype=np.float64)
        _check_weights(weights)
        _check_label(y)
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
        probabilities = _together_one(votes)
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
            Probabilities before the row was learned, with the very bits of doing it one by one. A row is all 0
            where nothing had been learned.

        Raises
        ------
        ValueError
            If shapes do not go together, a feature is named twice, a label to be learned is NaN, a weight is
            negative, not finite or above 1e12, or there is no room in `max_bytes` for what is new; then the rows
            before are learned.
        """
        matrix, names = _matrix(X, features)
        weights = _weights(known, w, len(matrix))
        labels = _listed(y)
        if len(labels) != len(matrix):
            raise ValueError(f"y has {len(labels)} labels, expected {len(matrix)}, one for each row")
        for row in np.flatnonzero(weights > 0).tolist():
            _check_label(labels[row])
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
        matrix, names = _matrix(X, features)
        rows = self._columns.rows(matrix, names)
        parts = [_together(votes) for votes in self._predictions(rows, explain=False)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._labels)))

    def explain_many(self, X: ArrayLike, *, features: Sequence[Hashable] | None = None) -> Explained:
        """Return the probabilities of rows, and what each feature adds to them; nothing is learned.

        Notes
        -----
        Along a path, the feature of each split gets the change of the class shares (Saabas). What naive Bayes adds
        in a leaf goes to the features of its subspace, in proportion to how differently they speak of the classes.
        The trees that vote enter with the weight of their vote; those in the background do not.

        References
        ----------
        Saabas, Interpreting random forests, 2014.
        """
        matrix, names = _matrix(X, features)
        rows = self._columns.rows(matrix, names)
        classes = len(self._labels)
        probabilities, bases, reasons = (
            [np.zeros((0, classes))],
            [np.zeros((0, classes))],
            [np.zeros((0, len(self._columns), classes))],
        )
        for votes in self._predictions(rows, explain=True):
            trust = _trust(votes)
            assert votes.bases is not None and votes.reasons is not None
            probabilities.append(_together(votes))
            bases.append(_in_order(votes.bases) / trust[:, None])
            reasons.append(_in_order(votes.reasons) / trust[:, None, None])
        return Explained(
            np.concatenate(probabilities), np.concatenate(bases), np.concatenate(reasons), self.features_
        )

    def explain_one(self, x: dict[Any, Any]) -> dict[Any, dict[Hashable, float]]:
        """Return by class what each feature adds to its probability; see `explain_many`."""
        if not self._labels:
            return {}
        votes = self._forest.run(self._columns.row(x), _NO_LABEL, _NO_WEIGHT, True)
        assert votes.reasons is not None
        reasons = (_in_order(votes.reasons) / _trust(votes)[:, None, None])[0]
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
        """Return the warnings and drifts since the last call, by sample."""
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
        for name in ("nominal_features", "classes"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, str) or not isinstance(value, Collection)):
                raise ValueError(f"{name} is {value!r}, expected several, or None")
        weights = [] if self.class_weights is None else list(self.class_weights.values())
        if not all(0 <= weight <= _MOST_WEIGHT for weight in weights):
            raise ValueError(f"class_weights is {self.class_weights!r}, expected numbers from 0 to 1e12")
        if not isinstance(self.n_jobs, Integral) or not 1 <= self.n_jobs <= 256:
            raise ValueError(f"n_jobs is {self.n_jobs!r}, expected a whole number from 1 to 256")
        if self.leaf_prediction not in LEAF_KINDS:
            raise ValueError(f"leaf_prediction is {self.leaf_prediction!r}, expected one of {LEAF_KINDS}")
        self._backend = backend
        self._columns = Columns(self.nominal_features or ())
        self._labels = {}
        self._room = (0, 0, {})
        self._forest = backend.forest(
            ForestPlan(
                n_models=self.n_models,
                max_features=self.max_features,
                lambda_value=self.lambda_value,
                grace_period=self.grace_period,
                delta=self.delta,
                tau=self.tau,
                wait=self.wait,
                leaf_kind=LEAF_KINDS.index(self.leaf_prediction),
                has_background=self.warning_delta > 0,
                warning_delta=self.warning_delta or 0.5,
                drift_delta=self.drift_delta,
                seed=self.seed,
                max_bytes=self.max_bytes,
            )
        )
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

        A row with something new is the last of one part, predicted only, and the first of the next one, as it would
        be one by one: predicted, then met, then learned.
        """
        begin = 0
        for cut in [*self._cuts(matrix, names, labels, weights), len(matrix)]:
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

    def _cuts(
        self, matrix: Matrix, names: Sequence[Hashable], labels: list[Any], weights: Matrix
    ) -> list[int]:
        """Return the rows at which a feature, a label or a nominal value is met for the first time."""
        learned = weights > 0
        cuts: set[int] = set()
        known = {name: column for column, name in enumerate(self._columns.names)}
        for place, name in enumerate(names):
            column = known.get(name)
            if column is None or column in self._columns.codes:
                values = matrix[:, place]
                there = np.flatnonzero(learned & np.isfinite(values))
                if column is None and len(there):
                    cuts.add(int(there[0]))
                codes = self._columns.codes.get(column) if column is not None else None
                if codes is not None and len(codes) >= MOST_CODES:
                    continue
                if codes is not None or name in self._columns.declared:
                    met = self._columns.codes.get(column, {}) if column is not None else {}
                    firsts = np.unique(values[there], return_index=True)
                    cuts.update(
                        int(there[row])
                        for value, row in zip(firsts[0].tolist(), firsts[1].tolist(), strict=True)
                        if value not in met
                    )
        seen = set(self._labels)
        for row, label in enumerate(labels):
            if label not in seen and learned[row]:
                seen.add(label)
                cuts.add(row)
        return sorted(cuts)

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
        return _together(self._forest.run(rows, codes, weights, False, self.n_jobs))

    def _predictions(self, rows: NDArray[np.float32], *, explain: bool) -> Iterator[Votes]:
        """Yield what the members say about parts of some rows."""
        size = _ROWS
        if explain:
            width = self.n_models * max(len(self._columns), 1) * max(len(self._labels), 1)
            size = max(1, min(_ROWS, _MOST_REASONS // width))
        for begin in range(0, len(rows), size):
            part = rows[begin : begin + size]
            labels, weights = np.zeros(len(part), np.int64), np.zeros(len(part))
            yield self._forest.run(part, labels, weights, explain, self.n_jobs)


_PARAMETERS = [
    "n_models",
    "max_features",
    "lambda_value",
    "grace_period",
    "delta",
    "tau",
    "wait",
    "leaf_prediction",
    "warning_delta",
    "drift_delta",
    "nominal_features",
    "class_weights",
    "classes",
    "max_bytes",
    "n_jobs",
    "seed",
]
_NO_LABEL = np.zeros(1, np.int64)
_NO_WEIGHT = np.zeros(1)


def _in_order(parts: NDArray[np.float64]) -> Matrix:
    """Return the sum over the first axis, added in its order."""
    whole = parts[0].copy()
    for part in parts[1:]:
        whole += part
    return whole


def _trust(votes: Votes) -> Matrix:
    """Return how far the members are trusted together, by row; 1 where none knows anything."""
    trust = _in_order(votes.trusts)
    trust[trust == 0.0] = 1.0
    return trust


def _together(votes: Votes) -> Matrix:
    """Return the probabilities that members vote for, shape (n, classes)."""
    whole = votes.votes[0] * votes.trusts[0][:, None]
    for vote, trust in zip(votes.votes[1:], votes.trusts[1:], strict=True):
        whole += vote * trust[:, None]
    whole /= _trust(votes)[:, None]
    return whole


def _together_one(votes: Votes) -> list[float]:
    """Return what `_together` does, of a single row: without arrays, for which a row is too little."""
    trusts: list[float] = votes.trusts[:, 0].tolist()
    whole = [0.0] * votes.votes.shape[2]
    trust = 0.0
    for said, trusted in zip(votes.votes[:, 0].tolist(), trusts, strict=True):
        trust += trusted
        for column, share in enumerate(said):
            whole[column] += share * trusted
    return [share / (trust or 1.0) for share in whole]


def _matrix(X: ArrayLike, features: Sequence[Hashable] | None) -> tuple[Matrix, Sequence[Hashable]]:
    """Return a matrix of numbers and the names of its columns."""
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"X has shape {matrix.shape}, expected rows and columns")
    names: Sequence[Hashable] = range(matrix.shape[1]) if features is None else features
    if len(names) != matrix.shape[1]:
        raise ValueError(f"features has {len(names)} names, expected {matrix.shape[1]}, one for each column")
    if len(set(names)) != len(names):
        raise ValueError("features names a column twice")
    return matrix, names


def _weights(known: ArrayLike | None, w: ArrayLike | None, n: int) -> Matrix:
    """Return the weight of each row, 0 for what is not to be learned."""
    weights = np.ones(n) if w is None else np.array(w, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"w has shape {weights.shape}, expected ({n},), one for each row")
    _check_weights(weights)
    if known is not None:
        is_known = np.asarray(known, dtype=bool)
        if is_known.shape != (n,):
            raise ValueError(f"known has shape {is_known.shape}, expected ({n},), one for each row")
        weights = np.where(is_known, weights, 0.0)
    return weights


def _check_weights(weights: Matrix) -> None:
    if not ((weights >= 0) & (weights <= _MOST_WEIGHT)).all():
        raise ValueError(f"a weight is negative, not finite or above {_MOST_WEIGHT:g}")


def _check_label(label: Any) -> None:
    if isinstance(label, float | np.floating) and label != label:
        raise ValueError("a label is NaN, which no prediction can be equal to")


def _listed(y: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """Return labels as plain values."""
    return y.tolist() if isinstance(y, np.ndarray) else list(y)
