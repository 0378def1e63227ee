"""The statistics, and the Avro records made of them, are those of the contract."""

from dataclasses import fields

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.wire.feature import Feature, LabeledFeature


def test_the_fields_of_a_feature_are_the_statistics_in_their_order() -> None:
    assert tuple(field.name for field in fields(Feature)) == STATISTICS


def test_a_labeled_feature_is_a_feature_and_a_label() -> None:
    assert tuple(field.name for field in fields(LabeledFeature)) == (*STATISTICS, "label")


def test_statistics_come_in_the_order_of_the_fields() -> None:
    values = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)

    assert Feature(*values).statistics() == values
    assert LabeledFeature(*values, label=1).statistics() == values
