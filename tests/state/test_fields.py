"""Named fields ↔ bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.state.fields import (
    is_count,
    is_counted,
    is_figures,
    is_text,
    is_texts,
    read_fields,
    write_fields,
)

KINDS = {"offset": is_count, "host": is_text}


def test_fields_are_json_in_the_order_of_their_names() -> None:
    assert write_fields(1, {"offset": 7, "host": "wéb"}) == b'{"host":"w\\u00e9b","offset":7,"version":1}'


@given(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"])))
def test_reading_undoes_writing(offset: int, host: str) -> None:
    fields = {"offset": offset, "host": host}
    assert read_fields(write_fields(3, fields), "thing", 3, KINDS) == fields


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are no thing"),
        (b"\xff\xfe", "2 bytes are no thing"),
        (b"[]", "2 bytes are no thing"),
        (b"{}", "2 bytes are no thing"),
        (b"[" * 100_000, "100000 bytes are no thing"),
        (b'{"version":' + b"9" * 5000 + b"}", "bytes are no thing"),
        (b'{"version":2,"offset":1,"host":""}', "thing has version 2, this release reads version 1"),
        (b'{"version":1,"offset":1}', r"thing has the fields \['offset'\], expected \['host', 'offset'\]"),
        (b'{"version":1,"offset":1,"host":"","more":1}', "thing has the fields"),
        (b'{"version":1,"offset":-1,"host":""}', "thing has the offset -1, which cannot be"),
        (b'{"version":1,"offset":1.0,"host":""}', "thing has the offset 1.0, which cannot be"),
        (b'{"version":1,"offset":true,"host":""}', "thing has the offset True, which cannot be"),
        (b'{"version":1,"offset":Infinity,"host":""}', "thing has the offset inf, which cannot be"),
        (b'{"version":1,"offset":9223372036854775808,"host":""}', "which cannot be"),
        (b'{"version":1,"offset":1,"host":null}', "thing has the host None, which cannot be"),
        (b'{"version":1,"offset":1,"host":"\\ud800"}', "thing has the host .*, which cannot be"),
    ],
)
def test_anything_else_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        read_fields(data, "thing", 1, KINDS)


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_an_error(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        read_fields(data, "thing", 1, KINDS)


@pytest.mark.parametrize(
    ("is_kind", "good", "bad"),
    [
        (is_counted, [None, 0], [-1, "0", 0.0]),
        (is_texts, [{}, {"river": "0.26.1"}], [[], {"river": 1}, {"river": "\udfff"}, None]),
        (is_figures, [{}, {"f1": 0.5, "n": 3}], [{"f1": float("nan")}, {"f1": "1"}, {"f1": True}, []]),
        (is_figures, [{"f1": -0.5}], [{"f1": float("inf")}, {"n": 10**400}, {"f1": None}]),
    ],
)
def test_kinds_of_values(is_kind: Any, good: list[Any], bad: list[Any]) -> None:
    assert [is_kind(value) for value in good] == [True] * len(good)
    assert [is_kind(value) for value in bad] == [False] * len(bad)
