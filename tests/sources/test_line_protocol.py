"""Influx line protocol, whole; a bad line costs itself alone."""

from __future__ import annotations

import json
import math
import string
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pg_streaming_machine_learning.sources.line_protocol import (
    LONGEST_LINE_BYTES,
    BadLine,
    Line,
    Value,
    parse_lines,
)

SAMPLES = Path(__file__).parent / "samples"

Point = tuple[str, dict[str, str], dict[str, Value], int | None]


def test_a_line_has_a_measurement_tags_fields_and_a_timestamp() -> None:
    assert parsed(b"mem,host=web,dc=lab used=7i,share=0.5 1795223748000000000\n") == [
        Line(
            number=1,
            value=b"mem,host=web,dc=lab used=7i,share=0.5 1795223748000000000",
            measurement="mem",
            tags={"host": "web", "dc": "lab"},
            fields={"used": 7, "share": 0.5},
            timestamp=1_795_223_748_000_000_000,
        )
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"m a=1", ("m", {}, {"a": 1.0}, None), id="neither tags nor timestamp"),
        pytest.param(b"m a=1 -17", ("m", {}, {"a": 1.0}, -17), id="before the epoch"),
        pytest.param(b"m a=1 0", ("m", {}, {"a": 1.0}, 0), id="at the epoch"),
        pytest.param(b"m a=1 ", ("m", {}, {"a": 1.0}, None), id="a space at the end"),
        pytest.param(b" \tm  a=1   5  ", ("m", {}, {"a": 1.0}, 5), id="more spaces than need be"),
        pytest.param(b"a=b c=1", ("a=b", {}, {"c": 1.0}, None), id="an equals sign in the measurement"),
        pytest.param("é,ü=ö ä=1".encode(), ("é", {"ü": "ö"}, {"ä": 1.0}, None), id="beyond ASCII"),
        pytest.param(b'm",t="v" a"=1', ('m"', {"t": '"v"'}, {'a"': 1.0}, None), id="quotes in names"),
        pytest.param(b"m,t=\x00 a=1", ("m", {"t": "\x00"}, {"a": 1.0}, None), id="a zero byte"),
    ],
)
def test_parts_may_be_missing_or_unusual(line: bytes, expected: Point) -> None:
    assert points(line) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (rb"a\,b\ c,d\,e\=f\ g=h\,i\=j\ k l\,m\=n\ o=1", ("a,b c", {"d,e=f g": "h,i=j k"}, {"l,m=n o": 1.0})),
        (rb"a\=b c=1", (r"a\=b", {}, {"c": 1.0})),
        (rb"m,t=a\b c=1", ("m", {"t": r"a\b"}, {"c": 1.0})),
        (rb"m,t=a\\b c=1", ("m", {"t": r"a\\b"}, {"c": 1.0})),
        (rb"m,t=C:\dir\new,u=v c=1", ("m", {"t": r"C:\dir\new", "u": "v"}, {"c": 1.0})),
        # The backslash is one of the value, the one behind it escapes the space.
        (rb"m,t=a\\ b c=1", ("m", {"t": r"a\ b"}, {"c": 1.0})),
        (rb"m,t=a\\\,b c=1", ("m", {"t": r"a\\,b"}, {"c": 1.0})),
        (rb"m\ a=1 b=2", ("m a=1", {}, {"b": 2.0})),
        (b"m,t=\\n a\\t=1", ("m", {"t": r"\n"}, {r"a\t": 1.0})),
    ],
)
def test_a_backslash_escapes_what_would_end_the_name_and_is_else_itself(
    line: bytes, expected: tuple[str, dict[str, str], dict[str, Value]]
) -> None:
    assert [point[:3] for point in points(line)] == [expected]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b'""', ""),
        (b'"a b,c=d"', "a b,c=d"),
        (b'"line\nline"', "line\nline"),
        (b'"line\r\nline"', "line\r\nline"),
        (rb'"say \"so\""', 'say "so"'),
        (rb'"a\\b"', r"a\b"),
        (rb'"a\b"', r"a\b"),
        (rb'"a\\"', "a\\"),
        (rb'"a\\\""', 'a\\"'),
        (b'"# no comment"', "# no comment"),
        ('"é"'.encode(), "é"),
    ],
)
def test_strings_hold_anything(written: bytes, value: str) -> None:
    line = b"m a=" + written + b",b=1i 5"

    assert points(line + b"\nn c=1\n") == [
        ("m", {}, {"a": value, "b": 1}, 5),
        ("n", {}, {"c": 1.0}, None),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b"1", 1.0),
        (b"-1", -1.0),
        (b"+1", 1.0),
        (b"1.", 1.0),
        (b".5", 0.5),
        (b"-0.5", -0.5),
        (b"1.5e5", 150_000.0),
        (b"1E+5", 100_000.0),
        (b"-1.5E-3", -0.0015),
        (b"1e400", math.inf),
        (b"-Inf", -math.inf),
        (b"007", 7.0),
        (b"0i", 0),
        (b"-1i", -1),
        (b"9223372036854775807i", 2**63 - 1),
        (b"-9223372036854775808i", -(2**63)),
        (b"0u", 0),
        (b"18446744073709551615u", 2**64 - 1),
        *((word, True) for word in (b"t", b"T", b"true", b"True", b"TRUE")),
        *((word, False) for word in (b"f", b"F", b"false", b"False", b"FALSE")),
    ],
)
@pytest.mark.parametrize("tag", [b"", rb",t=a\ b"], ids=["split", "scanned"])
def test_every_type_of_value_is_read(tag: bytes, written: bytes, value: Value) -> None:
    (line,) = parsed(b"m" + tag + b" a=" + written)

    assert isinstance(line, Line)
    assert (line.fields["a"], type(line.fields["a"])) == (value, type(value))


