"""The eight streams of the bars as arrays: three recorded, five made by river's generators."""

from __future__ import annotations

import csv
import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forest.places import cache_folder, data_folder

__all__ = ["NAMES", "NOMINAL", "Stream", "absent", "load"]

RECORDED = ("elec", "covtype", "airlines")
SYNTHETIC = ("agrawal", "sea", "rbf-drift", "hyperplane", "led-drift")
NAMES = (*RECORDED, *SYNTHETIC)

# The streams of the bars take every feature for a number. These are taken a second time with what they are.
NOMINAL = {"airlines-nominal": ("airlines", ("Airline", "AirportFrom", "AirportTo", "DayOfWeek"))}


@dataclass(frozen=True)
class Stream:
    """Samples in order.

    Parameters
    ----------
    name : str
        What it is called in the tables.
    features : tuple of str
        Names of the columns.
    x : ndarray of float64, shape (n_samples, n_features)
        No value is missing.
    y : ndarray of int64, shape (n_samples,)
        Labels, 0 to n_classes − 1.
    n_classes : int
        How many labels there are.
    nominal : tuple of str
        Columns whose values are codes, 0 to some maximum; all others are numbers.
    """

    name: str
    features: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[np.int64]
    n_classes: int
    nominal: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def digest(self) -> str:
        """Eight hex digits that change with the data: no result of other data is taken for one of these."""
        hashed = hashlib.sha256(np.ascontiguousarray(self.x).tobytes())
        hashed.update(np.ascontiguousarray(self.y).tobytes())
        hashed.update(repr(self.nominal).encode())
        return hashed.hexdigest()[:8]

    def first(self, rows: int | None) -> Stream:
        """Return the beginning of the stream; all of it for None."""
        return Stream(self.name, self.features, self.x[:rows], self.y[:rows], self.n_classes, self.nominal)

    def again(self, rows: int, batch: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Yield batches of so many rows in all; at its end the stream begins anew."""
        done = 0
        while done < rows:
            begin = done % self.rows
            end = min(begin + batch, self.rows, begin + rows - done)
            yield self.x[begin:end], self.y[begin:end]
            done += end - begin

    def as_dicts(self, begin: int, end: int) -> list[tuple[dict[str, float], int]]:
        """Return samples as river takes them."""
        rows = zip(self.x[begin:end].tolist(), self.y[begin:end].tolist(), strict=True)
        return [(dict(zip(self.features, values, strict=True)), label) for values, label in rows]


def absent(name: str) -> str | None:
    """Return why a stream cannot be had here, None if it can."""
    recorded = NOMINAL[name][0] if name in NOMINAL else name
    if recorded not in RECORDED or list(data_folder(recorded).glob("*.csv.gz")):
        return None
    return f"no {recorded} in PG_DATA_DIR, {data_folder(recorded).parent}"


def load(name: str) -> Stream:
    """Return a stream, made on first use and kept in the cache folder."""
    if name in NOMINAL:
        plain, nominal = NOMINAL[name]
        found = load(plain)
        return Stream(name, found.features, found.x, found.y, found.n_classes, nominal)
    path = cache_folder() / "streams" / f"{name}.npz"
    if not path.exists():
        _keep(path, _recorded(name) if name in RECORDED else _generated(name))
    with np.load(path) as kept:
        return Stream(name, tuple(kept["features"].tolist()), kept["x"], kept["y"], int(kept["y"].max()) + 1)


def _keep(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a file whole or not at all: another process may be at it too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez_compressed(file, features=arrays["features"], x=arrays["x"], y=arrays["y"])
    Path(file.name).replace(path)


def _generated(name: str) -> dict[str, NDArray[Any]]:
    # Imported where it is needed: river is no small part of a process whose memory is measured.
    from benchmarks.forest.synthetic import generate

    return generate(name)


def _recorded(name: str) -> dict[str, NDArray[Any]]:
    [path] = data_folder(name).glob("*.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        features = next(reader)[:-1]
        table = np.array([[float(value) for value in row] for row in reader])
    return {"features": np.array(features), "x": table[:, :-1], "y": table[:, -1].astype(np.int64)}
