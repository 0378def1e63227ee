"""What counts as slow: objectives for the durations of hosts and services.

Not to be confused with `labels.objective`, by which the testbed judges its own shop: there the limit is a
multiple of what is usual, here it is a duration that users name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.records.update import Duration
from pg_streaming_machine_learning.windows.durations import Durations
from pg_streaming_machine_learning.windows.summary import percentile

__all__ = ["Objectives", "SpanObjective", "duration_in_us", "percent_of_rule"]

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_ENDLESS_US = 1e18
"""Stands for the duration of a span that failed; infinity cannot be interpolated."""

_MOST_PAIRS = 10_000
"""Of host and service, of which it is remembered which objective is theirs."""

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(us|µs|μs|ms|s|m)", re.ASCII)
_UNITS_US = {"us": 1, "µs": 1, "μs": 1, "ms": 1000, "s": _SECOND_US, "m": 60 * _SECOND_US}
_SHARE = re.compile(r"p(\d\d(?:\.\d{1,3})?)", re.ASCII)
_ANY = "any"


@dataclass(frozen=True, slots=True)
class SpanObjective:
    """When the durations of some hosts and services are too long.

    Parameters
    ----------
    host, service : str
        Patterns: ``*`` stands for any characters, ``?`` for one, ``[ab]`` for one of several. Services are
        compared in lower case, as Zipkin writes them; case of hosts matters.
    slower_than_us : float
        Longer durations are slow, microseconds, more than 0, at most a day.
    rule : str
        ``any``: one slow span is too much. ``p50`` to ``p99.9``: this percentile of the durations must not
        be slow.
    least : int
        How many spans a percentile needs: with fewer of them the objective is kept. Without effect on
        ``any``.
    errors_are_slow : bool
        Whether a span that failed counts as slow however short it was.

    Raises
    ------
    ValueError
        If the limit, the rule or the least number is out of its range.

    Examples
    --------
    >>> objective = SpanObjective(slower_than_us=800_000.0, rule="p90", least=2)
    >>> objective.is_broken([Duration("", 0, 900_000)]), objective.is_broken([Duration("", 0, 900_000)] * 2)
    (False, True)
    """

    host: str = "*"
    service: str = "*"
    slower_than_us: float = float(_SECOND_US)
    rule: str = _ANY
    least: int = 20
    errors_are_slow: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.slower_than_us <= _DAY_US:
            raise ValueError(
                f"slower_than is {self.slower_than_us!r} µs, expected more than 0, at most a day"
            )
        if self.least < 1:
            raise ValueError(f"least is {self.least!r}, expected at least 1")
        percent_of_rule(self.rule)

    def is_about(self, host: str, service: str) -> bool:
        """Say whether the durations of a service on a host fall under this objective."""
        return fnmatchcase(host, self.host) and fnmatchcase(service.lower(), self.service.lower())

    def is_broken(self, durations: Sequence[Duration]) -> bool:
        """Say whether durations that fall under this objective are too long; none are not."""
        given = Durations.of(durations)
        return self.is_broken_by(given.durations_us, given.errors)

    def is_broken_by(self, durations_us: NDArray[np.int64], errors: NDArray[np.bool_]) -> bool:
        """As `is_broken`, of how long each took, microseconds, and whether it failed."""
        counted = np.where(errors, _ENDLESS_US, durations_us) if self.errors_are_slow else durations_us
        percent = percent_of_rule(self.rule)
        if percent is None:
            return bool((counted > self.slower_than_us).any())
        if len(counted) < self.least:
            return False
        return percentile(np.sort(counted).tolist(), percent) > self.slower_than_us


class Objectives:
    """The objectives of a fleet: of those that are about a host and service, the first counts.

    Parameters
    ----------
    objectives : sequence of SpanObjective
        In the order in which they are tried.
    otherwise : SpanObjective
        For the hosts and services that none is about.
    """

    def __init__(self, objectives: Sequence[SpanObjective], otherwise: SpanObjective) -> None:
        self._all = (*objectives, otherwise)
        self._known: dict[tuple[str, str], int] = {}

    @classmethod
    def default(cls) -> Objectives:
        """Return what counts as slow when nobody said it: any span above a second."""
        return cls((), SpanObjective())

    def label(self, host: str, durations: Sequence[Duration]) -> int | None:
        """Return 1 if a host was slow in a window, else 0.

        Parameters
        ----------
        host : str
            Name of the host.
        durations : sequence of Duration
            All of its durations in the window, in any order.

        Returns
        -------
        int or None
            1 if the durations that fall under one of the objectives break it. None if there are none.

        Examples
        --------
        >>> objectives = Objectives.default()
        >>> [objectives.label("web", [Duration("shop", 0, us)]) for us in (1_000_000, 1_000_001)]
        [0, 1]
        """
        if not durations:
            return None
        given = Durations.of(durations)
        numbers = np.array([self._number(host, service) for service in given.services])[given.of_service]
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            if self._all[number].is_broken_by(given.durations_us[mine], given.errors[mine]):
                return 1
        return 0

    def describe(self) -> str:
        """Return the objectives as one line: two that differ in what they say have different lines.

        Examples
        --------
        >>> Objectives.default().describe()
        '[["*","*",1000000.0,"any",null,false]]'
        """
        return json.dumps(
            [
                [
                    each.host,
                    each.service.lower(),
                    float(each.slower_than_us),
                    each.rule,
                    each.least if percent_of_rule(each.rule) is not None else None,
                    each.errors_are_slow,
                ]
                for each in self._all
            ],
            separators=(",", ":"),
        )

    def _number(self, host: str, service: str) -> int:
        """Return which objective counts for a service on a host."""
        pair = (host, service)
        number = self._known.get(pair)
        if number is None:
            about = (number for number, each in enumerate(self._all[:-1]) if each.is_about(host, service))
            number = next(about, len(self._all) - 1)
            if len(self._known) >= _MOST_PAIRS:
                self._known.clear()
            self._known[pair] = number
        return number


def duration_in_us(text: str) -> float:
    """Return a duration that is written with its unit (us, µs, ms, s or m), microseconds.

    Raises
    ------
    ValueError
        If it is not written so, or not more than 0, at most a day.

    Examples
    --------
    >>> duration_in_us("800ms"), duration_in_us("1.2s"), duration_in_us("1500us")
    (800000.0, 1200000.0, 1500.0)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration with its unit")
    duration_us = float(Fraction(found[1]) * _UNITS_US[found[2]])
    if not 0 < duration_us <= _DAY_US:
        raise ValueError(f"{text!r} is not more than 0, at most a day")
    return duration_us


def percent_of_rule(rule: str) -> float | None:
    """Return the percentile a rule speaks of, None for ``any``.

    Raises
    ------
    ValueError
        If it is neither ``any`` nor ``p50`` to ``p99.9``.

    Examples
    --------
    >>> percent_of_rule("p99.9"), percent_of_rule("any")
    (99.9, None)
    """
    if rule == _ANY:
        return None
    found = _SHARE.fullmatch(rule)
    percent = float(found[1]) if found else math.nan
    if not 50 <= percent <= 99.9:
        raise ValueError(f"rule is {rule!r}, expected any, or p50 to p99.9")
    return percent
