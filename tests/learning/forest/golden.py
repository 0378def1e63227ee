"""The forest kept in ``forest-v1.bin``, and what it has to say for ever.

    python tests/learning/forest/golden.py

writes both anew. That is done once for a version of the layout: files that exist are not written over.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent.parent))

import numpy as np

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier

__all__ = ["FOREST", "SAID", "rows", "said"]

FOREST = Path(__file__).parent / "forest-v1.bin"
SAID = Path(__file__).parent / "forest-v1.json"

COLORS = ("red", "green", "blue", None)
LABELS = ("calm", 1, None)


def rows(n: int, seed: int) -> list[tuple[dict[Any, Any], Any]]:
    """Return samples with numbers, names and missing values; the rule changes with every third seed."""
    rng = np.random.default_rng(seed)
    found: list[tuple[dict[Any, Any], Any]] = []
    for load, memory, color, draw in zip(
        rng.normal(size=n).tolist(),
        (rng.random(n) * 1e9 + 1e12).tolist(),
        rng.integers(0, 4, n).tolist(),
        rng.random(n).tolist(),
        strict=True,
    ):
        x = {"load": load, "memory": memory, "color": COLORS[color], 7: float(color * 10 % 7)}
        high = (load > 0.2) ^ (color == 1) ^ (seed % 3 == 2)
        label = LABELS[0] if not high else LABELS[1] if memory < 1e12 + 6e8 else LABELS[2]
        if draw < 0.2:
            del x["memory" if draw < 0.1 else "load"]
        found.append((x, label))
    return found


def said(forest: AdaptiveRandomForestClassifier) -> dict[str, Any]:
    """Return what a forest says, to the last bit, before and after it goes on learning."""
    asked = [x for x, _ in rows(20, seed=101)]
    before = [[p.hex() for p in forest.predict_proba_one(x).values()] for x in asked]
    reasons = forest.explain_one(asked[0])["calm"]
    for x, label in rows(300, seed=103):
        forest.learn_one(x, label)
    after = [[p.hex() for p in forest.predict_proba_one(x).values()] for x in asked]
    return {
        "classes": list(forest.classes_),
        "features": list(forest.features_),
        "reasons": {str(name): part.hex() for name, part in reasons.items()},
        "before": before,
        "after": after,
        "events": [[event.kind, event.member, event.sample] for event in forest.take_events()],
    }


def main() -> None:
    """Write both files; the forest is kept at a sample at which a tree grows in the background."""
    if FOREST.exists() or SAID.exists():
        sys.exit(f"{FOREST} or {SAID} exists: what a version said stays")
    forest = AdaptiveRandomForestClassifier(
        n_models=3,
        grace_period=20,
        delta=0.1,
        warning_delta=0.2,
        drift_delta=1e-4,
        nominal_features=[7],
        seed=5,
    )
    for x, label in [*rows(700, seed=1), *rows(60, seed=2)]:
        forest.learn_one(x, label)
    events = forest.take_events()
    began = [event.member for event in events if event.kind == "warning"]
    ended = [event.member for event in events if event.kind == "drift" and event.had_background]
    if len(set(began) - set(ended)) == 0:
        sys.exit("no tree grows in the background: choose another sample")
    FOREST.write_bytes(forest.to_bytes())
    restored = AdaptiveRandomForestClassifier.from_bytes(FOREST.read_bytes())
    SAID.write_text(json.dumps(said(restored), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
