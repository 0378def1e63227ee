"""Predictions as bytes of their topic, by hand: as `AvroEncoder` writes a `BottleneckPrediction`."""

from __future__ import annotations

import struct
from functools import lru_cache

from pg_streaming_machine_learning.records.prediction import Blame, Prediction
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.metric_symbols import METRIC_BYTES
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.window_update import LABEL_BYTES
from pg_streaming_machine_learning.wire.zigzag import IRREGULAR, text_bytes, zigzag

__all__ = ["PredictionEncoder"]

_MOST_TEXTS = 50_000
"""Texts remembered at most: names of hosts, of models, of statistics."""

_MOST_TIMES = 5_000
"""Starts and ends of windows remembered at most."""

_PROBABILITIES = struct.Struct("<2d")
_CONTRIBUTION = struct.Struct("<d")
_NO_MORE = zigzag(0)
_FALSE, _TRUE = b"\x00", b"\x01"

_text = lru_cache(_MOST_TEXTS)(text_bytes)
_time = lru_cache(_MOST_TIMES)(zigzag)


class PredictionEncoder:
    """Encodes predictions.

    Parameters
    ----------
    encoder : AvroEncoder
        Knows the id of the schema, and encodes what is not a prediction like most.
    """

    def __init__(self, encoder: AvroEncoder[BottleneckPrediction]) -> None:
        self._encoder = encoder
        self._header = frame(encoder.schema_id, b"")

    def encode(self, prediction: Prediction) -> bytes:
        """Return header and body of the record of a prediction."""
        try:
            return self._header + _body(prediction)
        except IRREGULAR:
            return self._encoder.encode(BottleneckPrediction.from_prediction(prediction))


def _body(prediction: Prediction) -> bytes:
    return b"".join(
        (
            text_bytes(prediction.id),
            _text(prediction.host),
            _time(prediction.window.start_ms),
            _time(prediction.window.end_ms),
            zigzag(prediction.horizon_ms),
            zigzag(prediction.predicted_class),
            _PROBABILITIES.pack(prediction.probability, prediction.decision_threshold),
            LABEL_BYTES[prediction.label],
            _text(prediction.model_name),
            _text(prediction.model_version),
            zigzag(prediction.samples_learned),
            _TRUE if prediction.warming_up else _FALSE,
            _metrics(prediction.metrics),
            _reasons(prediction.reasons),
        )
    )


@lru_cache(1024)
def _metrics(metrics: tuple[Metric, ...]) -> bytes:
    """Return an array: how many, each of them, and that no more come, which is all that an empty one says."""
    if not metrics:
        return _NO_MORE
    each = [METRIC_BYTES[metric] for metric in metrics]
    return b"".join((zigzag(len(metrics)), *each, _NO_MORE))


def _reasons(reasons: tuple[Blame, ...]) -> bytes:
    if not reasons:
        return _NO_MORE
    pieces = [zigzag(len(reasons))]
    for blame in reasons:
        pieces.append(METRIC_BYTES[blame.metric, blame.measure, blame.unit])
        pieces.append(_text(blame.statistic))
        pieces.append(_CONTRIBUTION.pack(blame.contribution))
    pieces.append(_NO_MORE)
    return b"".join(pieces)
