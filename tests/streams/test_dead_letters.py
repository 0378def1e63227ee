"""Refused records keep their bytes, and say why and whence in headers."""

from __future__ import annotations

import asyncio

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from tests.streams.stand_ins import ListOutlet, Sent

REFUSED = RefusedRecord(Reason.BAD_AVRO, "3 bytes are left over")


def send(record: InputRecord, limit_bytes: int | None = None) -> Sent:
    """Send a record as a dead letter, and return what left."""
    outlet = ListOutlet()
    letters = DeadLetters("dead", outlet)
    if limit_bytes is not None:
        letters.limit_bytes = limit_bytes

    async def run() -> None:
        await (await letters.send(record, REFUSED))

    asyncio.run(run())
    return outlet.sent[0]


def test_bytes_are_untouched_and_headers_say_why() -> None:
    """Documented names, values as text."""
    sent = send(InputRecord("input", 2, 0, 1234, b"\xff\x00", b""))
    assert sent.output == Output("dead", b"\xff\x00", b"")
    assert dict(sent.headers) == {
        "reason": b"bad-avro",
        "detail": b"3 bytes are left over",
        "topic": b"input",
        "partition": b"2",
        "offset": b"0",
        "timestamp": b"1234",
    }


def test_neither_key_nor_value() -> None:
    """Nothing stays nothing; it does not become empty."""
    assert send(InputRecord("input", 0, 5, -1, None, None)).output == Output("dead", None, None)


def test_its_own_headers_come_along() -> None:
    """But for those of our names, which a record that was replayed may have from the last time."""
    headers = (("dead-letter-replays", b"2"), ("reason", b"old"), ("dead-letter-replays", b"3"))
    sent = send(InputRecord("input", 0, 5, -1, b"k", b"v", headers))
    assert sent.headers[:2] == (("dead-letter-replays", b"2"), ("dead-letter-replays", b"3"))
    assert [value for name, value in sent.headers if name == "reason"] == [b"bad-avro"]


def test_what_the_topic_cannot_take_stays_where_it_is() -> None:
    """Place and reason are kept, and the size is told; the log goes on."""
    sent = send(InputRecord("input", 0, 5, -1, b"k", b"v" * 4096, (("big", b"h" * 4096),)), limit_bytes=4096)
    assert sent.output == Output("dead", None, None)
    headers = dict(sent.headers)
    assert headers["offset"] == b"5"
    assert headers["reason"] == b"bad-avro"
    assert headers["detail"].startswith(b"its 4097 bytes are too many for this topic")
    assert "big" not in headers


def test_a_long_detail_is_cut() -> None:
    """The detail may quote what was found."""
    record = InputRecord("input", 0, 5, -1, b"k", b"v")
    outlet = ListOutlet()

    async def run() -> None:
        await DeadLetters("dead", outlet).send(record, RefusedRecord(Reason.BAD_KEY, "x" * 10_000))

    asyncio.run(run())
    assert len(dict(outlet.sent[0].headers)["detail"]) == 500
