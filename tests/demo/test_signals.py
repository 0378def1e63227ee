"""Whoever ends the demo, it cleans up."""

from __future__ import annotations

import signal

import pytest

from pg_streaming_machine_learning.demo.signals import ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_through_the_clean_up(number: signal.Signals) -> None:
    """The exit code is the shell's for a program ended by this signal; the former handler is back."""
    before = signal.getsignal(number)
    cleaned: list[bool] = []
    with pytest.raises(SystemExit) as left:
        _be_ended_by(number, cleaned)
    assert left.value.code == 128 + number
    assert cleaned == [True]
    assert signal.getsignal(number) is before


def _be_ended_by(number: signal.Signals, cleaned: list[bool]) -> None:
    with ended_by_signals():
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(True)
