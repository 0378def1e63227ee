"""A forest as bytes: a fixed layout with a checksum, read without trust. ``docs/forest.md`` describes it.

::

    8 bytes   PGFOREST
    2         version of the layout, 1                     all numbers little-endian
    2         0
    4         length of the header
    8         length of the arrays
    32        SHA-256 of header and arrays
    header    JSON: parameters, classes, features, which arrays follow with type and shape
    arrays    one after the other, row by row
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest.columns import MOST_CODES
from pg_streaming_machine_learning.learning.forest.state_check import check_state

if TYPE_CHECKING:
    from pg_streaming_machine_learning.learning.forest.classifier import AdaptiveRandomForestClassifier

__all__ = ["MAGIC", "VERSION", "read_forest", "write_forest"]

MAGIC = b"PGFOREST"
VERSION = 1

_HEAD = struct.Struct("<8sHHIQ32s")
_TYPES = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "b1": "|b1"}
_MOST_HEADER = 64 * 2**20

State = dict[str, NDArray[Any]]
AnyForest = TypeVar("AnyForest", bound="AdaptiveRandomForestClassifier")


def write_forest(
    parameters: Mapping[str, Any], labels: Sequence[Any], columns: Mapping[str, Any], state: State
) -> bytes:
    """Return the bytes of a forest.

    Raises
    ------
    SnapshotError
        If a label, a name or a value is neither text, number, bool nor None.
    """
    plain = dict(parameters)
    named = parameters["nominal_features"]
    plain["nominal_features"] = None if named is None else sorted(named, key=repr)
    weights = parameters["class_weights"]
    plain["class_weights"] = None if weights is None else [[_plain(k), float(v)] for k, v in weights.items()]
    plain["classes"] = None if parameters["classes"] is None else list(parameters["classes"])
    table: list[list[Any]] = []
    head = {
        "parameters": plain,
        "classes": [_plain(label) for label in labels],
        "features": [_plain(name) for name in columns["names"]],
        "nominal": [
            [column, [_plain(value) for value in values]] for column, values in columns["codes"].items()
        ],
        "arrays": table,
    }
    arrays = {"centers": np.array(columns["centers"], dtype=np.float64), **state}
    body = []
    for name, array in arrays.items():
        kind = array.dtype.kind + str(array.dtype.itemsize)
        table.append([name, kind, list(array.shape)])
        body.append(np.ascontiguousarray(array, dtype=_TYPES[kind]).tobytes())
    try:
        header = json.dumps(head, allow_nan=False, separators=(",", ":"), default=_plain).encode()
    except ValueError as error:
        raise SnapshotError(f"forest has a label or name that is no finite number: {error}") from error
    digest = hashlib.sha256(header)
    for part in body:
        digest.update(part)
    length = sum(len(part) for part in body)
    return b"".join([_HEAD.pack(MAGIC, VERSION, 0, len(header), length, digest.digest()), header, *body])


def read_forest(kind: type[AnyForest], data: bytes) -> AnyForest:
    """Return the forest of some bytes.

    Raises
    ------
    SnapshotError
        If they are damaged, cut, of something else, or of a newer release.
    """
    head, body = _split(bytes(data))
    try:
        arrays = _arrays(head["arrays"], body)
        parameters = dict(head["parameters"])
        weights = parameters["class_weights"]
        parameters["class_weights"] = None if weights is None else {label: float(w) for label, w in weights}
        labels, names = list(head["classes"]), list(head["features"])
        codes = {int(column): list(values) for column, values in head["nominal"]}
        centers = arrays.pop("centers")
        _check_columns(labels, names, codes, centers)
        # Room is made for what there is, not for what somebody says there is.
        count = parameters["n_models"]
        for name in ("members", "tallies", "detectors", "importances"):
            if name not in arrays or len(arrays[name]) != count:
                raise SnapshotError("forest has another number of members than it says")
        classes = parameters["classes"]
        if classes is not None and list(dict.fromkeys(classes)) != labels[: len(set(classes))]:
            raise SnapshotError("classes of the forest do not begin with those it was given")
        forest = kind(**{**parameters, "classes": None})
        forest.classes = classes
        forest._take_on(labels, names, centers.tolist(), codes, arrays, check_state)
    except SnapshotError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SnapshotError(f"bytes are no forest that can be read: {text}") from error
    return forest


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return the header and the bytes of the arrays."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise SnapshotError(f"bytes begin with {data[:8]!r}, expected {MAGIC!r}: they are no forest")
    _, version, zero, header_length, body_length, digest = _HEAD.unpack_from(data)
    if version != VERSION or zero != 0:
        raise SnapshotError(f"forest is of layout version {version}, this release reads version {VERSION}")
    whole = _HEAD.size + header_length + body_length
    if header_length > _MOST_HEADER or len(data) != whole:
        raise SnapshotError(f"forest has {len(data)} bytes, its head says {whole}: it is cut or damaged")
    view = memoryview(data)[_HEAD.size :]
    if hashlib.sha256(view).digest() != digest:
        raise SnapshotError("forest has another checksum than its head says: it is damaged")
    try:
        head = json.loads(bytes(view[:header_length]))
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"header of the forest cannot be read: {error}") from error
    if not isinstance(head, dict):
        raise SnapshotError("header of the forest is no object")
    return head, view[header_length:]


def _arrays(table: Any, body: memoryview) -> State:
    """Return the arrays of a table, copied out of the bytes."""
    arrays: State = {}
    at = 0
    for name, kind, shape in table:
        dtype = np.dtype(_TYPES[kind])
        if not all(type(length) is int and 0 <= length < 2**40 for length in shape) or len(shape) > 3:
            raise SnapshotError(f"array {name!r} of the forest has shape {shape!r}")
        size = math.prod(shape) * dtype.itemsize
        if at + size > len(body):
            raise SnapshotError(f"array {name!r} of the forest is longer than what is there")
        flat = np.frombuffer(body[at : at + size], dtype=dtype)
        if dtype.kind == "b" and (flat.view(np.uint8) > 1).any():
            raise SnapshotError(f"array {name!r} of the forest has values that are neither true nor false")
        arrays[str(name)] = flat.reshape(shape).astype(dtype.newbyteorder("="))
        at += size
    if at != len(body):
        raise SnapshotError(f"forest has {len(body) - at} bytes more than its arrays")
    return arrays


def _check_columns(
    labels: list[Any], names: list[Any], codes: Mapping[int, list[Any]], centers: NDArray[Any]
) -> None:
    """See that names and labels are no more than they say."""
    for what, values in (
        ("class", labels),
        ("feature", names),
        *(("value", each) for each in codes.values()),
    ):
        if len(set(values)) != len(values):
            raise SnapshotError(f"a {what} of the forest is named twice")
    if centers.shape != (len(names),) or centers.dtype != np.float64 or not np.isfinite(centers).all():
        raise SnapshotError("centers of the forest do not fit its features")
    if any(not 0 <= column < len(names) for column in codes) or any(
        len(each) > MOST_CODES for each in codes.values()
    ):
        raise SnapshotError("nominal features of the forest do not fit its features")
    if any(centers[column] != 0.0 for column in codes):  # what is counted from there are places in arrays
        raise SnapshotError("nominal features of the forest have a center")


def _plain(value: Any) -> Any:
    """Return a label or name as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise SnapshotError(
        f"forest has the label or name {value!r}, expected text, a number, a bool or None: "
        "it cannot be stored"
    )
