"""Predictions in a file, one JSON object a line, with the very bytes that the topic has."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from pg_streaming_machine_learning.errors import DemoError
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

__all__ = ["load_values", "saved_line"]

VALUE = "value"
"""Name of the field with the record's value, base64; the other fields are for people and programs."""


def saved_line(prediction: BottleneckPrediction, value: bytes) -> str:
    """Return a prediction as a line of the file.

    Parameters
    ----------
    prediction : BottleneckPrediction
        The record.
    value : bytes
        Its value as the topic has it.
    """
    fields = {**prediction.to_dict(), VALUE: base64.b64encode(value).decode()}
    return json.dumps(fields, default=str) + "\n"


def load_values(file: Path) -> dict[str, bytes]:
    """Return the value of each prediction of a file, by its id.

    Raises
    ------
    DemoError
        If the file cannot be read, or was not saved by ``demo --save``.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DemoError(f"{file} cannot be read: {error}") from error
    return dict(_read(file, number, line) for number, line in enumerate(lines, start=1))


def _read(file: Path, number: int, line: str) -> tuple[str, bytes]:
    """Return id and value of a line."""
    try:
        fields = json.loads(line)
        return str(fields["id"]), base64.b64decode(fields[VALUE], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(
            f"line {number} of {file} is no saved prediction ({error!r}), expected a file of demo --save"
        ) from error
