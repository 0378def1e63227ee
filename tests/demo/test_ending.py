"""Whoever ends the demo, it cleans up."""

from __future__ import annotations

import signal

import pytest

from pg_streaming_machine_learning.demo.ending import Ending


def test_nothing_happens_without_a_signal() -> None:
    """Looking costs nothing."""
    with Ending() as ending:
        ending.check()


def test_ctrl_c_is_seen_where_it_is_looked_for() -> None:
    """Not before, as it may have come in the middle of something."""
    with Ending() as ending:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            ending.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_give_the_exit_code_of_shells(number: signal.Signals) -> None:
    """128 and the signal's number."""
    with Ending() as ending:
        signal.raise_signal(number)
        with pytest.raises(SystemExit) as left:
            ending.check()
    assert left.value.code == 128 + number


def test_a_second_signal_does_not_wait() -> None:
    """Somebody is impatient."""
    with Ending():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back() -> None:
    """What the program did with signals before, it does after."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Ending():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
