"""The list of what a stored model may name."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from pg_streaming_machine_learning.learning.stored_check import Name
from pg_streaming_machine_learning.learning.stored_classes import FORMER_MODULES, NAMES
from pg_streaming_machine_learning.learning.stored_model import dump_model, load_model
from tests.learning.stored_names import models, names_of, paths, samples, train

OURS = "pg_streaming_machine_learning.learning."
PARTS = f"{OURS}stored_parts"
LISTED = NAMES.made | NAMES.called | NAMES.restored | NAMES.mentioned


def test_nothing_that_could_run_something_else_is_on_the_list() -> None:
    """Every function it may call is here, and nothing of Python's own beyond containers and numbers."""
    assert NAMES.called == {
        ("collections", "Counter"),
        ("collections", "defaultdict"),
        ("collections", "deque"),
        (PARTS, "adaptive_window"),
        (PARTS, "array"),
        (PARTS, "delayed"),
        (PARTS, "generator"),
        (PARTS, "method"),
        (PARTS, "number"),
        (PARTS, "numpy_generator"),
        (PARTS, "turns"),
        ("river._river_rust.vectordict", "VectorDict"),
    }
    assert all(name.startswith("__pyx_unpickle_") for _, name in NAMES.restored)
    assert {name for module, name in LISTED if module == "builtins"} <= {"dict", "float", "int"}
    foreign = {name for name in LISTED if not name[0].startswith(("river.", OURS))}
    assert foreign - NAMES.called == {name for name in foreign if name[0] == "builtins"}


def test_everything_on_the_list_is_a_class_or_function_of_that_name() -> None:
    """What is not in this release of river is in the other one."""
    found = {name: _found(name) for name in LISTED}
    absent = sorted(name for name, what in found.items() if what is None)
    assert {module.split(".")[0] for module, _ in absent} <= {"river"}
    assert len(absent) < 12
    assert all(callable(what) for what in found.values() if what is not None)
    assert all(inspect.isclass(found[name]) for name in NAMES.made if name not in absent)


def _found(name: Name) -> Any:
    """Return what has a name, None if there is nothing."""
    try:
        found: Any = importlib.import_module(FORMER_MODULES.get(name[0], name[0]))
    except ImportError:
        return None
    for part in name[1].split("."):
        found = getattr(found, part, None)
    return found


def test_what_is_made_is_a_class_of_rivers_or_ours() -> None:
    for module, name in sorted(NAMES.made):
        assert module.startswith(("river.", OURS))
        assert "." not in name


@pytest.mark.parametrize("path", paths())
def test_a_trained_classifier_is_made_of_what_is_on_the_list_and_goes_on_as_if_never_stopped(
    path: str,
) -> None:
    """Every classifier of river that a setting can name."""
    model = create_model(ModelSpec(path), seed=1)
    train(model, samples(800))
    restored = load_model(dump_model(model))
    rest = samples(100, seed=2)
    assert _answers(restored, rest) == _answers(model, rest)


@pytest.mark.parametrize("path", ["river.forest.ARFClassifier", "river.linear_model.PAClassifier"])
def test_variants_of_parameters_are_made_of_what_is_on_the_list(path: str) -> None:
    for model in models(path):
        train(model, samples(150))
        assert names_of(dump_model(model)) <= LISTED


def _answers(model: Any, data: list[tuple[dict[Any, Any], int]]) -> list[Any]:
    """Return what a model says about samples it then learns, as long as it can."""
    answers = []
    try:
        for x, label in data:
            answers.append(model.predict_one(dict(x)))
            model.learn_one(dict(x), label)
    except (ValueError, ZeroDivisionError) as error:
        answers.append(str(error))
    return answers