@pytest.mark.parametrize("written", [b"NaN", b"nan", b"-NAN"])
def test_a_missing_number_is_read(written: bytes) -> None:
    (line,) = parsed(b"m a=" + written)

    assert isinstance(line, Line)
    assert isinstance(line.fields["a"], float)
    assert math.isnan(line.fields["a"])


EXPECTED_VALUE = "expected a number, an integer ending in i or u, a boolean, or a string in quotes"
EXPECTED_STAMP = "expected an integer of 64 bits behind a space"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b",t=1 a=1", "measurement is empty"),
        (b"m,=1 a=1", "name of a tag is empty"),
        (b"m, a=1", "name of a tag is empty"),
        (b"m,t=1, a=1", "name of a tag is empty"),
        (b"m,t a=1", "tag 't' has no value"),
        (b"m,t= a=1", "tag 't' has no value"),
        (b"m,t=1,t=2 a=1", "tag 't' comes twice"),
        (b"m,t=1,u=2,t=1 a=1", "tag 't' comes twice"),
        (b"m,t=1=2 a=1", "tag 't' has an equals sign without a backslash in its value"),
        # The last backslash of a tag's value would escape the space: Telegraf leaves it out.
        (b"m,t=a\\ b=1", "tag 't' has an equals sign without a backslash in its value"),
        (b"m", "fields are missing"),
        (b"m ", "fields are missing"),
        (b"m,t=1 \r", "fields are missing"),
        (b"m\ta=1", "fields are missing"),
        (b"m =1", "name of a field is empty"),
        (b"m a=1,", "name of a field is empty"),
        (b"m a=1,,b=1", "name of a field is empty"),
        (b"m a", "field 'a' has no value"),
        (b"m a 5", "field 'a' has no value"),
        (b"m a\\=1 5", "field 'a=1' has no value"),
        (b"m a=1,a=2", "field 'a' comes twice"),
        (b"m a=", f"field 'a' is '', {EXPECTED_VALUE}"),
        *(
            (b"m a=" + word, f"field 'a' is {word.decode()!r}, {EXPECTED_VALUE}")
            for word in (
                *(b"x", b"tRUE", b"1.5i", b"1e5i", b"i", b"-", b".", b"1e", b"1_0", b"1_0i", b"0x10"),
                *(b"-1u", b"18446744073709551616u", b"9223372036854775808i", b"-9223372036854775809i"),
                *(b"infinit", b"--1", b"1\t", b"1=2", b"'x'", "١".encode()),
            )
        ),
        (b'm a="x', "field 'a' has no closing quote"),
        (b'm a="x\\"', "field 'a' has no closing quote"),
        (b'm a="x"y', f"timestamp is 'y', {EXPECTED_STAMP}"),
        (b'm a="x" y', f"timestamp is 'y', {EXPECTED_STAMP}"),
        (b"m a=1 5x", f"timestamp is '5x', {EXPECTED_STAMP}"),
        (b"m a=1 1.5", f"timestamp is '1.5', {EXPECTED_STAMP}"),
        (b"m a=1 1_0", f"timestamp is '1_0', {EXPECTED_STAMP}"),
        (b"m a=1 +5", f"timestamp is '+5', {EXPECTED_STAMP}"),
        (b"m a=1 9223372036854775808", f"timestamp is '9223372036854775808', {EXPECTED_STAMP}"),
        (b"m a=1 ,b=2", f"timestamp is '', {EXPECTED_STAMP}"),
        (b"m a=1 5 6", "'6' follows the timestamp"),
        (b"m a=1 5,6", "',6' follows the timestamp"),
        (b"\xff a=1", "it is not UTF-8"),
        (b"m,t=\xff a=1", "it is not UTF-8"),
        (b'm a="\xff"', "it is not UTF-8"),
        (b"m a=" + b"x" * 50, f"field 'a' is '{'x' * 40}…', {EXPECTED_VALUE}"),
    ],
)
def test_a_bad_line_says_why_and_costs_itself_alone(line: bytes, why: str) -> None:
    assert parsed(b"# first\nm a=1\n" + line + b"\nm a=2\n")[1:] == [
        BadLine(3, line, why),
        Line(4, b"m a=2", "m", {}, {"a": 2.0}, None),
    ]


