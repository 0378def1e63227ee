"""What is known of a snapshot ↔ bytes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.manifest import Manifest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**63 - 1)
MANIFESTS = st.builds(
    Manifest,
    application=TEXT,
    partition=COUNT,
    position=COUNT,
    generation=COUNT,
    snapshot=TEXT,
    created_ms=COUNT,
    chunks=COUNT,
    size_bytes=COUNT,
    sha256=TEXT,
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    figures=st.dictionaries(TEXT, st.floats(-1e18, 1e18) | st.integers(-(10**18), 10**18), max_size=3),
    signature=TEXT,
)
EXAMPLE = Manifest("app", 0, 7, 1, "ab", 5, 1, 3, "cd", {"river": "0.26.1"}, {"kappa": 0.5}, "ef")


def test_a_manifest_is_json() -> None:
    """Golden bytes: signatures are of these."""
    unsigned = (
        b'{"application":"app","chunks":1,"created_ms":5,"figures":{"kappa":0.5},"generation":1,"partition":0,'
        b'"position":7,"sha256":"cd","signature":"","size_bytes":3,"snapshot":"ab",'
        b'"version":1,"versions":{"river":"0.26.1"}}'
    )
    assert EXAMPLE.signed_bytes() == unsigned
    assert EXAMPLE.to_bytes() == unsigned.replace(b'"signature":""', b'"signature":"ef"')


@given(MANIFESTS)
def test_reading_undoes_writing(manifest: Manifest) -> None:
    restored = Manifest.from_bytes(manifest.to_bytes())
    assert restored == manifest
    assert restored.signed_bytes() == manifest.signed_bytes()


@given(MANIFESTS, MANIFESTS)
def test_what_is_signed_tells_manifests_apart(one: Manifest, other: Manifest) -> None:
    same = replace(one, signature="") == replace(other, signature="")
    assert (one.signed_bytes() == other.signed_bytes()) == same


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("application", None),
        ("partition", -1),
        ("position", 1.5),
        ("chunks", True),
        ("size_bytes", "3"),
        ("versions", {"river": 26}),
        ("figures", {"kappa": float("nan")}),
        ("signature", "\ud800"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: object) -> None:
    """Among them what could be read and then not be written again to check the signature."""
    data = json.dumps({"version": 1, **asdict(EXAMPLE), name: value}).encode()
    with pytest.raises(SnapshotError, match=f"manifest of a snapshot has the {name} "):
        Manifest.from_bytes(data)


def test_a_manifest_of_another_version_is_refused() -> None:
    data = EXAMPLE.to_bytes().replace(b'"version":1', b'"version":2')
    with pytest.raises(
        SnapshotError, match="manifest of a snapshot has version 2, this release reads version 1"
    ):
        Manifest.from_bytes(data)


@given(st.binary(max_size=100))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        Manifest.from_bytes(data)
