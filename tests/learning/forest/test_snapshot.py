"""A forest as bytes: restored, it goes on as if it had never stopped; what is damaged is refused."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from tests.learning.forest.forged import arrays_of, changed, sealed
from tests.learning.forest.golden import FOREST, SAID, rows, said
from tests.learning.forest.streams import Stream, awkward, blocks

ROOT = Path(__file__).parent.parent.parent.parent
QUICK: dict[str, Any] = {"n_models": 3, "grace_period": 10, "delta": 0.2, "warning_delta": 0.3}


def trained(**parameters: Any) -> AdaptiveRandomForestClassifier:
    """Return a forest with numbers, names, missing values and trees in the background."""
    learner = AdaptiveRandomForestClassifier(**{**QUICK, "nominal_features": [7], **parameters})
    for x, label in rows(500, seed=1):
        learner.learn_one(x, label)
    return learner


@given(stream=awkward(), cut=st.integers(0, 250), kind=st.sampled_from(("mc", "nb", "nba")))
@settings(max_examples=30)
def test_restored_is_the_same_as_never_stopped(stream: Stream, cut: int, kind: str) -> None:
    """Wherever it was stopped: what it says, notices and becomes has the same bits."""
    parameters: dict[str, Any] = {**QUICK, "nominal_features": ["color"], "leaf_prediction": kind}
    learner = AdaptiveRandomForestClassifier(**parameters)
    stream.process(learner, 0, cut)
    learner.take_events()
    stored = learner.to_bytes()
    restored = AdaptiveRandomForestClassifier.from_bytes(stored)
    assert restored.to_bytes() == stored
    assert stream.process(restored, cut).tobytes() == stream.process(learner, cut).tobytes()
    assert restored.take_events() == learner.take_events()
    assert restored.to_bytes() == learner.to_bytes()


def test_another_process_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    """Restored there, it learns and says the same."""
    learner = trained()
    (tmp_path / "forest").write_bytes(learner.to_bytes())
    script = (
        "import json, sys; from pathlib import Path\n"
        "from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier\n"
        "from tests.learning.forest.golden import said\n"
        "forest = AdaptiveRandomForestClassifier.from_bytes(Path(sys.argv[1]).read_bytes())\n"
        "print(json.dumps(said(forest)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path / "forest")],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"},
    )
    assert done.returncode == 0, done.stderr
    learner.take_events()
    assert json.loads(done.stdout) == said(learner)


def test_a_forest_of_the_first_version_says_what_it_said() -> None:
    """For ever: the file is never written anew."""
    forest = AdaptiveRandomForestClassifier.from_bytes(FOREST.read_bytes())
    assert forest.to_bytes() == FOREST.read_bytes()
    assert said(forest) == json.loads(SAID.read_text(encoding="utf-8"))


def test_bytes_are_small() -> None:
    """A tree is its numbers, no more: 20,000 samples of five features and ten trees."""
    X, y = blocks(20_000, seed=41)
    learner = AdaptiveRandomForestClassifier(seed=1)
    learner.learn_many(X, y)
    assert len(learner.to_bytes()) < 2_000_000


def test_the_layout_is_as_documented() -> None:
    """Magic, version, zero, lengths, checksum; the header names each array with its type and shape."""
    data = trained().to_bytes()
    magic, version, zero, header, body, _ = struct.unpack_from("<8sHHIQ32s", data)
    assert (magic, version, zero) == (b"PGFOREST", 1, 0)
    assert len(data) == 56 + header + body
    head, arrays = arrays_of(data)
    assert sorted(head) == ["arrays", "classes", "features", "nominal", "parameters"]
    assert head["classes"][0] in ("calm", 1, None)
    assert sealed(head, arrays)[56 + len(json.dumps(head)) :][-body:] == data[-body:]
    documented = (ROOT / "docs" / "forest.md").read_text(encoding="utf-8")
    for name in arrays:
        assert f"`{name}`" in documented


def test_cut_bytes_are_refused_wherever_they_are_cut() -> None:
    """Also those with more behind them."""
    data = trained().to_bytes()
    for length in [*range(60), *range(60, len(data), 997), len(data) - 1]:
        with pytest.raises(SnapshotError, match=r"they are no forest|it is cut or damaged"):
            AdaptiveRandomForestClassifier.from_bytes(data[:length])
    with pytest.raises(SnapshotError, match="it is cut or damaged"):
        AdaptiveRandomForestClassifier.from_bytes(data + b"\0")


def test_each_changed_byte_is_noticed() -> None:
    """A thousand places: the checksum, or what stands before it."""
    data = trained().to_bytes()
    rng = random.Random(1)
    for _ in range(1000):
        place = rng.randrange(len(data))
        other = bytearray(data)
        other[place] ^= 1 << rng.randrange(8)
        with pytest.raises(SnapshotError):
            AdaptiveRandomForestClassifier.from_bytes(bytes(other))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "bytes begin with b'', expected b'PGFOREST': they are no forest"),
        (b"\x80\x04" + bytes(100), "they are no forest"),
        (b"PGFOREST\x02\x00" + bytes(100), "forest is of layout version 2, this release reads version 1"),
    ],
)
def test_foreign_and_newer_bytes_are_refused(data: bytes, message: str) -> None:
    """The message says what they are, as far as that can be told."""
    with pytest.raises(SnapshotError, match=message):
        AdaptiveRandomForestClassifier.from_bytes(data)


def forge(name: str, change: Any) -> bytes:
    """Return a forest with one array changed in place, and a checksum that fits."""
    head, arrays = arrays_of(trained().to_bytes())
    change(arrays[name])
    return sealed(head, arrays)


def _widest_window(detectors: np.ndarray[Any, Any]) -> None:
    """Fill all rows of a detector with buckets: the next values would need a row more."""
    detectors[0, 0, 0], detectors[0, 0, 1], detectors[0, 0, 2] = 5 * (2**40 - 1), 0, 39
    detectors[0, 0, 3] = 2**61
    detectors[0, 0, 4:44] = 5
    detectors[0, 0, 44:] = 0


def _to_itself(child: np.ndarray[Any, Any]) -> None:
    child[0] = 0


def _put(place: Any, value: Any) -> Any:
    def change(array: np.ndarray[Any, Any]) -> None:
        array[place] = value

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("detectors", _widest_window),
        ("child", _to_itself),
        ("child", _put(0, 2**31 - 2)),
        ("feature", _put(0, 2**20)),
        ("feature", _put(0, -2)),
        ("subspace", _put((0, 0), 99)),
        ("place", _put((0, 0), 10**6)),
        ("place", _put((0, 1), 2)),
        ("trees", _put((0, 0), 2**31 - 1)),
        ("trees", _put((0, 2), 10**6)),
        ("trees", _put((0, 4), 1)),
        ("trees", _put((0, 5), 2**63 - 1)),
        ("members", _put((0, 0), 2)),
        ("has_block", _put((0, 0), 2)),
        ("pool", _put((0, 0), np.nan)),
        ("codes", _put((0, 0), -1.0)),
        ("tallies", _put((0, 0), np.inf)),
        ("counts", _put((0, 0), np.nan)),
        ("centers", _put(0, np.nan)),
        ("centers", _put(slice(None), -1e9)),
    ],
)
def test_states_that_would_lead_outside_the_arrays_are_refused(name: str, change: Any) -> None:
    """The kernel follows numbers without looking: they are looked at before it is given them."""
    with pytest.raises(SnapshotError):
        AdaptiveRandomForestClassifier.from_bytes(forge(name, change))


def test_what_is_forged_is_sealed_again_without_a_trace() -> None:
    """Else the tests above would refuse for another reason."""
    head, arrays = arrays_of(trained().to_bytes())
    restored = AdaptiveRandomForestClassifier.from_bytes(sealed(head, arrays))
    assert restored.to_bytes() == trained().to_bytes()


def test_a_label_that_json_cannot_hold_is_refused() -> None:
    """Rather than to come back as another one."""
    learner = AdaptiveRandomForestClassifier(n_models=1)
    learner.learn_one({"a": 1.0}, ("a", "tuple"))
    with pytest.raises(SnapshotError, match=r"the label or name \('a', 'tuple'\), expected text, a number"):
        learner.to_bytes()
    infinite = AdaptiveRandomForestClassifier(n_models=1)
    infinite.learn_one({"a": 1.0}, float("inf"))
    with pytest.raises(SnapshotError, match="a label or name that is no finite number"):
        infinite.to_bytes()


def _is_read(data: bytes) -> bool:
    try:
        AdaptiveRandomForestClassifier.from_bytes(data)
    except SnapshotError:
        return False
    return True


def test_a_thousand_changed_forests_are_refused_or_read() -> None:
    """Here without limits; the whole number of them runs in a process of its own, below."""
    read = sum(_is_read(each) for each in changed(trained().to_bytes(), 1000, random.Random(2)))
    assert 0 < read < 500


@pytest.mark.slow
def test_thousands_of_forged_forests_do_no_harm() -> None:
    """With 512 MB to spare: no crash, no hang, no huge memory, no other exception, also when they are used.

    `PG_FOREST_MUTATIONS` says how many.
    """
    count = os.environ.get("PG_FOREST_MUTATIONS", "4000")
    script = Path(__file__).parent / "forged_states.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), count],
        capture_output=True,
        text=True,
        timeout=280 if count == "4000" else 7200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["refused"] + found["read"] == int(count)
    assert found["refused"] > found["read"] > 0
