"""Which durations of which hosts and services are too long."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.labels.objectives import (
    Objectives,
    SpanObjective,
    duration_in_us,
    percent_of_rule,
)
from pg_streaming_machine_learning.records.update import Duration


def spans(*milliseconds: float, service: str = "shop", is_error: bool = False) -> list[Duration]:
    return [Duration(service, 0, int(each * 1000), is_error) for each in milliseconds]


def test_by_default_any_span_above_a_second_is_slow() -> None:
    objectives = Objectives.default()
    assert objectives.label("web", spans(1, 2, 1000)) == 0
    assert objectives.label("web", spans(1, 1000.001, 2)) == 1


def test_a_window_without_spans_has_no_label() -> None:
    assert Objectives.default().label("web", []) is None


def test_the_first_objective_that_is_about_host_and_service_counts() -> None:
    objectives = Objectives(
        [
            SpanObjective(host="web-*", service="checkout", slower_than_us=5_000.0),
            SpanObjective(host="web-*", slower_than_us=50_000.0),
            SpanObjective(host="web-7", slower_than_us=1.0),  # never reached
        ],
        SpanObjective(slower_than_us=500_000.0),
    )
    assert objectives.label("web-7", spans(6, service="checkout")) == 1
    assert objectives.label("web-7", spans(6, service="cart")) == 0
    assert objectives.label("web-7", spans(60, service="cart")) == 1
    assert objectives.label("db", spans(60, service="checkout")) == 0
    assert objectives.label("db", spans(501)) == 1


def test_services_of_one_host_are_judged_apart() -> None:
    """A thousand quick spans of one service do not hide the slow ones of another."""
    objectives = Objectives(
        [SpanObjective(service="pay", slower_than_us=10_000.0, rule="p90", least=3)],
        SpanObjective(slower_than_us=10_000.0, rule="p90", least=3),
    )
    assert objectives.label("web", spans(*[1] * 1000) + spans(20, 20, 20, service="pay")) == 1
    assert objectives.label("web", spans(*[1] * 1000, 20, 20, 20)) == 0


def test_services_are_compared_in_lower_case_and_hosts_as_they_are() -> None:
    objective = SpanObjective(host="Web", service="CheckOut")
    assert objective.is_about("Web", "checkout")
    assert not objective.is_about("web", "checkout")


def test_a_percentile_allows_some_slow_spans() -> None:
    objective = SpanObjective(slower_than_us=10_000.0, rule="p90")
    assert not objective.is_broken(spans(*[1] * 38, 500, 500))
    assert objective.is_broken(spans(*[1] * 34, 500, 500, 500, 500, 500, 500))


def test_with_fewer_spans_than_asked_for_a_percentile_says_nothing_against_a_host() -> None:
    objectives = Objectives([], SpanObjective(slower_than_us=10_000.0, rule="p50", least=5))
    assert [objectives.label("web", spans(*[99] * count)) for count in (1, 4, 5)] == [0, 0, 1]


def test_the_least_number_does_not_matter_to_the_rule_any() -> None:
    assert SpanObjective(slower_than_us=10_000.0, least=5).is_broken(spans(11))


def test_errors_count_as_slow_if_asked() -> None:
    failed = spans(1, is_error=True)
    assert not SpanObjective().is_broken(failed)
    assert SpanObjective(errors_are_slow=True).is_broken(failed)
    by_share = SpanObjective(rule="p50", least=2, errors_are_slow=True)
    assert by_share.is_broken(failed * 20)
    assert by_share.is_broken(spans(1) + failed)  # halfway to endless is endless
    assert not by_share.is_broken(spans(1, 1, 1) + failed)


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("800ms", 800_000),
        ("1.2s", 1_200_000),
        ("1500us", 1_500),
        ("1500µs", 1_500),
        ("1500μs", 1_500),
        ("0.5us", 0.5),
        ("2 m", 120_000_000),
        ("1440m", 86_400_000_000),
    ],
)
def test_durations_have_a_unit(text: str, expected_us: float) -> None:
    assert duration_in_us(text) == expected_us


@pytest.mark.parametrize("text", ["800", "ms", "", "1,5s", "-1s", "1e3ms", "1h", "٣s", "0s", "1441m", " 1s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no duration with its unit|is not more than 0, at most a day"):
        duration_in_us(text)


@pytest.mark.parametrize("rule", ["p49", "p99.91", "p100", "p5", "most", "", "P99", "p99.", "p9٣"])
def test_a_rule_out_of_range_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"expected any, or p50 to p99\.9"):
        percent_of_rule(rule)
    with pytest.raises(ValueError, match=r"expected any, or p50 to p99\.9"):
        SpanObjective(rule=rule)


@pytest.mark.parametrize("limit_us", [0.0, -1.0, math.nan, math.inf, 86_400_000_001.0])
def test_a_limit_out_of_range_is_refused(limit_us: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0, at most a day"):
        SpanObjective(slower_than_us=limit_us)


def test_a_least_number_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="least is 0, expected at least 1"):
        SpanObjective(least=0)


def test_what_is_said_of_objectives_differs_when_they_do() -> None:
    different = [
        Objectives.default(),
        Objectives([], SpanObjective(slower_than_us=1000.0)),
        Objectives([SpanObjective(host="a")], SpanObjective()),
        Objectives([SpanObjective(service="a")], SpanObjective()),
        Objectives([], SpanObjective(rule="p90")),
        Objectives([], SpanObjective(rule="p90", least=7)),
        Objectives([], SpanObjective(errors_are_slow=True)),
    ]
    assert len({each.describe() for each in different}) == len(different)


def test_what_changes_nothing_is_not_said() -> None:
    """The least number has no effect on the rule any, nor has case on a service."""
    assert Objectives([], SpanObjective(least=7, service="A")).describe() == (
        Objectives([], SpanObjective(service="a")).describe()
    )


_DURATIONS = st.lists(
    st.builds(Duration, st.sampled_from(["", "a", "b"]), st.just(0), st.integers(0, 10**9), st.booleans()),
    max_size=30,
)
_OBJECTIVES = st.builds(
    SpanObjective,
    host=st.sampled_from(["*", "web", "w*"]),
    service=st.sampled_from(["*", "a", "[ab]"]),
    slower_than_us=st.floats(1, 1e9),
    rule=st.sampled_from(["any", "p50", "p90", "p99", "p99.9"]),
    least=st.integers(1, 10),
    errors_are_slow=st.booleans(),
)


@given(st.lists(_OBJECTIVES, max_size=3), _OBJECTIVES, st.sampled_from(["web", "db"]), _DURATIONS)
def test_labels_equal_a_plain_reading_of_the_rules(
    objectives: list[SpanObjective], otherwise: SpanObjective, host: str, durations: list[Duration]
) -> None:
    """Order of the durations does not matter, nor whether the host was asked about before."""
    fleet = Objectives(objectives, otherwise)
    broken = []
    for number, objective in enumerate([*objectives, otherwise]):
        mine = [
            each
            for each in durations
            if next(
                (n for n, one in enumerate(objectives) if one.is_about(host, each.service)), len(objectives)
            )
            == number
        ]
        broken.append(objective.is_broken(mine))
    expected = None if not durations else int(any(broken))
    assert fleet.label(host, durations) == expected
    assert fleet.label(host, durations[::-1]) == expected


@given(_OBJECTIVES, _DURATIONS)
def test_slower_spans_never_mend_a_window(objective: SpanObjective, durations: list[Duration]) -> None:
    slower = [Duration(each.service, 0, 2 * each.duration_us + 1, each.is_error) for each in durations]
    assert objective.is_broken(slower) >= objective.is_broken(durations)
