"""Which classes a stored model may be made of: exactly these, by module and name.

They are what the classifiers of river 0.26 and 0.22 turn out to hold after some thousand samples with drift, of
those that can be built from parameters in JSON. Left out is what a stored model could misuse to run something
of its own: `getattr`, `functools.partial`, `copy.deepcopy`. A model that needs one of these has no snapshots.
"""

from __future__ import annotations

__all__ = ["STORED_CLASSES"]

_BY_MODULE: dict[str, tuple[str, ...]] = {
    "builtins": ("bytearray", "complex", "dict", "float", "frozenset", "int", "range", "set", "slice"),
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque"),
    "numpy": ("dtype", "ndarray"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.numeric": ("_frombuffer",),
    "numpy.random._generator": ("Generator",),
    "numpy.random._mt19937": ("MT19937",),
    "numpy.random._pcg64": ("PCG64",),
    "numpy.random._pickle": ("__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"),
    "pg_streaming_machine_learning.learning.forest": (
        "AdaptiveRandomForest",
        "_AdaptiveLeaf",
        "_BayesLeaf",
        "_MajorityLeaf",
        "_Tree",
    ),
    "pg_streaming_machine_learning.learning.observers": ("GaussianObserver", "NominalObserver", "_InOrder"),
    "pg_streaming_machine_learning.learning.standardized": ("Standardized",),
    "pg_streaming_machine_learning.learning.stored_model": ("rows_of_numbers",),
    "random": ("Random",),
    "river._river_rust.drift": ("AdaptiveWindowing",),
    "river._river_rust.vectordict": ("VectorDict", "euclidean_distance_tuple"),
    "river.drift.adwin": ("ADWIN",),
    # Up to river 0.22, for Python 3.10.
    "river.drift.adwin_c": (
        "AdaptiveWindowing",
        "Bucket",
        "__pyx_unpickle_AdaptiveWindowing",
        "__pyx_unpickle_Bucket",
    ),
    "river.utils.vectordict": ("VectorDict", "__pyx_unpickle_VectorDict"),
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
    "river.tree.nodes.efdtc_nodes": ("EFDTLeafNaiveBayesAdaptive", "EFDTNumericBinaryBranch"),
    "river.tree.nodes.hatc_nodes": ("AdaLeafClassifier", "AdaNumBinaryBranchClass"),
    "river.tree.nodes.htc_nodes": ("LeafNaiveBayesAdaptive",),
    "river.tree.nodes.last_nodes": ("LeafNaiveBayesAdaptiveWithDetector",),
    "river.tree.nodes.sgt_nodes": ("SGTLeaf",),
    "river.tree.splitter.gaussian_splitter": ("GaussianSplitter",),
    "river.tree.splitter.sgt_quantizer": ("StaticQuantizer",),
    "river.tree.stochastic_gradient_tree": ("SGTClassifier",),
    "river.tree.utils": ("GradHessStats",),
}

STORED_CLASSES: frozenset[tuple[str, str]] = frozenset(
    (module, name) for module, names in _BY_MODULE.items() for name in names
)
"""Pairs of module and name."""
