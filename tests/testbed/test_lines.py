from __future__ import annotations

import math

from pg_streaming_machine_learning.testbed.lines import FIELDS, line_messages
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC

AT_MS = 1_700_000_000_123
ROW = (97.5, 67_108_864.0, 4096.0, 8192.0, 0.0, 12.0, 500.0, 70_000.0)


def test_the_lines_of_a_host_are_exactly_these() -> None:
    """Golden bytes: one line a message, the host its key, nanoseconds, a newline at the end."""
    messages = list(line_messages(["cart"], AT_MS, [ROW]))
    assert [message.value for message in messages] == [
        b"cpu,cpu=cpu-total,host=cart usage_idle=97.5 1700000000123000000\n",
        b"mem,host=cart total=268435456i,used=67108864i,used_percent=25 1700000000123000000\n",
        b"diskio,host=cart,name=vda read_bytes=4096i,write_bytes=8192i,read_time=0i,write_time=12i "
        b"1700000000123000000\n",
        b"net,host=cart,interface=eth0 bytes_recv=500i,bytes_sent=70000i 1700000000123000000\n",
    ]
    assert {message[:2] for message in messages} == {(LINES_TOPIC, b"cart")}
    assert {message.timestamp_ms for message in messages} == {AT_MS}


def test_hosts_come_one_after_the_other() -> None:
    """In their order, each with its number."""
    messages = list(line_messages(["cart", "payment"], AT_MS, [ROW, ROW]))
    assert [(message.key, message.service) for message in messages] == 4 * [(b"cart", 0)] + 4 * [
        (b"payment", 1)
    ]


def test_what_is_not_known_is_left_out() -> None:
    """A field, and a line that would have none, as Telegraf's first line of a processor."""
    row = [math.nan] * len(FIELDS)
    assert list(line_messages(["cart"], AT_MS, [row])) == []
    row[3] = 8192.0
    (message,) = line_messages(["cart"], AT_MS, [row])
    assert message.value == b"diskio,host=cart,name=vda write_bytes=8192i 1700000000123000000\n"
