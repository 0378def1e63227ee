"""Performance data of Nagios plug-ins."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.trace import TraceUnit
from pg_streaming_machine_learning.sources.performance_data import (
    PerformanceValue,
    factor_to,
    parse_performance_data,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n", []),
        ("'percent'=28.10%;;;", [PerformanceValue("percent", 28.1, "%")]),
        ("a=1", [PerformanceValue("a", 1.0, "")]),
        ("/=2643MB;5948;5958;0;5968", [PerformanceValue("/", 2643.0, "MB", "5948", "5958", 0.0, 5968.0)]),
        ("load1=-.5;~:5;@10:20;;", [PerformanceValue("load1", -0.5, "", "~:5", "@10:20")]),
        ("'5 min'=1%;80;90;0;100", [PerformanceValue("5 min", 1.0, "%", "80", "90", 0.0, 100.0)]),
        ("'5 o''clock = late'=3c", [PerformanceValue("5 o'clock = late", 3.0, "c")]),
        ("''=1", [PerformanceValue("", 1.0, "")]),
        ("a=U b=U;1;2", [PerformanceValue("a", None, ""), PerformanceValue("b", None, "", "1", "2")]),
        ("t=12.5e-1s n=+3 m=7.", [*map(PerformanceValue, ["t", "n", "m"], [1.25, 3.0, 7.0], ["s", "", ""])]),
        ("a=1;;;;;;9\nb=2m3/h", [PerformanceValue("a", 1.0, ""), PerformanceValue("b", 2.0, "m3/h")]),
        ("a=1,5%", [PerformanceValue("a", 1.0, ",5%")]),  # no unit of ours: refused where it is wanted
        ("a=1;2;3;low;high", [PerformanceValue("a", 1.0, "", "2", "3")]),
    ],
)  # fmt: skip
def test_values_are_read(text: str, expected: list[PerformanceValue]) -> None:
    assert parse_performance_data(text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a", 0),
        ("a=", 0),
        ("=1", 0),
        ("a=x", 0),
        ("a=-", 0),
        ("a=1 b", 4),
        ("a=1 b = 2", 4),
        ("a b=1", 0),
        ("'a=1", 0),
        ("'a'b=1", 0),
        ("a'b=1", 0),
        ("a=nan", 0),
        ("a=٣", 0),
    ],
)
def test_what_does_not_follow_the_grammar_is_refused_with_its_place(text: str, place: int) -> None:
    message = (
        f"performance data at character {place} is {text[place:]!r}, expected 'label'=value[UOM];warn;crit"
    )
    with pytest.raises(RefusedRecord, match=re.escape(message)) as refused:
        parse_performance_data(text)
    assert refused.value.reason is Reason.BAD_VALUE


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(RefusedRecord, match="performance data 'a' is 1e999, too great for a number"):
        parse_performance_data("a=1e999")


def test_too_much_is_refused() -> None:
    assert len(parse_performance_data("a=1 " * 2_048)) == 2_048
    with pytest.raises(RefusedRecord, match="performance data has 8196 characters, expected at most 8192"):
        parse_performance_data("a=1 " * 2_049)


@pytest.mark.parametrize(
    "text",
    ["'" * 8_192, "'" * 8_191, "1" * 8_192, "a=" + "1" * 8_000 + "é!;", "a=1" + ";" * 8_000 + " ="],
)
def test_long_text_takes_no_longer_than_its_length(text: str) -> None:
    """Nothing is tried in more ways than one."""
    with pytest.raises(RefusedRecord):
        parse_performance_data(text + "=" if text[-1] == "1" else text)


_LABELS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_VALUES = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.tuples(_LABELS, _VALUES, st.sampled_from(["", "%", "s", "ms", "KiB", "Mb/s", "c"])), max_size=5
    )
)
def test_reading_undoes_writing(values: list[tuple[str, float | None, str]]) -> None:
    written = [
        f"'{label.replace(chr(39), chr(39) * 2)}'={'U' if value is None else repr(value)}{unit};;;"
        for label, value, unit in values
    ]
    assert parse_performance_data(" ".join(written)) == [PerformanceValue(*each) for each in values]


@given(st.one_of(st.text(), st.text("ab'=1.5%;:@~U- ")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values = parse_performance_data(text)
    except RefusedRecord as refused:
        assert refused.reason is Reason.BAD_VALUE  # noqa: PT017
    else:
        assert all(value.value is None or abs(value.value) < float("inf") for value in values)


@pytest.mark.parametrize(
    ("unit", "written", "factor"),
    [
        ("PERCENT", "%", 1.0),
        ("PERCENT", "", 1.0),
        ("PERCENT", "c", None),
        ("PERCENT", "s", None),
        ("MILLISECONDS", "s", 1000.0),
        ("MILLISECONDS", "ms", 1.0),
        ("MILLISECONDS", "us", 1e-3),
        ("MILLISECONDS", "µs", 1e-3),
        ("MILLISECONDS", "ns", 1e-6),
        ("SECONDS", "ms", 1e-3),
        ("BYTES", "B", 1.0),
        ("BYTES", "KB", 1e3),
        ("BYTES", "kB", 1e3),
        ("BYTES", "KiB", 1024.0),
        ("BYTES", "MiB", 1024.0**2),
        ("BYTES", "GB", 1e9),
        ("BYTES", "TiB", 1024.0**4),
        ("BYTES", "PB", 1e15),
        ("BYTES", "iB", None),
        ("BYTES", "B/s", None),
        ("BYTES", "XB", None),
        ("KILOBYTES", "MB", 1000.0),
        ("MEGABYTES", "GiB", 1024.0**3 / 1e6),
        ("BYTES_PER_SECOND", "Mb/s", 125_000.0),
        ("BYTES_PER_SECOND", "MB/s", 1e6),
        ("BYTES_PER_SECOND", "kbps", 125.0),
        ("KILOBYTES_PER_SECOND", "MiB/s", 1024.0**2 / 1e3),
        ("MEGABYTES_PER_SECOND", "B", None),
        ("COUNT", "", 1.0),
        ("COUNT", "B", None),
        ("UNKNOWN", "C", 1.0),
    ],
)  # fmt: skip
def test_units_become_ours(unit: str, written: str, factor: float | None) -> None:
    assert TraceUnit(unit)
    assert factor_to(unit, written) == (factor if factor is None else pytest.approx(factor))
