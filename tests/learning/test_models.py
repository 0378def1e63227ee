"""The setting `MODEL` → a classifier."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from river import base, linear_model, tree
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.errors import ModelError
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from pg_streaming_machine_learning.learning.models import (
    DEFAULT_MODEL,
    FOREST_DEFAULTS,
    ModelSpec,
    create_model,
    model_version,
)
from pg_streaming_machine_learning.learning.river_forest import AdaptiveRandomForest
from pg_streaming_machine_learning.learning.standardized import Standardized


def test_the_default_is_our_forest_with_both_classes_known() -> None:
    model = create_model(ModelSpec(), seed=7)
    assert isinstance(model, AdaptiveRandomForestClassifier)
    assert (model.n_models, model.seed, model.classes_) == (10, 7, (0, 1))


def test_class_weights_from_settings_are_of_labels() -> None:
    """Keys of JSON are text; a weight of a label that there is none of would have no effect."""
    model = create_model(ModelSpec(parameters={"class_weights": {"1": 5.0, "0": 1.0}}), seed=7)
    assert isinstance(model, AdaptiveRandomForestClassifier)
    assert model.class_weights == {1: 5.0, 0: 1.0}
    with pytest.raises(
        ModelError, match=r"class_weights \{'slow': 5.0\}, expected weights of the labels 0 and 1"
    ):
        create_model(ModelSpec(parameters={"class_weights": {"slow": 5.0}}), seed=7)


def test_rivers_adaptive_random_forest_comes_made_fit() -> None:
    """Seeded, bounded in memory, 60 % of the features at each split."""
    model = create_model(ModelSpec("river.forest.ARFClassifier"), seed=7)
    assert isinstance(model, AdaptiveRandomForest)
    assert (model.n_models, model.max_features, model.max_size, model.seed) == (10, 0.6, 16.0, 7)


def test_parameters_win_over_our_defaults() -> None:
    spec = ModelSpec("river.forest.ARFClassifier", {"max_features": "sqrt", "n_models": 3, "seed": 9})
    model = create_model(spec, seed=7)
    assert isinstance(model, AdaptiveRandomForest)
    assert (model.n_models, model.max_features, model.seed) == (3, "sqrt", 9)
    assert model.max_size == FOREST_DEFAULTS["max_size"]


def test_a_linear_model_is_scaled_and_its_gaps_are_filled() -> None:
    model = create_model(ModelSpec("river.linear_model.LogisticRegression", {"l2": 0.5}), seed=1)
    assert isinstance(model, Standardized)
    assert isinstance(model.classifier, linear_model.LogisticRegression)
    assert (model.scaling, model.classifier.l2) == (True, 0.5)


def test_a_tree_reads_numbers_and_gaps_as_they_are() -> None:
    model = create_model(ModelSpec("river.tree.HoeffdingTreeClassifier"), seed=1)
    assert isinstance(model, Standardized)
    assert isinstance(model.classifier, tree.HoeffdingTreeClassifier)
    assert not model.scaling


def test_a_seed_is_passed_to_what_takes_one() -> None:
    model = create_model(ModelSpec("river.forest.AMFClassifier", {"n_estimators": 2}), seed=7)
    assert isinstance(model, Standardized)
    assert model.classifier.seed == 7


def test_the_model_comes_untrained() -> None:
    """It was tried out on a copy."""
    ours = create_model(ModelSpec(), seed=1)
    assert isinstance(ours, AdaptiveRandomForestClassifier)
    assert ours.to_bytes() == AdaptiveRandomForestClassifier(classes=[0, 1], seed=1).to_bytes()
    rivers = create_model(ModelSpec("river.forest.ARFClassifier"), seed=1)
    assert isinstance(rivers, AdaptiveRandomForest)
    assert len(rivers) == 0


@pytest.mark.parametrize("path", [DEFAULT_MODEL, "river.forest.ARFClassifier"])
def test_the_same_seed_makes_the_same_model(path: str) -> None:
    def said(seed: int) -> list[Any]:
        model = create_model(ModelSpec(path, {"n_models": 3, "grace_period": 10}), seed)
        answers = []
        for n in range(80):
            x: dict[Any, Any] = {"cpu": float(n % 7), "memory": float(n % 5)}
            answers.append(model.predict_proba_one(x))
            model.learn_one(x, int(n % 7 > 3))
        return answers

    assert said(1) == said(1)
    assert said(1) != said(2)


@pytest.mark.parametrize(
    "path",
    [
        "river.naive_bayes.GaussianNB",
        "river.linear_model.LogisticRegression",
        "river.linear_model.PAClassifier",
        "river.linear_model.Perceptron",
        "river.tree.HoeffdingAdaptiveTreeClassifier",
        "river.tree.ExtremelyFastDecisionTreeClassifier",
        "river.forest.AMFClassifier",
        "river.neighbors.KNNClassifier",
        "river.dummy.PriorClassifier",
    ],
)
def test_rivers_classifiers_work_with_features_that_come_and_go(path: str) -> None:
    """Text among them, and none at all."""
    model = create_model(ModelSpec(path), seed=1)
    assert isinstance(model, base.Classifier)
    for n in range(60):
        x: dict[Any, Any] = {"cpu": float(n % 7), "host": f"host {n % 3}"} if n % 2 else {"memory": n * 1e9}
        model.predict_one(x)
        model.learn_one(x, n % 2)
    model.predict_one({})
    model.learn_one({}, 0)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ARFClassifier", "MODEL is 'ARFClassifier', but there is no module ''; expected the dotted path"),
        ("river.forrest.ARFClassifier", "there is no module 'river.forrest'"),
        (".forest.ARFClassifier", "there is no module '.forest'"),
        ("river.forest.ARFClasifier", "has no 'ARFClasifier'; did you mean river.forest.ARFClassifier"),
        ("river.forest.ARFRegressor", "'river.forest.ARFRegressor', which is no river classifier"),
        ("river.utils.pretty.print_table", "which is no river classifier"),
        ("river.base.Classifier", "which is no classifier of single labels that can be created"),
        ("collections.OrderedDict", "which is no river classifier"),
    ],
)
def test_a_path_that_names_no_classifier_is_one_clear_line(path: str, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        create_model(ModelSpec(path), seed=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_model": 5},
            "MODEL_PARAMETERS has 'n_model', unknown to river.forest.ARFClassifier; did you mean",
        ),
        (
            {"colour": 5},
            "MODEL_PARAMETERS has 'colour', unknown to river.forest.ARFClassifier, which takes n_models",
        ),
        ({"n_models": "many"}, "river.forest.ARFClassifier does not work with {'n_models': 'many'}"),
        ({"max_features": "half"}, "max_features is 'half', expected a number, 'sqrt', 'log2' or None"),
    ],
)
def test_wrong_parameters_are_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        create_model(ModelSpec("river.forest.ARFClassifier", parameters), seed=1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_model": 5},
            f"MODEL_PARAMETERS has 'n_model', unknown to {DEFAULT_MODEL}; did you mean 'n_models'",
        ),
        ({"colour": 5}, f"MODEL_PARAMETERS has 'colour', unknown to {DEFAULT_MODEL}, which takes n_models"),
        ({"n_models": "many"}, "n_models is 'many', expected 1 to 10000"),
    ],
)
def test_so_are_those_of_our_forest(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        create_model(ModelSpec(parameters=parameters), seed=1)


def test_the_version_names_all_that_makes_a_prediction() -> None:
    assert model_version() == f"{__version__}/river {river_version}/g1"
    assert model_version(12) == f"{__version__}/river {river_version}/g12"


def test_a_module_that_fails_while_imported_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the user's own, and raise anything."""
    (tmp_path / "broken_model_module.py").write_text(
        "raise RuntimeError('first\\nsecond')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="cannot be imported: RuntimeError: first second"):
        create_model(ModelSpec("broken_model_module.Model"), seed=1)
