"""What Kafka's client says over and over."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pg_streaming_machine_learning.streams.repetition import TALKATIVE, Repetition, say_less


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logger(clock: Clock) -> Iterator[logging.Logger]:
    """Return a logger that repeats itself only now and then."""
    found = logging.getLogger("test-of-repetition")
    repetition = Repetition(clock)
    found.addFilter(repetition)
    yield found
    found.removeFilter(repetition)


def test_what_is_said_again_and_again_is_said_now_and_then_with_its_number(
    logger: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(41):
        clock.now_s = number / 2
        logger.error("cannot connect to %s, attempt %d", "node", number)
    assert caplog.messages == [
        "cannot connect to node, attempt 0",
        "cannot connect to node, attempt 20 (and 19 like it in 10 s)",
        "cannot connect to node, attempt 40 (and 19 like it in 10 s)",
    ]


def test_what_is_said_elsewhere_and_what_is_no_warning_is_not_held_back(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        logger.warning("one")
        logger.warning("two")
        logger.info("three")
    assert caplog.messages == ["one", "two", "three", "three"]


def test_it_is_put_on_every_talkative_logger_once() -> None:
    say_less()
    say_less()
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        assert sum(isinstance(each, Repetition) for each in logger.filters) == 1
        for each in list(logger.filters):
            logger.removeFilter(each)
