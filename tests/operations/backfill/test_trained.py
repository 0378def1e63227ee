"""What a backfill learned goes into a file that can be imported, and goes on as the same model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import BackfillError, SnapshotError
from pg_streaming_machine_learning.operations.backfill.trained import check_trained, write_trained
from pg_streaming_machine_learning.operations.snapshot_file import read_snapshot_file
from pg_streaming_machine_learning.operations.snapshots import admit
from pg_streaming_machine_learning.state.layout import expand
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.state.taken import SnapshotTaker
from tests.logs import config
from tests.operations.state_store import APPLICATION, KEY, MAX_BYTES, NOW_MS, judge, trained

TAKER = SnapshotTaker(APPLICATION, Signer(KEY, accept_unsigned=False), MAX_BYTES)


class WithoutSnapshot(Engine):
    """An engine whose model has parts that no snapshot may hold."""

    def snapshot(self) -> bytes:
        """Fail."""
        raise SnapshotError("os.system is no part of a model")


def test_the_file_is_admitted_and_its_models_are_those_that_were_trained(tmp_path: Path) -> None:
    """One for each partition; they say what the trained ones say."""
    path = tmp_path / "model.pgsx"
    engines = [trained(150), trained(230)]
    size = write_trained(path, "january", engines, [0, 230], TAKER, NOW_MS)
    assert path.stat().st_size == size
    content = read_snapshot_file(path, MAX_BYTES)
    assert (content.name, content.application, content.exported_ms) == ("january", APPLICATION, NOW_MS)
    admitted = admit(content.snapshots, 2, judge(), trust=False)
    for number, engine in enumerate(engines):
        manifest = admitted[number].manifest
        assert (manifest.partition, manifest.position) == (number, [0, 230][number])
        assert manifest.figures == engine.figures()
        adopted = Engine(config())
        adopted.adopt_learner(expand(admitted[number].payload, MAX_BYTES))
        assert adopted.evaluation.since_start() == engine.evaluation.since_start()
        assert adopted.figures()["samples_learned"] == engine.figures()["samples_learned"]


def test_what_cannot_be_written_shows_before_the_work(tmp_path: Path) -> None:
    """A file that is there, a folder that is not, a name or a model that cannot be."""
    engine = Engine(config())
    there = tmp_path / "there.pgsx"
    there.touch()
    with pytest.raises(BackfillError, match=r"there\.pgsx' is there already: take another name, or --force"):
        check_trained(there, "name", engine, may_replace=False)
    check_trained(there, "name", engine, may_replace=True)
    with pytest.raises(BackfillError, match="there is no folder"):
        check_trained(tmp_path / "nowhere" / "x.pgsx", "name", engine, may_replace=False)
    with pytest.raises(SnapshotError, match="cannot be called 'slot-1'"):
        check_trained(tmp_path / "x.pgsx", "slot-1", engine, may_replace=False)
    with pytest.raises(SnapshotError, match="is no part of a model"):
        check_trained(tmp_path / "x.pgsx", "name", WithoutSnapshot(config()), may_replace=False)


def test_a_model_that_is_too_large_is_named_by_its_partition(tmp_path: Path) -> None:
    """And nothing is left behind."""
    small = SnapshotTaker(APPLICATION, Signer(KEY, accept_unsigned=False), 100)
    with pytest.raises(SnapshotError, match=r"partition 0 cannot be kept: it has \d+ bytes, SNAPSHOT_MAX"):
        write_trained(tmp_path / "x.pgsx", "name", [trained(150)], [0], small, NOW_MS)
    assert list(tmp_path.iterdir()) == []
