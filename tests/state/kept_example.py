"""What a partition of the state topic held when the formats of version 1 were made.

    python tests/state/kept_example.py > tests/fixtures/state/version-1.json

writes it anew. A release that cannot read the file any more loses the state of its users: whoever changes a
format gives it another number, adds a file, and keeps reading this one.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from pg_streaming_machine_learning.engine import EngineConfig
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import GENERATION_KEY, StateRecord
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from tests.logs import config
from tests.state.stored import CREATED_MS, progress_record, slot_records

FILE = Path(__file__).parent.parent / "fixtures" / "state" / "version-1.json"
NAMED, NEAR, FAR, GENERATION = 20, 40, 90, 2
CONFIG = EngineConfig(
    inputs=("pg-streaming-labeled-data",),
    size_ms=10_000,
    hop_ms=5_000,
    grace_ms=1_000,
    idle_after_ms=60_000,
    model=ModelSpec("river.forest.ARFClassifier", {"n_models": 2, "grace_period": 10}),
    seed=3,
    warm_up_samples=10,
    decision_threshold=0.4,
    host_as_feature=False,
    evaluation_window=20,
)
"""Of the engine whose state it is."""

ROUTER_KEY = router_key("pg-streaming-labeled-data", 1)


def records() -> list[StateRecord]:
    """Return the records as this release writes them."""
    assert config(CONFIG.model) == CONFIG
    return [
        StateRecord(GENERATION_KEY, GenerationOrder(GENERATION, FROM_LOG, CREATED_MS).to_bytes()),
        *slot_records(0, NAMED, name="before"),
        *slot_records(0, NEAR, generation=GENERATION),
        *slot_records(1, FAR, generation=GENERATION),
        progress_record(FAR, GENERATION),
        StateRecord(ROUTER_KEY, RouterProgress(77, CREATED_MS).to_bytes()),
    ]


def kept() -> list[StateRecord]:
    """Return the records of the file."""
    pairs = json.loads(FILE.read_text(encoding="utf-8"))
    return [StateRecord(key.encode(), base64.b64decode(value)) for key, value in pairs]


def main() -> None:
    """Write the file."""
    pairs = [[record.key.decode(), base64.b64encode(record.value or b"").decode()] for record in records()]
    print(json.dumps(pairs, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
