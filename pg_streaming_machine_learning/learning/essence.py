"""What was predicted, and of what, as bytes: the links of an engine's chain, by which two runs are compared.

The release that predicted is not in it, nor is anything that other samples have to do with.
"""

from __future__ import annotations

import struct

from pg_streaming_machine_learning.records.prediction import Prediction, Sample

__all__ = ["essence_of", "essence_of_row"]

_WINDOW = struct.Struct(">3q")
_ANSWER = struct.Struct(">qdq")
_LENGTH = struct.Struct(">I")


def essence_of(sample: Sample, prediction: Prediction | None) -> bytes:
    """Return the essence of a sample by its features, and of its prediction if there is one.

    Stored fingerprints are made of it: it stays as it is, bit by bit.
    """
    about = _about(sample, prediction)
    # The repr of a float has all its bits, and a model that has seen little says the same of anything.
    metrics = [str(metric) for metric in sample.metrics]
    return about + (repr((sample.host, metrics, list(sample.features.items()))) + _durations(sample)).encode()


def essence_of_row(sample: Sample, prediction: Prediction, content: bytes) -> bytes:
    """Return the essence of a sample by its row (`Rows.contents`), and of its prediction.

    For models that take rows: to write 66 floats as text takes longer than all else that is done with them.
    """
    host = sample.host.encode()
    return b"".join(
        (
            _about(sample, prediction),
            _LENGTH.pack(len(host)),
            host,
            content,
            _durations(sample).encode(),
        )
    )


def _about(sample: Sample, prediction: Prediction | None) -> bytes:
    """Return window, label and prediction."""
    label = -1 if sample.label is None else sample.label
    about = _WINDOW.pack(sample.window.start_ms, sample.window.end_ms, label)
    if prediction is None:
        return about
    return about + _ANSWER.pack(
        prediction.samples_learned, prediction.probability, prediction.predicted_class
    )


def _durations(sample: Sample) -> str:
    return "" if sample.durations is None else repr(sample.durations)
