"""The file of objectives: what it may say, and how a mistake in it is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.labels.objective_file import read_objectives
from pg_streaming_machine_learning.labels.objectives import Objectives, SpanObjective

FILE = """\
[default]
slower_than = "800ms"
rule = "p99"
least = 50
errors_are_slow = true

[[objective]]
host = "web-*"
service = "checkout"
slower_than = "1.2s"
errors_are_slow = false

[[objective]]
service = "search"
rule = "any"
"""


def test_a_whole_file() -> None:
    """What an objective leaves out is as in `[default]`."""
    assert (
        read_objectives(FILE, "f").describe()
        == Objectives(
            [
                SpanObjective("web-*", "checkout", 1_200_000.0, "p99", 50, False),
                SpanObjective("*", "search", 800_000.0, "any", 50, True),
            ],
            SpanObjective("*", "*", 800_000.0, "p99", 50, True),
        ).describe()
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[default]\n"])
def test_an_empty_file_means_the_default(text: str) -> None:
    assert read_objectives(text, "f").describe() == Objectives.default().describe()


def test_the_rule_of_the_jvm_job_is_asked_for_by_name() -> None:
    objectives = read_objectives('[default]\npreset = "jvm"\n', "f")
    assert objectives.describe() == '[["*","*",1000.0,"any",null,false]]'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[default]\nslower_than = 800\n[[objective]]\nhost = "a"\n',
            "line 2: slower_than is 800, expected a duration with its unit (us, ms, s or m), "
            'more than 0, at most a day, such as "800ms"',
        ),
        ('[default]\nslower_than = "800"\n', "line 2: slower_than is '800', expected a duration with"),
        ('[default]\n\nrule = "p100"\n', "line 3: rule is 'p100', expected \"any\", or \"p50\" to \"p99.9\""),
        ("[default]\nrule = 99\n", "line 2: rule is 99, expected"),
        ("[default]\nleast = 0\n", "line 2: least is 0, expected a whole number of spans from 1 to 1000000"),
        ("[default]\nleast = true\n", "line 2: least is true, expected a whole number"),
        ("[default]\nleast = 2.5\n", "line 2: least is 2.5, expected a whole number"),
        ("[default]\nerrors_are_slow = 1\n", "line 2: errors_are_slow is 1, expected true or false"),
        (
            '[default]\nslower = "1s"\n',
            "line 2: 'slower' is unknown, expected slower_than, rule, least, errors_are_slow, preset",
        ),
        ('[default]\nhost = "a"\n', "line 2: 'host' is unknown"),
        ('[default]\npreset = "JVM"\n', "line 2: preset is 'JVM', expected 'jvm'"),
        (
            '[default]\npreset = "jvm"\nleast = 3\n',
            "line 3: least is given beside preset, expected preset alone",
        ),
        (
            '[[objective]]\nhost = "a"\npreset = "jvm"\n',
            "line 3: 'preset' is unknown, expected host, service, slower_than, rule, least, errors_are_slow",
        ),
        (
            '[[objective]]\nhost = "a"\n\n[[objective]]\nslower_than = "1s"\n',
            "line 4: objective has neither host nor service, expected one of them, or both",
        ),
        ('[[objective]]\nhost = ""\n', "line 2: host is '', expected text, a name or pattern"),
        ('[[objective]]\nhost = ["a",\n "b"]\nleast = 1\n', "line 3: host is an array, expected text"),
        ('[objective]\nhost = "a"\n', "line 1: objective is one table, expected [[objective]] in two"),
        ("\nobjective = [1]\n", "line 2: objective is 1, expected a table, [[objective]]"),
        ("default = 5\n", "line 1: default is 5, expected a table, [default]"),
        (
            '# none\n\n[[objectives]]\nhost = "a"\n',
            "line 3: 'objectives' is unknown, expected [default] or [[objective]]",
        ),
        ('x = """\n[default]\n"""\n', "line 3: 'x' is unknown"),
        ("[default]\nslower_than 1s\n", "line 2: Expected '=' after a key in a key/value pair"),
        ('[default]\nrule = "any', 'line 2: Unterminated string'),
        ("[default]\nrule = \n", "line 2: Invalid value"),
        ("x = " + "[" * 5000, "line 1: values nested too deeply, expected TOML"),
        ("#" * 100_001, "line 1: 100001 characters, expected at most 100000"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_key_value_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match="^" + re.escape(f"conf/slow.toml, {message}")):
        read_objectives(text, "conf/slow.toml")


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_line_of_a_mistake_is_found_wherever_it_is(before: int, after: int) -> None:
    good = '[[objective]]\nhost = "a"\nslower_than = """\\\n  1s"""\n'
    text = good * before + '[[objective]]\nhost = "a"\nleast = -1\n' + good * after
    with pytest.raises(SettingsError, match=rf"^f, line {4 * before + 3}: least is -1, expected"):
        read_objectives(text, "f")


_SCRAPS = [
    "[default]",
    "[[objective]]",
    "host",
    "=",
    '"a"',
    "\n",
    "slower_than",
    '"1s"',
    "{",
    "}",
    "[",
    "5",
    "'",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(_SCRAPS)).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        said = read_objectives(text, "f").describe()
    except SettingsError as error:
        said = str(error)
    assert re.match(r"f, line \d+: |\[\[", said)


def test_lines_may_end_as_on_windows() -> None:
    with pytest.raises(SettingsError, match=r"^f, line 2: least is 0"):
        read_objectives('[default]\r\nleast = 0\r\nrule = "p90"\r\n', "f")
