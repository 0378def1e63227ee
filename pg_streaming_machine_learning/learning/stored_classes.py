"""What a stored model may name: exactly this, by module and name.

It is what the classifiers of river 0.26.1, and 0.22.0 for Python 3.10, turn out to be made of after
thousands of samples with drift: all of those that `learning.models` can build, each with the parameters that
change what it is made of. `tests/learning/test_stored_classes.py` trains them again. A model that needs
anything else has no snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pg_streaming_machine_learning.learning.stored_check import Name, Names

__all__ = ["FORMER_MODULES", "NAMES"]

FORMER_MODULES = {
    "pg_streaming_machine_learning.learning.forest": "pg_streaming_machine_learning.learning.river_forest"
}
"""Where modules are now that models were stored with under another name."""

_ByModule = Mapping[str, tuple[str, ...]]

_ShapesByModule = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Module → name → the shapes of arguments it may be called with (`Names.arguments`)."""

_RIVER_FOREST = ("AdaptiveRandomForest", "_AdaptiveLeaf", "_BayesLeaf", "_MajorityLeaf", "_Tree")

_MADE: _ByModule = {
    "pg_streaming_machine_learning.learning.forest": _RIVER_FOREST,
    "pg_streaming_machine_learning.learning.river_forest": _RIVER_FOREST,
    "pg_streaming_machine_learning.learning.observers": ("GaussianObserver", "NominalObserver", "_InOrder"),
    "pg_streaming_machine_learning.learning.standardized": ("Standardized",),
    "river.drift.adwin": ("ADWIN",),
    "river.dummy": ("NoChangeClassifier", "PriorClassifier"),
    "river.ensemble.streaming_random_patches": ("BaseSRPClassifier", "SRPClassifier"),
    "river.facto.ffm": ("FFMClassifier",),
    "river.facto.fm": ("FMClassifier",),
    "river.facto.fwfm": ("FwFMClassifier",),
    "river.facto.hofm": ("HOFMClassifier",),
    "river.forest.aggregated_mondrian_forest": ("AMFClassifier",),
    "river.linear_model.ad_predictor": ("AdPredictor",),
    "river.linear_model.alma": ("ALMAClassifier",),
    "river.linear_model.log_reg": ("LogisticRegression",),
    "river.linear_model.pa": ("PAClassifier",),
    "river.linear_model.perceptron": ("Perceptron",),
    "river.linear_model.softmax": ("SoftmaxRegression",),
    "river.metrics.accuracy": ("Accuracy",),
    "river.metrics.confusion": ("ConfusionMatrix",),
    "river.naive_bayes.bernoulli": ("BernoulliNB",),
    "river.naive_bayes.complement": ("ComplementNB",),
    "river.naive_bayes.gaussian": ("GaussianNB",),
    "river.naive_bayes.multinomial": ("MultinomialNB",),
    "river.neighbors.ann.nn_vertex": ("Vertex",),
    "river.neighbors.ann.swinn": ("SWINN",),
    "river.neighbors.base": ("FunctionWrapper",),
    "river.neighbors.knn_classifier": ("KNNClassifier",),
    "river.optim.initializers": ("Normal", "Zeros"),
    "river.optim.losses": ("CrossEntropy", "Hinge", "Log"),
    "river.optim.schedulers": ("Constant",),
    "river.optim.sgd": ("SGD",),
    "river.proba.gaussian": ("Gaussian",),
    "river.stats.cov": ("Cov",),
    "river.stats.mean": ("Mean",),
    "river.stats.var": ("Var",),
    "river.tree.extremely_fast_decision_tree": ("ExtremelyFastDecisionTreeClassifier",),
    "river.tree.hoeffding_adaptive_tree_classifier": ("HoeffdingAdaptiveTreeClassifier",),
    "river.tree.hoeffding_tree_classifier": ("HoeffdingTreeClassifier",),
    "river.tree.last_classifier": ("LASTClassifier",),
    "river.tree.losses": ("BinaryCrossEntropyLoss",),
    "river.tree.mondrian.mondrian_tree_classifier": ("MondrianTreeClassifier",),
    "river.tree.mondrian.mondrian_tree_nodes": ("MondrianBranchClassifier", "MondrianLeafClassifier"),
    "river.tree.nodes.branch": ("NominalBinaryBranch", "NominalMultiwayBranch", "NumericBinaryBranch"),
    "river.tree.nodes.efdtc_nodes": (
        "EFDTLeafMajorityClass",
        "EFDTLeafNaiveBayes",
        "EFDTLeafNaiveBayesAdaptive",
        "EFDTNominalBinaryBranch",
        "EFDTNominalMultiwayBranch",
        "EFDTNumericBinaryBranch",
    ),
    "river.tree.nodes.hatc_nodes": (
        "AdaLeafClassifier",
        "AdaNomBinaryBranchClass",
        "AdaNomMultiwayBranchClass",
        "AdaNumBinaryBranchClass",
    ),
    "river.tree.nodes.htc_nodes": ("LeafMajorityClass", "LeafNaiveBayes", "LeafNaiveBayesAdaptive"),
    "river.tree.nodes.last_nodes": ("LeafMajorityClassWithDetector", "LeafNaiveBayesAdaptiveWithDetector"),
    "river.tree.nodes.sgt_nodes": ("SGTLeaf",),
    "river.tree.splitter.gaussian_splitter": ("GaussianSplitter",),
    "river.tree.splitter.nominal_splitter_classif": ("NominalSplitterClassif",),
    "river.tree.splitter.sgt_quantizer": ("StaticQuantizer",),
    "river.tree.stochastic_gradient_tree": ("SGTClassifier",),
    "river.tree.utils": ("GradHess", "GradHessStats"),
}
"""Classes of which objects are made without arguments, to be filled with their state."""

