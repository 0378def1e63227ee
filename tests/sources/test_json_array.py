"""Large JSON arrays are read piece by piece, and equal what `json` reads at once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.sources.json_array import PIECE_BYTES, json_elements, shown


def values(data: bytes, piece_bytes: int = PIECE_BYTES) -> list[Any]:
    return [element.value for element in json_elements(data, piece_bytes) if element is not None]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
_PIECES = st.integers(1, 20) | st.just(PIECE_BYTES)
_BLANK = st.text(" \t\r\n", max_size=3)


def written(value: Any, *, ascii_only: bool) -> str:
    """Return JSON text; surrogates that stand alone have no form in UTF-8 and are always escaped."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


@given(st.lists(_JSON, max_size=5), st.booleans(), _BLANK, _PIECES)
def test_elements_are_those_of_the_parser(
    elements: list[Any], ascii_only: bool, blank: str, piece_bytes: int
) -> None:
    """Wherever the pieces end in which the text is decoded."""
    texts = [written(each, ascii_only=ascii_only) for each in elements]
    data = (blank + "[" + (blank + "," + blank).join(texts) + blank + "]" + blank).encode()

    found = [element for element in json_elements(data, piece_bytes) if element is not None]

    expected = json.loads(data, parse_int=lambda digits: float(digits) if len(digits) > 20 else int(digits))
    assert [element.value for element in found] == expected
    assert [element.text for element in found] == texts


_TOKENS = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"a"',
    "1",
    "-",
    ".5",
    "e3",
    "true",
    "NaN",
    " ",
    '"',
    "\\",
    "é",
    "\x00",
]


@given(st.one_of(st.binary(), st.lists(st.sampled_from(_TOKENS)).map("".join).map(str.encode)), _PIECES)
def test_any_bytes_are_what_the_parser_reads_or_refused(data: bytes, piece_bytes: int) -> None:
    def no_constant(name: str) -> None:
        raise ValueError(name)

    try:
        text = data.decode().removeprefix("\ufeff")
        expected = json.loads(text, parse_constant=no_constant)
        expected = [expected] if isinstance(expected, dict) else expected
    except ValueError:
        expected = None
    try:
        found: Any = values(data, piece_bytes)
    except RefusedRecord as refused:
        found = refused.reason
    assert found == (expected if isinstance(expected, list) else Reason.BAD_JSON)


@pytest.mark.parametrize("offset", range(-40, 3))
@pytest.mark.parametrize(
    "element",
    ['{"a": [1.5e+3, -0.25, "x\\u00e9\\ud83d\\ude00é😀", true, null]}', "12.5e+30", '"\\\\"', "null"],
)
def test_elements_may_lie_across_the_pieces(offset: int, element: str) -> None:
    """Whatever character the first piece ends with."""
    blanks = b" " * (PIECE_BYTES - 1 + offset)
    assert values(b"[" + blanks + element.encode() + b",5]") == [json.loads(element), 5]


def test_long_elements_are_tried_again_with_more_of_the_text() -> None:
    long = [{"text": "é" * 150_000, "list": list(range(20_000))}, "y" * 524_286]
    assert values(json.dumps(long, ensure_ascii=False).encode()) == long


@pytest.mark.parametrize(
    "inner", ['"' + "x" * 524_287 + '"', '"' + "x" * 2_000_000, "[" + "[]," * 300_000 + "[]]"]
)
def test_an_element_that_is_too_long_is_refused(inner: str) -> None:
    with pytest.raises(RefusedRecord, match="byte 1: an element is longer than 524288 characters") as refused:
        values(b"[" + inner.encode() + b"]")
    assert refused.value.reason is Reason.TOO_LARGE


def test_an_element_with_damage_in_its_beginning_is_damaged_however_long_it_is() -> None:
    with pytest.raises(RefusedRecord, match=r"byte [78]: expecting ',' delimiter") as refused:
        values(b'[{"a":1 "b":"' + b"x" * 2_000_000)
    assert refused.value.reason is Reason.BAD_JSON


def test_reading_pauses_at_each_piece() -> None:
    data = b"[" + b" " * 10 * PIECE_BYTES + b"]"
    assert list(json_elements(data)) == [None] * 11


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: expected an array or an object"),
        (b"  5", "byte 2: expected an array or an object"),
        (b"nonsense", "byte 0: expected an array or an object"),
        (b"[", "byte 1: expecting value"),
        (b"[1", "byte 2: expected a comma or the end of the array"),
        (b"[1,]", "byte 3: expecting value"),
        (b"[1 2]", "byte 3: expected a comma or the end of the array"),
        (b"[1] x", "byte 4: expected nothing more"),
        (b"{} {}", "byte 3: expected nothing more"),
        (b'["\xc3\xa9", x]', "byte 7: expecting value"),
        (b'[{"a": tru}]', "byte 7: expecting value"),
        (b'["abc', "byte 1: unterminated string starting at"),
        (b"[1, NaN]", "byte 4: in the element from here NaN is no JSON"),
        (b'[{"a": -Infinity}]', "byte 1: in the element from here -Infinity is no JSON"),
        (b"[1, \xff]", "byte 4: no UTF-8, invalid start byte"),
        (b'["\xc3', "byte 2: no UTF-8, unexpected end of data"),
        (b"[" * 100_000, "byte 1: nested too deeply"),
        (b'{"a":' * 100_000, "byte 0: nested too deeply"),
    ],
)
def test_damage_is_refused_with_its_position(data: bytes, message: str) -> None:
    with pytest.raises(RefusedRecord, match=re.escape(message)) as refused:
        values(data)
    assert refused.value.reason is Reason.BAD_JSON


@pytest.mark.parametrize("piece", range(4))
def test_positions_are_counted_in_bytes_across_pieces(piece: int) -> None:
    elements = b'"\xc3\xa9\xf0\x9f\x98\x80",' * (piece * PIECE_BYTES // 9)
    with pytest.raises(RefusedRecord, match=f"byte {1 + len(elements)}: expecting value"):
        values(b"[" + elements + b"oops]")
    with pytest.raises(RefusedRecord, match=f"byte {2 + len(elements)}: no UTF-8, invalid continuation byte"):
        values(b"[" + elements + b'"\xc3x"]')


def test_a_single_object_is_an_array_of_one() -> None:
    assert values(b' {"a": 1}\n') == [{"a": 1}]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert values(b"\xef\xbb\xbf[1]") == [1]


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert values(b'{"a": 1, "a": 2}') == [{"a": 2}]


def test_endless_integers_are_read_as_floats() -> None:
    assert values(b"[12345678901234567890, 123456789012345678901]") == [
        12345678901234567890,
        1.2345678901234568e20,
    ]
    assert values(b"[" + b"9" * 100_000 + b"]") == [float("inf")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "'a'"),
        ({}, "an object"),
        ([], "an array"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (7, "7"),
    ],
)
def test_values_are_shown_in_the_words_of_json(value: object, expected: str) -> None:
    assert shown(value) == expected
