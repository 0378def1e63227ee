"""Which forest there is: compiled, or the reference where nothing can be compiled."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest.plan import ForestPlan, Votes

__all__ = ["CACHE_VARIABLE", "Backend", "Forest"]

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "FOREST_CACHE_DIR"
"""Environment variable that names the folder for compiled code."""


class Forest(Protocol):
    """The members of a forest: see `compiled.CompiledForest`."""

    plan: ForestPlan

    @property
    def importances(self) -> NDArray[np.float64]:
        """Gain times weight of all splits, shape (members, features)."""

    @property
    def allocated_bytes(self) -> int:
        """Bytes of what lasts."""

    def grow(self, n_features: int, n_classes: int, code_sizes: Mapping[int, int]) -> None:
        """Make room for features, classes and nominal values."""

    def run(
        self,
        rows: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        explain: bool = False,
        n_jobs: int = 1,
        reasons: NDArray[np.float64] | None = None,
    ) -> Votes:
        """Take rows through all members."""

    def take_events(self) -> list[tuple[int, int, int, float, float, bool]]:
        """Return what happened since the last call."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the future depends on."""

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take on a state."""


@dataclass(frozen=True)
class Backend:
    """A way to have a forest.

    Parameters
    ----------
    name : str
        ``"numba"`` or ``"reference"``.
    forest : callable
        Makes a forest of a plan.
    """

    name: str
    forest: Callable[[ForestPlan], Forest]

    @classmethod
    def best(cls) -> Backend:
        """Return the compiled one if it works here, else the reference, with a warning."""
        return _best(os.environ.get(CACHE_VARIABLE, ""))

    @classmethod
    def reference(cls) -> Backend:
        """Return the slow one, which says what is right."""
        from pg_streaming_machine_learning.learning.forest.reference import ReferenceForest

        return cls("reference", ReferenceForest)

    @classmethod
    def compiled(cls, cache: Path) -> Backend:
        """Return the compiled one, with its code in a folder.

        Raises
        ------
        Exception
            Whatever numba fails with.
        """
        import numba

        from pg_streaming_machine_learning.learning.forest.first_time import telling

        config: Any = numba.config
        former = config.CACHE_DIR
        with telling(cache):
            config.CACHE_DIR = str(cache)  # looked at when functions are declared: only ours go there
            try:
                from pg_streaming_machine_learning.learning.forest.compiled import CompiledForest
            finally:
                config.CACHE_DIR = former
            backend = cls("numba", CompiledForest)
            _try_out(backend)
        return backend


@lru_cache(maxsize=8)
def _best(cache_dir: str) -> Backend:
    try:
        return Backend.compiled(_cache_folder(cache_dir))
    except Exception as error:
        logger.warning(
            "the forest cannot be compiled here (%s: %s); it runs some thousand times slower",
            type(error).__name__,
            " ".join(str(error).split())[:200],
        )
        return Backend.reference()


def _cache_folder(wanted: str) -> Path:
    """Return a folder of our own that can be written to, for the code of this release on this machine.

    Its name has a digest of the kernel's sources: a change of one file must not find code of another.
    """
    name = f"forest-{_digest()}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [Path(wanted)] if wanted else [home / "pg-streaming-machine-learning"]
    for place in places:
        folder = place / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            logger.debug("no cache for compiled code at %s: %s", folder, error)
    folder = Path(tempfile.mkdtemp(prefix="pg-streaming-machine-learning-"))
    logger.warning(
        "compiled code is kept for this run only, in %s; name a folder by %s", folder, CACHE_VARIABLE
    )
    return folder


def _digest() -> str:
    """Return a digest of everything the compiled code depends on besides numba and the processor."""
    import hashlib

    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [here / "layout.py", *sorted((here / "kernel").glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _try_out(backend: Backend) -> None:
    """Learn and predict a row."""
    plan = ForestPlan(1, None, 6.0, 50.0, 0.01, 0.1, 1.0, 2, True, 0.02, 0.005, 1, 2**20)
    forest = backend.forest(plan)
    forest.grow(1, 2, {})
    row = np.ones((1, 1), np.float32)
    forest.run(row, np.zeros(1, np.int64), np.ones(1))
    forest.load(forest.state())
