"""The signature of snapshots: nobody without the key can have a worker load what they made."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["Signer", "key_file", "load_key"]

logger = logging.getLogger(__name__)


class Signer:
    """Signs bytes and checks signatures, HMAC with SHA-256.

    Parameters
    ----------
    key : bytes or None
        The key; without one nothing is signed, and nothing signed is accepted.
    accept_unsigned : bool
        Whether bytes without signature pass.

    Examples
    --------
    >>> signer = Signer(b"0123456789abcdef", accept_unsigned=False)
    >>> signer.check(b"manifest", signer.sign(b"manifest"))
    """

    def __init__(self, key: bytes | None, accept_unsigned: bool) -> None:
        self._key = key
        self._accept_unsigned = accept_unsigned

    def sign(self, data: bytes) -> str:
        """Return the signature, hexadecimal digits; nothing without a key."""
        return "" if self._key is None else hmac.new(self._key, data, hashlib.sha256).hexdigest()

    def check(self, data: bytes, signature: str) -> None:
        """Accept bytes by their signature.

        Raises
        ------
        SnapshotError
            If it is missing, or of another key.
        """
        if not signature:
            if not self._accept_unsigned:
                raise SnapshotError(
                    "it is not signed; set SNAPSHOT_UNSIGNED to true to use it in spite of that"
                )
            return
        if self._key is None:
            raise SnapshotError("it is signed and there is no key to check it; set SNAPSHOT_KEY")
        if not hmac.compare_digest(self.sign(data).encode(), signature.encode(errors="replace")):
            raise SnapshotError(
                "it is signed with another key; give all workers the same SNAPSHOT_KEY, the one it was made "
                "with"
            )


def key_file() -> Path:
    """Return where the workers of this machine keep the key they made themselves."""
    state = os.environ.get("XDG_STATE_HOME")
    folder = Path(state) if state else Path("~/.local/state").expanduser()
    return folder / "pg-streaming-machine-learning" / "snapshot-key"


def load_key(setting: str, file: Path) -> bytes | None:
    """Return the key to sign with.

    Parameters
    ----------
    setting : str
        The setting `SNAPSHOT_KEY`; if there is one, it is the key.
    file : Path
        Otherwise the key is kept here; it is made on first use, for its owner's eyes only.

    Returns
    -------
    bytes or None
        None, and a line in the log, if there is no setting and the file cannot be used.
    """
    if setting:
        return setting.encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            _make(file)
        key = file.read_bytes().strip()
    except OSError as error:
        logger.warning("no key for snapshots (%s): set SNAPSHOT_KEY", error)
        return None
    if not key:
        logger.warning("no key for snapshots (%s is empty): remove it, or set SNAPSHOT_KEY", file)
        return None
    return key


def _make(file: Path) -> None:
    """Make a key; of several processes at once one succeeds, and no other sees half of it."""
    if file.exists():
        return
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_hex(32).encode())
    finally:
        os.close(handle)
    try:
        os.link(draft, file)
    finally:
        draft.unlink()
