"""What is logged before Faust sets logging up is on standard error."""

from __future__ import annotations

import logging

import pytest

from pg_streaming_machine_learning.streams.early_log import log_to_stderr

OURS = logging.getLogger("pg_streaming_machine_learning.somewhere")


def test_within_it_ours_is_printed_from_info_on_and_afterwards_it_is_as_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other packages keep their silence."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with log_to_stderr():
        OURS.info("heard")
        OURS.debug("too much")
        logging.getLogger("another").info("not ours")
    OURS.info("too late")
    printed = capsys.readouterr().err
    assert printed.endswith("[INFO] heard\n")
    assert printed.count("\n") == 1


def test_who_has_set_logging_up_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said twice."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    with log_to_stderr():
        OURS.warning("theirs")
    assert capsys.readouterr().err == ""
