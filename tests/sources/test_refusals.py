"""Many refused parts of one record, and runs of one host."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.sources.host_runs import MOST_ENTRIES, HostRuns
from pg_streaming_machine_learning.sources.refusals import MOST_REFUSED_PARTS, Refusals


@given(st.integers(0, 300))
def test_no_refused_part_is_lost(count: int) -> None:
    refusals = Refusals("lines", b"\n".join)
    parts = [refusals.add(RefusedRecord(Reason.BAD_LINE, f"line {n}"), b"%d" % n) for n in range(count)]
    alone = [part.value for part in parts if part is not None]
    rest = refusals.rest()
    assert len(alone) == min(count, MOST_REFUSED_PARTS)
    assert alone + (rest.value.split(b"\n") if rest else []) == [b"%d" % n for n in range(count)]
    if rest is not None:
        assert rest.refused.reason is Reason.BAD_LINE
        assert rest.refused.detail == f"{count - 100} more lines, the first: line 100"


@given(st.lists(st.sampled_from("aaab")), st.integers(0, 3))
def test_runs_hold_all_entries_in_their_order(hosts: list[str], many: int) -> None:
    entries = list(enumerate(["c"] * many * MOST_ENTRIES + hosts))
    runs: HostRuns[int] = HostRuns()
    ended = [runs.add(host, number) for number, host in entries]
    found = [run for run in [*ended, runs.end()] if run is not None]
    assert [(number, host) for host, numbers in found for number in numbers] == entries
    assert all(1 <= len(numbers) <= MOST_ENTRIES for _, numbers in found)
    assert runs.end() is None
