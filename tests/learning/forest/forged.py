"""Changed bytes of a forest: as they come, and with a checksum that fits, as somebody might forge them."""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["arrays_of", "changed", "sealed"]

HEAD = struct.Struct("<8sHHIQ32s")
TYPES = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "b1": "|u1"}
AWKWARD: dict[str, tuple[float, ...]] = {
    "f": (0.0, -0.0, -1.0, 1e-45, 3e38, -3e38, math.inf, -math.inf, math.nan, 2.0**23, 2.0**31),
    "i": (0, 1, -1, 2, 7, 8, 63, 64, 2**15, 2**30, 2**31 - 1, -(2**31)),
    "u": (0, 1, 2, 255),
}
WIDE = (2**62, 2**63 - 1, -(2**63), 2**40 - 1, 5 * (2**39 - 1))

Parts = tuple[dict[str, Any], dict[str, "np.ndarray[Any, Any]"]]


def arrays_of(data: bytes) -> Parts:
    """Return the header and the arrays of a forest, as ``docs/forest.md`` describes them."""
    _, _, _, length, _, _ = HEAD.unpack_from(data)
    head = json.loads(data[HEAD.size : HEAD.size + length])
    at, arrays = HEAD.size + length, {}
    for name, kind, shape in head["arrays"]:
        flat = np.frombuffer(data, TYPES[kind], math.prod(shape), at)
        arrays[name] = flat.reshape(shape).copy()
        at += flat.nbytes
    return head, arrays


def sealed(head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """Return the bytes of a header and arrays, with a checksum that fits."""
    kinds = {name: kind for name, kind, _ in head["arrays"]}
    table = [[name, kinds[name], list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({**head, "arrays": table}).encode()
    body = b"".join(array.tobytes() for array in arrays.values())
    digest = hashlib.sha256(header + body).digest()
    return HEAD.pack(b"PGFOREST", 1, 0, len(header), len(body), digest) + header + body


def changed(data: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """Yield changed bytes: a fifth as they come, the others with a checksum that fits."""
    head, arrays = arrays_of(data)
    ways = (_bits, _header_text, _numbers, _numbers, _numbers, _rows, _values, _values)
    for _ in range(count):
        yield rng.choice(ways)(data, head, arrays, rng)


def _bits(data: bytes, head: Any, arrays: Any, rng: random.Random) -> bytes:
    """Change bytes or bits anywhere, cut or repeat something; the checksum fits in half of them."""
    other = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place, length = rng.randrange(len(other)), rng.randrange(1, 20)
        way = rng.randrange(4)
        if way == 0:
            other[place] = rng.randrange(256)
        elif way == 1:
            other[place] ^= 1 << rng.randrange(8)
        elif way == 2:
            del other[place : place + length]
        else:
            other[place:place] = rng.randbytes(length)
    if rng.random() < 0.5 and len(other) > HEAD.size:
        other[24:56] = hashlib.sha256(other[56:]).digest()
    return bytes(other)


def _header_text(data: bytes, head: dict[str, Any], arrays: Any, rng: random.Random) -> bytes:
    """Change characters of the header."""
    text = bytearray(json.dumps(head, separators=(",", ":")).encode())
    for _ in range(rng.choice((1, 1, 2))):
        text[rng.randrange(len(text))] = rng.choice(b'0123456789-.[]{}",eEntfalsu ')
    body = b"".join(array.tobytes() for array in arrays.values())
    digest = hashlib.sha256(bytes(text) + body).digest()
    return HEAD.pack(b"PGFOREST", 1, 0, len(text), len(body), digest) + bytes(text) + body


def _numbers(
    data: bytes, head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]], rng: random.Random
) -> bytes:
    """Change numbers of one array to awkward ones, to another of its own, or by one."""
    name = rng.choice([name for name, array in arrays.items() if array.size])
    array = arrays[name].copy()
    flat = array.reshape(-1)
    for _ in range(rng.choice((1, 1, 1, 3, 20))):
        place = rng.randrange(flat.size)
        way = rng.randrange(4)
        if way == 0:
            choice = AWKWARD[array.dtype.kind]
            flat[place] = rng.choice(choice + WIDE if array.dtype == np.int64 else choice)
        elif way == 1:
            flat[place] = flat[rng.randrange(flat.size)]
        elif array.dtype.kind == "f":
            flat[place] = np.clip(float(flat[place]) * rng.choice((0.5, 2.0, -1.0)), -1e38, 1e38)
        else:
            flat[place : place + 1] += np.array([rng.choice((1, -1))]).astype(array.dtype)
    return sealed(head, {**arrays, name: array})


def _rows(
    data: bytes, head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]], rng: random.Random
) -> bytes:
    """Leave out, repeat or exchange rows of an array, or the array."""
    name = rng.choice(list(arrays))
    array = arrays[name]
    n = len(array)
    if n == 0 or rng.random() < 0.1:
        return sealed(head, {key: value for key, value in arrays.items() if key != name})
    picks = list(range(n))
    way = rng.randrange(3)
    if way == 0:
        del picks[rng.randrange(n)]
    elif way == 1:
        picks.insert(rng.randrange(n), rng.randrange(n))
    else:
        first, second = rng.randrange(n), rng.randrange(n)
        picks[first], picks[second] = picks[second], picks[first]
    return sealed(head, {**arrays, name: array[picks]})


def _values(
    data: bytes, head: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]], rng: random.Random
) -> bytes:
    """Change a parameter, a class, a name, a nominal value."""
    other = json.loads(json.dumps(head))
    strange: Any = rng.choice((0, 1, 2, -1, 2**31, 10**30, 1e300, 0.5, "x", None, True, [], [1], {}, "sqrt"))
    way = rng.randrange(4)
    if way == 0:
        other["parameters"][rng.choice(list(other["parameters"]))] = strange
    elif way == 1:
        _change(other[rng.choice(("classes", "features", "nominal"))], strange, rng)
    elif way == 2:
        column = rng.choice(other["nominal"])
        if rng.random() < 0.3:
            column[0] = rng.randrange(-1, 6)
        else:
            _change(column[1], rng.choice((strange, *(["more"] * 3), [f"v{n}" for n in range(200)])), rng)
    else:
        other["nominal"].append([rng.randrange(6), [f"v{n}" for n in range(rng.choice((1, 9, 5000)))]])
    return sealed(other, arrays)


def _change(values: list[Any], strange: Any, rng: random.Random) -> None:
    way = rng.randrange(3)
    if way == 0 and values:
        values[rng.randrange(len(values))] = strange
    elif way == 1 and values:
        del values[rng.randrange(len(values))]
    elif isinstance(strange, list):
        values.extend(strange)
    else:
        values.append(strange)