def test_lines_end_as_on_any_system() -> None:
    assert points(b"m a=1\r\nm a=2 5\r\n\r\nm a=t\n\nm a=4i") == [
        ("m", {}, {"a": 1.0}, None),
        ("m", {}, {"a": 2.0}, 5),
        ("m", {}, {"a": True}, None),
        ("m", {}, {"a": 4}, None),
    ]


def test_comments_and_blank_lines_are_skipped_and_counted() -> None:
    """The number is that of the physical line, within strings too."""
    data = b'# a=1\n\n  # b\n \t\r\nm a=1\nm a="x\ny\nz"\n#\nbad\nm a=2\n#'

    assert [line and (type(line), line.number) for line in parse_lines(data)] == [
        (Line, 5),
        (Line, 6),
        (BadLine, 10),
        (Line, 11),
    ]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b" ", b"#", b"\n\n# x"])
def test_a_message_may_say_nothing(data: bytes) -> None:
    assert parsed(data) == []


def test_many_lines_that_say_nothing_let_others_run() -> None:
    assert list(parse_lines(b"\n" * 5_000)) == [None] * 10


def test_lines_are_parsed_when_they_are_asked_for() -> None:
    """The rest of the message is not looked at."""
    assert next(parse_lines(b"m a=1\n" + b'm a="' * 1_000_000)) == Line(
        1, b"m a=1", "m", {}, {"a": 1.0}, None
    )


@pytest.mark.parametrize(
    "bad", [b'm a="x', b'm a="x,b=', b'm a=x"', b'm,t="', b'"', b'm a="x\\', b'm a="x"y"', b'm a="",b="']
)
def test_a_stray_quote_costs_its_own_line_alone(bad: bytes) -> None:
    good = b'n,t=1 b="x y",c=1 5'
    lines = parsed(bad + b"\n" + good + b"\n" + good)

    assert [(line.number, line.value) for line in lines] == [(1, bad), (2, good), (3, good)]
    assert [type(line) for line in lines] == [BadLine, Line, Line]


def test_a_line_may_have_64_kib() -> None:
    end = b'" 5'
    longest = b'm a="' + b"x\n" * ((LONGEST_LINE_BYTES - 8) // 2) + end

    (line,) = parsed(longest + b"\n")
    assert len(longest) == LONGEST_LINE_BYTES
    assert isinstance(line, Line)
    assert line.value == longest
    assert parsed(longest) == [line]


def test_a_longer_line_is_bad() -> None:
    longer = b"m a=1" + b" " * LONGEST_LINE_BYTES

    assert parsed(longer + b"\nm a=1") == [
        BadLine(1, longer, "it has 65541 bytes, expected at most 65536"),
        Line(2, b"m a=1", "m", {}, {"a": 1.0}, None),
    ]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (b'xxxx"', "field 'a' has no closing quote"),
        (b'xxx"', "it has more than 65536 bytes"),
        (b'" 50', "it has more than 65536 bytes"),
        (b'"  5\r', "it has more than 65536 bytes"),
    ],
)
def test_a_string_of_many_lines_is_not_looked_for_without_end(end: bytes, why: str) -> None:
    line = b'm a="' + b"#\n" * ((LONGEST_LINE_BYTES - 8) // 2) + end

    bad = parsed(line + b"\n")[0]

    assert bad == BadLine(1, b'm a="#', why)


@pytest.mark.parametrize("name", ["telegraf.jsonl", "telegraf-multiline.jsonl"])
def test_what_telegraf_wrote_is_read(name: str) -> None:
    for text in (SAMPLES / name).read_text(encoding="utf-8").splitlines():
        message = json.loads(text)
        lines = parsed(message["value"].encode())
        assert [type(line) for line in lines] == [Line] * message["value"].count("\n")


def test_what_telegraf_escaped_is_as_it_was_configured() -> None:
    message = json.loads((SAMPLES / "telegraf-multiline.jsonl").read_text(encoding="utf-8"))
    tags = {"dc": "lab, rack=7", "host": "probe-01", "note": "café \\ x"}

    assert points(message["value"].encode()) == [
        ("mem", tags, {"free": 14815617024, "total": 25276514304}, 1795225284000000000),
        ("mem", tags, {"used": 4664856576}, 1795225284000000000),
        ("mem", tags, {"used_percent": 18.455300125230433}, 1795225284000000000),
    ]


# An encoder of all that line protocol can say: no newline in a name, no backslash at the end of one.
usual = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=8)
names = usual | (
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=8)
    | st.text('\\,= "#a', min_size=1, max_size=8)
).filter(lambda name: not name.endswith("\\"))
measurements = names.filter(lambda name: name[0] not in "#\t\r")
texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.text('\\",= \na', max_size=8)
values = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
timestamps = st.none() | st.integers(-(2**63), 2**63 - 1)
some_points: st.SearchStrategy[Point] = st.tuples(
    measurements,
    st.dictionaries(names, names, max_size=3),
    st.dictionaries(names, values, min_size=1, max_size=4),
    timestamps,
)


