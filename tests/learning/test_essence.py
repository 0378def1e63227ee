"""What a chain is made of: stored fingerprints were made of it."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

from pg_streaming_machine_learning.learning.essence import essence_of, essence_of_row
from pg_streaming_machine_learning.learning.rows import rows_of
from pg_streaming_machine_learning.learning.sample import create_sample
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.prediction import DurationSummary, Prediction
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
VALUES = (1.0, 2.5, 1e-7, float("nan"), 0.1, 1e22, -0.0, float("inf"), 5e-324, 1e16, 0.30000000000000004)
SAMPLE = create_sample("ümlaut", Window(5000, 15_000), {(CPU, "labeled"): (pack(VALUES), 1)}, label=1)
PREDICTION = Prediction("ümlaut", Window(5000, 15_000), 0, 1, 0.7, 0.5, 1, "m", "1", 9, False, (CPU,))


def test_the_essence_by_features_stays_as_it_is() -> None:
    """Bit by bit: state of an earlier release is read on with it."""
    begin = bytes.fromhex("0000000000001388 0000000000003a98 0000000000000001")
    answer = bytes.fromhex("0000000000000009 3fe6666666666666 0000000000000001")
    text = (
        "('ümlaut', ['CPU.UTILIZATION.PERCENT'], ["
        "('CPU.UTILIZATION.PERCENT.minimum', 1.0), ('CPU.UTILIZATION.PERCENT.maximum', 2.5), "
        "('CPU.UTILIZATION.PERCENT.mean', 1e-07), ('CPU.UTILIZATION.PERCENT.percentile25', 0.1), "
        "('CPU.UTILIZATION.PERCENT.median', 1e+22), ('CPU.UTILIZATION.PERCENT.percentile75', -0.0), "
        "('CPU.UTILIZATION.PERCENT.kurtosis', 5e-324), ('CPU.UTILIZATION.PERCENT.slope', 1e+16), "
        "('CPU.UTILIZATION.PERCENT.pearsons_correlation', 0.30000000000000004)])"
    )
    assert essence_of(SAMPLE, PREDICTION) == begin + answer + text.encode()
    assert essence_of(SAMPLE, None) == begin + text.encode()
    unlabeled = replace(SAMPLE, label=None, durations=DurationSummary(1, 2.0, 2.0, 2.0, 2.0, 2.0))
    assert essence_of(unlabeled, None) == (
        begin[:16]
        + b"\xff" * 8
        + text.encode()
        + b"DurationSummary(count=1, mean_ms=2.0, p50_ms=2.0, p90_ms=2.0, p99_ms=2.0, maximum_ms=2.0)"
    )


def test_the_essence_by_row_stays_as_it_is() -> None:
    """Window and label, the answer, the host, the metrics, their statistics; NaN for all that is missing."""
    (content,) = rows_of([SAMPLE]).contents
    finite = [value if abs(value) <= 1e100 else math.nan for value in VALUES]
    assert essence_of_row(SAMPLE, PREDICTION, content) == b"".join(
        (
            bytes.fromhex("0000000000001388 0000000000003a98 0000000000000001"),
            bytes.fromhex("0000000000000009 3fe6666666666666 0000000000000001"),
            b"\0\0\0\x07" + "ümlaut".encode(),
            b"\0\0\0\x17" + b"CPU.UTILIZATION.PERCENT",
            struct.pack("<11d", *finite),
        )
    )


def test_hosts_and_metrics_do_not_run_together() -> None:
    """Whatever a host is called."""
    (content,) = rows_of([SAMPLE]).contents
    one = essence_of_row(SAMPLE, PREDICTION, b"b" + content)
    assert essence_of_row(replace(SAMPLE, host="ümlautb"), PREDICTION, content) != one