_PARTS = "pg_streaming_machine_learning.learning.stored_parts"

_CALLED: _ShapesByModule = {
    "collections": {
        "Counter": ("dict",),
        "defaultdict": ("", "name|object|delayed"),
        "deque": ("", "tuple value"),
    },
    _PARTS: {
        "adaptive_window": ("tuple value",),
        "array": ("text text tuple value",),
        "delayed": ("text|object tuple dict",),
        "generator": ("value value",),
        "method": ("name|object text",),
        "number": ("text value",),
        "numpy_generator": ("value value value value",),
        "turns": ("list",),
    },
    "river._river_rust.vectordict": {"VectorDict": ("dict value|name|object|delayed value|set value",)},
}
"""What is called, and with what: containers, and our own functions that look at what they are given.

A container is called with what pickle writes for it and nothing else: it would go through any other thing to
its end, and `turns` has none.
"""

_RESTORED: _ShapesByModule = {
    "river.drift.adwin_c": {
        "__pyx_unpickle_AdaptiveWindowing": ("name value value|tuple",),
        "__pyx_unpickle_Bucket": ("name value value|tuple",),
    },
    "river.utils.vectordict": {"__pyx_unpickle_VectorDict": ("name value value|tuple",)},
}
"""What river 0.22 has called for its compiled classes, to have an object that then gets its state."""

_MENTIONED: _ByModule = {
    "builtins": ("dict", "float", "int"),
    "river._river_rust.vectordict": ("euclidean_distance_tuple",),
    "river.drift.adwin_c": ("AdaptiveWindowing", "Bucket"),
    "river.naive_bayes.gaussian": ("GaussianNB._make_gaussian",),
    "river.utils.vectordict": ("VectorDict",),
}
"""What is only referred to, to be called later: by a dictionary for a missing key, or as a distance."""


def _pairs(by_module: Mapping[str, Iterable[str]]) -> frozenset[Name]:
    return frozenset((module, name) for module, names in by_module.items() for name in names)


def _shapes(by_module: _ShapesByModule) -> dict[Name, frozenset[tuple[str, ...]]]:
    return {
        (module, name): frozenset(tuple(shape.split()) for shape in shapes)
        for module, names in by_module.items()
        for name, shapes in names.items()
    }


NAMES = Names(
    _pairs(_MADE),
    _pairs(_CALLED),
    _pairs(_RESTORED),
    _pairs(_MENTIONED),
    {**_shapes(_CALLED), **_shapes(_RESTORED)},
)
"""Pairs of module and name, by what is done with them."""
