"""Our adaptive random forest: compiled, with a reference in plain Python that gives the same bits."""

from pg_streaming_machine_learning.learning.forest.answers import Explained, ForestEvent
from pg_streaming_machine_learning.learning.forest.classifier import AdaptiveRandomForestClassifier

__all__ = ["AdaptiveRandomForestClassifier", "Explained", "ForestEvent"]
