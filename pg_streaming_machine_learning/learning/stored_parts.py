"""Parts of a model that pickle would take apart into functions which make anything from anything.

For a bound method pickle writes `getattr`, for others `functools.partial` or numpy's reconstructors: whoever
may have these called has the interpreter. Here each such part has a function of its own, which makes this one
thing and looks at what it is given first. No value makes it call something else, or take more memory than it
has itself.
"""

from __future__ import annotations

import collections
import copy
import functools
import itertools
import math
import random
import struct
import types
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from river.drift import ADWIN
from river.linear_model import PAClassifier
from river.optim.base import Initializer
from river.utils.math import minkowski_distance

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = [
    "TAKEN_APART",
    "adaptive_window",
    "array",
    "delayed",
    "generator",
    "method",
    "number",
    "numpy_generator",
    "turns",
]

Parts = tuple[Callable[..., Any], tuple[Any, ...]]

_WORDS = struct.Struct(">625I")
_KEY_BYTES = 2496
_MOST_DIMENSIONS = 32
_MOST_OF_WINDOW = 1_000_000
_KINDS = frozenset(
    np.dtype(kind).str for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
)
_METHODS = frozenset(["_calc_tau_0", "_calc_tau_1", "_calc_tau_2"])
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "deepcopy": copy.deepcopy,
    "defaultdict": collections.defaultdict,
    "float": float,
    "minkowski_distance": minkowski_distance,
}
"""What river's classifiers keep to be called later, together with arguments."""


def generator(state: bytes, next_gauss: float | None) -> random.Random:
    """Return a generator of Python, given its 625 numbers of 32 bits, big-endian."""
    if type(state) is not bytes or len(state) != _WORDS.size:
        raise SnapshotError(f"state of a random generator does not have {_WORDS.size} bytes")
    if next_gauss is not None and type(next_gauss) is not float:
        raise SnapshotError("state of a random generator has no number for the next Gaussian")
    made = random.Random()
    made.setstate((random.Random.VERSION, _WORDS.unpack(state), next_gauss))
    return made


def _of_generator(part: random.Random) -> Parts:
    version, state, next_gauss = part.getstate()
    if version != random.Random.VERSION:
        raise SnapshotError(f"state of a random generator has version {version}")
    return generator, (_WORDS.pack(*state), next_gauss)


def numpy_generator(key: bytes, place: int, has_gauss: int, gauss: float) -> np.random.RandomState:
    """Return a Mersenne twister of numpy, given its 624 numbers of 32 bits, big-endian."""
    if type(key) is not bytes or len(key) != _KEY_BYTES:
        raise SnapshotError(f"state of numpy's generator does not have {_KEY_BYTES} bytes")
    if type(place) is not int or not 0 <= place <= _KEY_BYTES // 4:
        raise SnapshotError(f"state of numpy's generator has place {place!r}")
    if has_gauss not in (0, 1) or type(gauss) is not float:
        raise SnapshotError("state of numpy's generator has no number for the next Gaussian")
    made = np.random.RandomState()
    words = np.frombuffer(key, ">u4").astype(np.uint32)
    made.set_state(("MT19937", words, place, has_gauss, gauss))
    return made


def _of_numpy_generator(part: np.random.RandomState) -> Parts:
    name, key, place, has_gauss, gauss = cast(Any, part.get_state(legacy=True))
    if name != "MT19937":
        raise SnapshotError(f"model has a generator {name!r}, expected 'MT19937'")
    return numpy_generator, (key.astype(">u4").tobytes(), int(place), int(has_gauss), float(gauss))


def array(kind: str, order: str, shape: tuple[int, ...], data: bytes) -> np.ndarray[Any, Any]:
    """Return an array of numbers, given kind and order as numpy writes them, and its bytes."""
    if kind not in _KINDS or order not in ("C", "F") or type(data) is not bytes:
        raise SnapshotError(f"array of {kind!r} in order {order!r} is none of numbers")
    if (
        type(shape) is not tuple
        or len(shape) > _MOST_DIMENSIONS
        or any(type(each) is not int for each in shape)
    ):
        raise SnapshotError("array has a shape that cannot be")
    if min(shape, default=0) < 0 or math.prod(shape) * np.dtype(kind).itemsize != len(data):
        raise SnapshotError(f"array of shape {shape!r} does not have {len(data)} bytes")
    flat: np.ndarray[Any, Any] = np.frombuffer(data, kind).copy()
    return flat.reshape(shape, order="C" if order == "C" else "F")


