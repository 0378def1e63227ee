from __future__ import annotations

from pg_streaming_machine_learning.testbed.faults import plan_faults
from pg_streaming_machine_learning.testbed.orders import Orders
from pg_streaming_machine_learning.testbed.shop import SERVICES


def test_orders_come_back_from_their_line() -> None:
    """A service is told the whole plan in one line."""
    ports = {service: 8000 + index for index, service in enumerate(SERVICES)}
    orders = Orders("cart", ports, plan_faults(1, minutes=65), 1_700_000_000_000, 1, "somewhere")
    line = orders.to_line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert Orders.from_line(line) == orders
