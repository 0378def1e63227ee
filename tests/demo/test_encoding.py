"""Windows of a recording as upstream jobs would write them."""

from __future__ import annotations

from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.revisions import METRICS, Revision

START_MS = 1_600_000_000_000
STATISTICS = (1.0, 2.0, 1.5, 0.5, 1.0, 1.5, 2.0, 0.0, -1.0, 0.1, 0.2)


def test_the_partition_does_not_depend_on_the_window() -> None:
    """All windows of one metric of a host lie in one partition, different metrics in several."""
    encoder = WindowEncoder(1, 2, partitions=4)
    of_one = {
        encoder.encode(Revision("cart", METRICS["CPU"], START_MS + hop, STATISTICS, 0, True)).partition
        for hop in range(0, 50_000, 5_000)
    }
    of_all = {
        encoder.encode(Revision(host, metric, START_MS, STATISTICS, 0, True)).partition
        for host in ("gateway", "catalog", "cart")
        for metric in METRICS.values()
    }
    assert len(of_one) == 1
    assert of_all == {0, 1, 2, 3}


def test_the_bytes_are_those_of_the_contract() -> None:
    """The contract's golden key."""
    metric = METRICS["CPU"]
    window = WindowEncoder(1, 2, partitions=4).encode(
        Revision("192.168.0.101", metric, 1_600_000_000_000, STATISTICS, 1, True)
    )
    golden = "00 00 00 00 01 1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31 00 00 10 00 00 01 74 87 6e 80 00"
    assert window.key.hex(" ") == golden
    assert (len(window.value), window.value[-1]) == (94, 2)
