"""Output ``predictions``: what the engine puts out, as Avro, keyed by host."""

from __future__ import annotations

from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.prediction_encoder import PredictionEncoder

__all__ = ["PredictionOutput"]


class PredictionOutput:
    """Makes records of the predictions topic.

    Parameters
    ----------
    topic : str
        Where they go.
    encoder : AvroEncoder
        Knows the id of the schema.
    """

    def __init__(self, topic: str, encoder: AvroEncoder[BottleneckPrediction]) -> None:
        self._topic = topic
        self._encoder = PredictionEncoder(encoder)

    def encode(self, prediction: Prediction) -> Output:
        """Return the record of a prediction."""
        return Output(
            topic=self._topic,
            key=prediction.host.encode(),
            value=self._encoder.encode(prediction),
        )
