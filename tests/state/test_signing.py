"""Signatures, and the key of a machine."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.signing import Signer, key_file, load_key

KEY = b"a key"


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(min_size=1))
def test_a_signature_is_of_these_bytes_with_this_key(data: bytes, other: bytes, key: bytes) -> None:
    signer = Signer(key, accept_unsigned=False)
    signer.check(data, signer.sign(data))
    if other != data:
        with pytest.raises(SnapshotError, match="it is signed with another key"):
            signer.check(other, signer.sign(data))


def test_it_is_hmac_with_sha_256() -> None:
    """RFC 4231, test case 2."""
    assert Signer(b"Jefe", accept_unsigned=False).sign(b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_what_another_key_signed_is_refused_and_the_remedy_is_said() -> None:
    signature = Signer(b"other", accept_unsigned=False).sign(b"data")
    for accept_unsigned in (False, True):
        with pytest.raises(
            SnapshotError, match="signed with another key; give all workers the same SNAPSHOT_KEY"
        ):
            Signer(KEY, accept_unsigned).check(b"data", signature)


@pytest.mark.parametrize("signature", ["0" * 64, "é", "\ud800", "0"])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(SnapshotError, match="signed with another key"):
        Signer(KEY, accept_unsigned=False).check(b"data", signature)


def test_unsigned_bytes_pass_only_where_a_setting_says_so() -> None:
    Signer(KEY, accept_unsigned=True).check(b"data", "")
    with pytest.raises(SnapshotError, match="it is not signed; set SNAPSHOT_UNSIGNED to true"):
        Signer(KEY, accept_unsigned=False).check(b"data", "")


def test_without_a_key_nothing_is_signed_and_nothing_signed_is_accepted() -> None:
    signer = Signer(None, accept_unsigned=True)
    assert signer.sign(b"data") == ""
    with pytest.raises(SnapshotError, match="there is no key to check it; set SNAPSHOT_KEY"):
        signer.check(b"data", "00")


def test_the_setting_is_the_key_and_touches_no_file(tmp_path: Path) -> None:
    assert load_key("secret", tmp_path / "state" / "key") == b"secret"
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_a_machine_is_made_once_and_is_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "state" / "key"
    made = load_key("", file)
    assert made is not None
    assert len(made) == 64
    assert load_key("", file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert list(file.parent.iterdir()) == [file]


def test_workers_that_race_for_it_have_the_same_key(tmp_path: Path) -> None:
    """Threads stand for processes: they meet in the file system only."""
    start = threading.Barrier(16)

    def load(_: int) -> bytes | None:
        start.wait()
        return load_key("", tmp_path / "key")

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(load, range(16)))
    assert len(keys) == 1
    assert None not in keys
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_key_that_cannot_be_kept_is_none_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with caplog.at_level(logging.WARNING):
        assert load_key("", tmp_path / "file" / "key") is None
        assert load_key("", tmp_path / "file") is None
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "no key for snapshots"
    ] * 2
    assert "set SNAPSHOT_KEY" in caplog.text


def test_the_key_is_where_state_of_a_user_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the XDG Base Directory Specification."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert key_file() == tmp_path / "pg-streaming-machine-learning" / "snapshot-key"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_file() == tmp_path / ".local/state/pg-streaming-machine-learning/snapshot-key"
