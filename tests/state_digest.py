"""A digest of the whole state of an engine: equal for states that are equal bit by bit, and for no others.

It looks at the objects themselves, not at their snapshots: what a snapshot forgot would be missing on both
sides. Floats count by their bits, the order of a dictionary counts in the model (it may be the order of
sums), and so does which objects are shared. What does not count: whether two equal objects that cannot change
are one, the order of attributes, and in which order windows were opened and partitions were heard of.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import types
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.windows.open_windows import OpenWindows

__all__ = ["object_digest", "part_digests", "state_digest"]

_ONLY_WAITS_TO_BE_LOGGED = "_late_updates"


def state_digest(engine: Engine) -> str:
    """Return the digest of an engine's state, hexadecimal."""
    return object_digest(part_digests(engine))


def part_digests(engine: Engine) -> dict[str, str]:
    """Return the digest of each part of an engine, by its name: they tell where two states differ."""
    state = {name: value for name, value in vars(engine).items() if name != _ONLY_WAITS_TO_BE_LOGGED}
    parts: dict[str, Any] = {
        f"watermark{name}": value for name, value in vars(state.pop("_watermark")).items()
    }
    parts |= _open_windows(state.pop("_windows"))
    strangers = state.pop("_strangers")
    parts["strangers"] = (strangers.spans, sorted(strangers._known))
    parts |= {f"places{name}": value for name, value in vars(state.pop("_places")).items()}
    parts |= {f"learner{name}": value for name, value in vars(state.pop("_learner")).items()}
    parts |= {f"evaluation{name}": value for name, value in vars(state.pop("evaluation")).items()}
    for name in ("watermark_progress", "watermark_partitions", "places_greatest"):
        parts[name] = sorted((key, _plain(value)) for key, value in parts[name].items())
    parts |= {f"engine.{name}": value for name, value in state.items()}
    return {name: object_digest(parts[name]) for name in sorted(parts)}


def _open_windows(windows: OpenWindows) -> dict[str, Any]:
    """Return the parts of the open windows, without what only saves time."""
    store = vars(windows._windows).copy()
    hosts = store.pop("_hosts")
    store["_starts"] = sorted(store["_starts"])
    store["_open"] = sorted((start_ms, host) for start_ms in hosts for host in hosts[start_ms])
    store["_revisions"] = [sorted(hosts[start_ms][host].items()) for start_ms, host in store["_open"]]
    parts = {f"store{name}": value for name, value in store.items()}
    parts["readings"] = sorted(
        (host, metric, series.topic, series.is_adding, list(series.times_ms), list(series.values))
        for host, metrics in windows._readings._hosts.items()
        for metric, series in metrics.items()
    )
    parts["durations"] = sorted(
        (
            host,
            [durations.services[place] for place in durations.of_service],
            *map(list, (durations.starts_ms, durations.durations_us, durations.errors)),
        )
        for host, durations in windows._durations._hosts.items()
    )
    parts["forgotten"] = windows._rates._forgotten_ms
    parts["labels"] = sorted(vars(windows._labels).items())
    parts["rates"] = sorted(
        (host, counter, counters.times_ms[place], counters.values[place])
        for host, counters in windows._rates._hosts.items()
        for counter, place in counters.places.items()
    )
    return parts


def _plain(value: Any) -> Any:
    """Return a small record as a tuple, so that it can be sorted and compared."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.astuple(value)
    return value


def object_digest(value: Any) -> str:
    """Return the digest of any object that can be pickled, hexadecimal."""
    walk = _Walk()
    waiting = [value]
    while waiting:  # a loop, since trees are deep
        waiting.extend(reversed(walk.enter(waiting.pop())))
    return walk.sha256.hexdigest()


class _Walk:
    """Goes through an object and all it holds, each once."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # an object that is gone would leave its id to another

    def enter(self, value: Any) -> Sequence[Any]:
        """Take in what an object is; return what it holds."""
        written = _written(value)
        if written is not None:
            self._write(type(value).__name__, written)
            return ()
        if type(value) is tuple:
            if _is_numbers(value):
                self._write("tuple of int", repr(value).encode())
                return ()
            self._write("tuple", b"%d" % len(value))
            return value
        if isinstance(value, Metric):
            self._write("frozen", b"%d" % len(value))
            return (type(value), *value)
        if _is_frozen(value):
            fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
            self._write("frozen", b"%d" % len(fields))
            return (type(value), *fields)
        if id(value) in self._numbers:
            self._write("again", b"%d" % self._numbers[id(value)])
            return ()
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        kind, held = _opened(value)
        self._write(kind, b"%d" % len(held))
        return held

    def _write(self, kind: str, content: bytes) -> None:
        encoded = kind.encode()
        self.sha256.update(struct.pack(">II", len(encoded), len(content)) + encoded + content)


def _is_frozen(value: Any) -> bool:
    """Whether a value is a dataclass that cannot change."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _written(value: Any) -> bytes | None:
    """Return the bytes of a value that cannot change and holds nothing; None if it is another."""
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return bytes(value.dtype.str.encode() + value.tobytes())
    if type(value) is float:
        return struct.pack(">d", value)
    if type(value) is complex:
        return struct.pack(">dd", value.real, value.imag)
    if type(value) is str:
        return value.encode("utf-8", "surrogatepass")
    if type(value) is bytes:
        return value
    if value is None or value is Ellipsis or type(value) in (bool, int, range):
        return repr(value).encode()
    if isinstance(value, (type, types.FunctionType)) or _is_global(value):
        return f"{value.__module__}.{value.__qualname__}".encode()
    return None


def _is_numbers(value: Sequence[Any]) -> bool:
    """Whether these are whole numbers, and so many that it saves time to write them at once."""
    return len(value) > 8 and all(type(each) is int for each in value)


def _is_global(value: Any) -> bool:
    """Whether a value is a function of a compiled module."""
    return isinstance(value, types.BuiltinFunctionType) and isinstance(
        value.__self__, (types.ModuleType, type(None))
    )


def _opened(value: Any) -> tuple[str, Sequence[Any]]:
    """Return the kind of an object and what it holds, in an order that does not depend on chance."""
    if type(value) is list:
        return ("list of int", [repr(value)]) if _is_numbers(value) else ("list", value)
    if type(value) is bytearray:
        return "bytearray", [bytes(value)]
    if type(value) is dict:
        return "dict", _flat(value.items())
    if type(value) in (set, frozenset):
        return type(value).__name__, sorted(object_digest(each) for each in value)
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype.hasobject else value.tobytes()
        return "array", [value.dtype.str, value.shape, content]
    reduced = value.__reduce_ex__(5)
    if isinstance(reduced, str):
        return "global", [reduced]
    function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    return "object", [
        function,
        arguments,
        _attributes(state),
        tuple(items or ()),
        tuple(_flat(pairs or ())),
    ]


def _attributes(state: Any) -> Any:
    """Return the state of an object, attributes in the order of their names."""
    if type(state) is dict and all(type(name) is str for name in state):
        return ("attributes", *_flat(sorted(state.items(), key=lambda item: item[0])))
    if type(state) is tuple and len(state) == 2 and all(type(each) in (dict, type(None)) for each in state):
        return ("slots", *(_attributes(half) for half in state))
    return ("state", state)


def _flat(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [each for pair in pairs for each in pair]
