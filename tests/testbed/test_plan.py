from __future__ import annotations

import math

import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import plan_faults
from pg_streaming_machine_learning.testbed.plan import RunPlan


def test_plan_holds_the_faults_of_its_seed() -> None:
    """A plan is made from seed and length alone."""
    plan = RunPlan.draw(65, 5, seed=3)
    assert plan.faults == plan_faults(3, 65, 5)
    assert (plan.length_ms, plan.quiet_ms) == (3_900_000, 300_000)


@pytest.mark.parametrize(("minutes", "quiet_minutes"), [(0, 0), (-1, 0), (5, -1), (5, 6), (math.nan, 0)])
def test_lengths_that_do_not_go_together_are_refused(minutes: float, quiet_minutes: float) -> None:
    """A length must be positive, and hold its quiet part."""
    with pytest.raises(RecordingError, match="expected a positive length, and 0 <= quiet <= length"):
        RunPlan.draw(minutes, quiet_minutes, seed=1)