def _of_array(part: np.ndarray[Any, Any]) -> Parts:
    if part.dtype.str not in _KINDS:
        raise SnapshotError(f"model has an array of {part.dtype}, expected one of numbers")
    order = "F" if part.flags.f_contiguous and not part.flags.c_contiguous else "C"
    return array, (part.dtype.str, order, part.shape, part.tobytes("F" if order == "F" else "C"))


def number(kind: str, data: bytes) -> Any:
    """Return a number of numpy's, given its kind and bytes."""
    return array(kind, "C", (1,), data)[0]


def _of_number(part: np.generic) -> Parts:
    if part.dtype.str not in _KINDS:
        raise SnapshotError(f"model has a value of {part.dtype}, expected a number")
    return number, (part.dtype.str, part.tobytes())


def delayed(function: Any, arguments: tuple[Any, ...], names: dict[str, Any]) -> functools.partial[Any]:
    """Return a function with arguments, given its name, or an object that makes initial weights."""
    if type(arguments) is not tuple or type(names) is not dict:
        raise SnapshotError("model has a function with arguments that are none")
    if isinstance(function, Initializer):
        return functools.partial(function, *arguments, **names)
    if type(function) is not str or function not in _FUNCTIONS:
        raise SnapshotError(f"model has a function {function!r}, expected one of {sorted(_FUNCTIONS)}")
    return functools.partial(_FUNCTIONS[function], *arguments, **names)


def _of_delayed(part: functools.partial[Any]) -> Parts:
    function: Any = part.func
    if not isinstance(function, Initializer):
        name = getattr(function, "__name__", "")
        if _FUNCTIONS.get(name) is not function:
            raise SnapshotError(f"model has a function {function!r}, expected one of {sorted(_FUNCTIONS)}")
        function = name
    return delayed, (function, part.args, part.keywords)


def method(owner: Any, name: str) -> Any:
    """Return a method of a passive-aggressive classifier: the one for its mode."""
    if type(name) is not str or name not in _METHODS:
        raise SnapshotError(f"model has a method {name!r}, expected one of {sorted(_METHODS)}")
    if owner is not PAClassifier and type(owner) is not PAClassifier:
        raise SnapshotError(f"model has a method of {type(owner).__name__}, expected PAClassifier")
    return getattr(PAClassifier, name).__get__(None if owner is PAClassifier else owner, PAClassifier)


def _of_method(part: types.MethodType) -> Parts:
    name = part.__name__
    if name not in _METHODS:
        raise SnapshotError(f"model has a method {part.__qualname__!r}, which no snapshot may hold")
    return method, (part.__self__, name)


_AdaptiveWindow: Any = type(ADWIN()._helper)
_KEEPS_ARGUMENTS = hasattr(_AdaptiveWindow, "__getnewargs__")  # written in Rust, as of river 0.25


def adaptive_window(arguments: tuple[float, int, int, int, int], state: bytes) -> Any:
    """Return the window of a drift detector, given its parameters and its state as river writes it."""
    if type(arguments) is not tuple or [type(each) for each in arguments] != [float, int, int, int, int]:
        raise SnapshotError("drift detector has parameters that are none")
    if not all(0 < each <= _MOST_OF_WINDOW for each in arguments) or type(state) is not bytes:
        raise SnapshotError(f"drift detector has the parameters {arguments!r}, which cannot be")
    made = _AdaptiveWindow(*arguments)
    made.__setstate__(state)
    return made


def _of_adaptive_window(part: Any) -> Parts:
    return adaptive_window, (part.__getnewargs__(), part.__getstate__())


def turns(values: list[int]) -> itertools.cycle[int]:
    """Return what goes through numbers in turns."""
    if type(values) is not list or not values or not {type(value) for value in values} == {int}:
        raise SnapshotError("model has turns of no numbers")
    return itertools.cycle(values)


def _of_turns(part: itertools.cycle[int]) -> Parts:
    """Return the numbers of one turn, the next one first; river 0.22 has each once."""
    twin = copy.deepcopy(part)
    first = next(twin)
    return turns, ([first, *itertools.takewhile(first.__ne__, twin)],)


TAKEN_APART: Mapping[type, Callable[[Any], Parts]] = {
    itertools.cycle: _of_turns,
    random.Random: _of_generator,
    np.random.RandomState: _of_numpy_generator,
    np.ndarray: _of_array,
    functools.partial: _of_delayed,
    types.MethodType: _of_method,
    **({_AdaptiveWindow: _of_adaptive_window} if _KEEPS_ARGUMENTS else {}),
    **{np.dtype(kind).type: _of_number for kind in _KINDS},
}
"""How parts of these types become a function of this module and what it is given."""
