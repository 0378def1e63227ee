"""Parts of a model that do not tell a pickle what they are made of, as plain values and back.

What pickle would write for them names functions that make anything from anything (`getattr`, `functools.partial`,
numpy's reconstructors). Here each has a function of its own, which makes this one thing and looks at what it is
given first: no value makes it call something else, or take more memory than the values themselves.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import collections
import copy
import functools
import math
import random
import struct
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from river.drift import ADWIN
from river.linear_model.pa import PAClassifier
from river.utils import VectorDict, math as river_math

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["TAKEN_APART"]

Parts = tuple[Callable[..., Any], tuple[Any, ...]]

_WORDS = struct.Struct(">625I")
_KINDS = {f"{order}{kind}" for order in "<|" for kind in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")}
_MOST_DIMENSIONS = 32
_MOST_WINDOW_BUCKETS = 1000
_METHODS = {(PAClassifier, "_calc_tau_0"), (PAClassifier, "_calc_tau_1"), (PAClassifier, "_calc_tau_2")}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "deepcopy": copy.deepcopy,
    "defaultdict": collections.defaultdict,
    "float": float,
    "minkowski_distance": river_math.minkowski_distance,
}
"""What river's models keep as a function with arguments to be called later, besides objects of their own."""

_AdaptiveWindow: Any = type(ADWIN()._helper)
