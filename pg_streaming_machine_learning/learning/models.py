"""The setting `MODEL` → a river classifier, seeded, and wrapped in what it needs."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import difflib
import importlib
import inspect
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from river import base, forest
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.errors import ModelError
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from pg_streaming_machine_learning.learning.river_forest import AdaptiveRandomForest
from pg_streaming_machine_learning.learning.standardized import Standardized

__all__ = ["DEFAULT_MODEL", "FOREST_DEFAULTS", "ModelSpec", "create_model", "model_version", "versions"]

DEFAULT_MODEL = "pg_streaming_machine_learning.learning.forest.AdaptiveRandomForestClassifier"

FOREST_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "max_features": 0.6,  # as MOA; river's square root of the number costs up to 4 points of accuracy
        "max_depth": 50,  # never reached in practice; a chain beyond 150 cannot be pickled
        "max_size": 16.0,  # MiB a tree: some 400 leaves over 66 features; twice `n_models` trees at most
        "memory_estimate_period": 1_000,
    }
)
"""What river's forest takes where `MODEL_PARAMETERS` says nothing and river's default does not suit."""


@dataclass(frozen=True)
class ModelSpec:
    """Which model, with which parameters.

    Parameters
    ----------
    path : str
        Dotted path of a river classifier class.
    parameters : mapping
        Arguments of its constructor.
    """

    path: str = DEFAULT_MODEL
    parameters: Mapping[str, Any] = field(default_factory=dict)


def create_model(spec: ModelSpec, seed: int) -> base.Classifier:
    """Return an untrained classifier.

    Parameters
    ----------
    spec : ModelSpec
        Which one. `river.forest.ARFClassifier` comes as `AdaptiveRandomForest`; what takes many samples at a
        time (`process_many`) comes as it is; other trees read text as indicators; everything else is behind
        `Standardized`.
    seed : int
        Passed to a class that takes a `seed`, unless the parameters have one.

    Raises
    ------
    ModelError
        If the path names no classifier, or the class does not take the parameters.

    Examples
    --------
    >>> type(create_model(ModelSpec(), seed=1)).__name__
    'AdaptiveRandomForestClassifier'
    >>> print(create_model(ModelSpec("river.linear_model.LogisticRegression", {"l2": 0.1}), seed=1))
    Standardized(LogisticRegression)
    """
    kind = _find(spec.path)
    if kind is forest.ARFClassifier:
        return _build(AdaptiveRandomForest, spec, {**FOREST_DEFAULTS, "seed": seed, **spec.parameters})
    if kind is AdaptiveRandomForestClassifier:
        return _build(kind, spec, {"seed": seed, "classes": [0, 1], **_with_labels(spec.parameters)})
    seeded = {"seed": seed} if "seed" in _signature(kind) else {}
    model = _build(kind, spec, {**seeded, **spec.parameters})
    if isinstance(model, AdaptiveRandomForest) or hasattr(model, "process_many"):
        return model  # they know what to do about what is missing
    return Standardized(model, scaling=not kind.__module__.startswith("river.tree."))


def model_version(generation: int = 1) -> str:
    """Return the versions of all that makes a prediction, and which generation of the model it is.

    A generation ends when an operator begins another: after an upgrade that changes predictions, or to go
    back to a former state.
    """
    return f"{__version__}/river {river_version}/g{generation}"


def versions() -> dict[str, str]:
    """Return the versions of what makes a model, by name."""
    return {"package": __version__, "river": river_version, "python": platform.python_version()}


def _with_labels(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters whose class weights are of the labels 0 and 1: from settings their keys are text."""
    weights = parameters.get("class_weights")
    if not isinstance(weights, Mapping):
        return dict(parameters)
    if not all(str(label) in ("0", "1") for label in weights):
        raise ModelError(
            f"MODEL_PARAMETERS has class_weights {dict(weights)!r}, expected weights of the labels 0 and 1, "
            'such as {"1": 5.0}'
        )
    return {**parameters, "class_weights": {int(label): weight for label, weight in weights.items()}}


def _find(path: str) -> type[base.Classifier]:
    """Import the class at a dotted path."""
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError, TypeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (None, *_parents(module_name)):
            raise _broken(path, error) from error
        raise ModelError(
            f"MODEL is {path!r}, but there is no module {module_name!r}; expected the dotted path of a river "
            f"classifier, such as {DEFAULT_MODEL!r}"
        ) from error
    except Exception as error:  # the module may be the user's own
        raise _broken(path, error) from error
    kind: Any = getattr(module, name, None)
    if kind is None:
        nearest = difflib.get_close_matches(name, dir(module), n=1)
        hint = f"; did you mean {module_name}.{nearest[0]}" if nearest else ""
        raise ModelError(f"MODEL is {path!r}, but {module_name!r} has no {name!r}{hint}")
    if not inspect.isclass(kind) or not issubclass(kind, base.Classifier):
        raise ModelError(f"MODEL is {path!r}, which is no river classifier")
    found: type[base.Classifier] = kind
    if base.MultiLabelClassifier in found.__mro__ or inspect.isabstract(found):
        raise ModelError(f"MODEL is {path!r}, which is no classifier of single labels that can be created")
    return found


def _parents(module_name: str) -> list[str]:
    """Return a module and the packages it is in."""
    parts = module_name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _broken(path: str, error: Exception) -> ModelError:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return ModelError(f"MODEL is {path!r}, whose module cannot be imported: {text}")


def _build(kind: type[base.Classifier], spec: ModelSpec, parameters: dict[str, Any]) -> base.Classifier:
    """Call a class with parameters it takes."""
    known = _signature(kind)
    for name in spec.parameters:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]!r}" if nearest else f", which takes {', '.join(known)}"
            raise ModelError(f"MODEL_PARAMETERS has {name!r}, unknown to {spec.path}{hint}")
    try:
        model = kind(**parameters)
        _try_out(model.clone())
    except Exception as error:
        # Whatever a class outside our hands makes of a user's values is a wrong setting.
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(f"{spec.path} does not work with {dict(spec.parameters)!r}: {text}") from error
    return model


def _try_out(model: base.Classifier) -> None:
    """Learn and predict once: some classes look at their parameters only then."""
    for label in (0, 1):
        model.learn_one({"reading": 1.0 + label}, label)
        model.predict_one({"reading": 1.0})


def _signature(kind: type[base.Classifier]) -> list[str]:
    """Return the names of the parameters of a class."""
    return [name for name in inspect.signature(kind).parameters if name != "self"]