def escaped(text: str, characters: str) -> str:
    return "".join("\\" + character if character in characters else character for character in text)


def encoded_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value}i" if value < 2**63 else f"{value}u"
    if isinstance(value, float):
        return repr(value)
    return '"' + escaped(value, '"\\') + '"'


def encoded(point: Point) -> bytes:
    measurement, tags, fields, timestamp = point
    head = "".join(f",{escaped(tag, ',= ')}={escaped(value, ',= ')}" for tag, value in tags.items())
    body = ",".join(f"{escaped(name, ',= ')}={encoded_value(value)}" for name, value in fields.items())
    end = "" if timestamp is None else f" {timestamp}"
    return f"{escaped(measurement, ', ')}{head} {body}{end}".encode()


@given(st.lists(some_points, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n# x\n"]))
@example([("m", {}, {"a": "\\"}, None)], b"\n")
def test_parsing_undoes_encoding(sent: list[Point], newline: bytes) -> None:
    assert points(newline.join(encoded(point) for point in sent)) == sent


@given(st.binary() | st.text('m,= "\\\n\r#1iutf5.e-_é').map(str.encode))
def test_any_bytes_are_lines_or_bad_lines_and_none_is_lost(data: bytes) -> None:
    """What lies between them are comments and blank lines."""
    physical = data.split(b"\n")
    place = 0
    for line in parsed(data):
        for skipped in physical[place : line.number - 1]:
            assert skipped.strip(b" \t\r")[:1] in (b"", b"#")
        place = line.number - 1
        taken = line.value.count(b"\n") + 1
        assert b"\n".join(physical[place : place + taken]) == line.value
        assert taken == 1 or isinstance(line, Line)
        place += taken
    for skipped in physical[place:]:
        assert skipped.strip(b" \t\r")[:1] in (b"", b"#")


plain_texts = st.text(string.ascii_letters + " \n", max_size=8)
plain_values = st.integers(-9, 9) | st.booleans() | plain_texts
good = st.builds(
    lambda measurement, tags, fields, timestamp: encoded((measurement, tags, fields, timestamp)),
    usual,
    st.dictionaries(usual, usual, max_size=2),
    st.dictionaries(usual, plain_values, min_size=1, max_size=3),
    st.none() | st.integers(0, 9),
)
broken = st.sampled_from([b"m", b"m a", b"m a=x", b"m,t= a=1", b"m,t=1,t=2 a=1", b"m \xff=1"])
stray = st.sampled_from([b"", b'm a="x', b'm a="', b'm a="x\\', b'm,t=1 a=1,b="x,y='])


@given(
    st.lists(st.booleans().flatmap(lambda is_good: st.tuples(st.just(is_good), good if is_good else broken))),
    stray,
)
def test_every_good_line_of_a_mixed_message_is_kept(lines: list[tuple[bool, bytes]], first: bytes) -> None:
    """One quote too many before them; two would make a string, which may hold any lines."""
    assume(not (b'"' in first and any(b'"' in line for _, line in lines)))
    lines = [(False, first), *lines] if first else lines

    found = parsed(b"\n".join(line for _, line in lines))

    assert [(isinstance(line, Line), line.value) for line in found] == lines


@given(st.text('m,= 1iutf5.e-+_NaInft\r"', max_size=12))
def test_a_line_says_the_same_whether_it_is_split_or_scanned(tail: str) -> None:
    """A tag with a backslash before it is what makes it be scanned."""
    (split,) = parsed(b"m,t=1 a=" + tail.encode())
    (scanned,) = parsed(b"m,t=1\\1 a=" + tail.encode())

    assert isinstance(split, Line) == isinstance(scanned, Line)
    if isinstance(split, Line):
        assert repr((split.fields, split.timestamp)) == repr((scanned.fields, scanned.timestamp))  # type: ignore[union-attr]
    else:
        assert split.why == scanned.why  # type: ignore[union-attr]


def parsed(data: bytes) -> list[Line | BadLine]:
    return [line for line in parse_lines(data) if line is not None]


def points(data: bytes) -> list[Point]:
    lines = parsed(data)
    assert [line for line in lines if isinstance(line, BadLine)] == []
    return [line[2:] for line in lines if isinstance(line, Line)]
