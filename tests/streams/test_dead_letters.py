"""Refused records keep their bytes, and say why and whence in headers."""

from __future__ import annotations

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.transactions import Outgoing

REFUSED = RefusedRecord(Reason.BAD_AVRO, "3 bytes are left over")


def letter(record: InputRecord, limit_bytes: int | None = None) -> Outgoing:
    """Return the dead letter of a record."""
    letters = DeadLetters("dead")
    if limit_bytes is not None:
        letters.limit_bytes = limit_bytes
    return letters.outgoing(record, REFUSED)


def essence(letter: Outgoing) -> tuple[str, int, bytes | None, bytes | None]:
    """Return where a record goes, and its bytes."""
    return letter.topic, letter.partition, letter.key, letter.value


def test_bytes_are_untouched_and_headers_say_why() -> None:
    """Documented names, values as text."""
    sent = letter(InputRecord("input", 2, 0, 1234, b"\xff\x00", b""))
    assert essence(sent) == ("dead", 0, b"\xff\x00", b"")
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
    sent = letter(InputRecord("input", 0, 5, -1, None, None))
    assert essence(sent) == ("dead", 0, None, None)


def test_its_own_headers_come_along() -> None:
    """But for those of our names, which a record that was replayed may have from the last time."""
    headers = (("dead-letter-replays", b"2"), ("reason", b"old"), ("dead-letter-replays", b"3"))
    sent = letter(InputRecord("input", 0, 5, -1, b"k", b"v", headers))
    assert sent.headers[:2] == (("dead-letter-replays", b"2"), ("dead-letter-replays", b"3"))
    assert [value for name, value in sent.headers if name == "reason"] == [b"bad-avro"]


def test_what_the_topic_cannot_take_stays_where_it_is() -> None:
    """Place and reason are kept, and the size is told; the log goes on."""
    sent = letter(
        InputRecord("input", 0, 5, -1, b"k", b"v" * 4096, (("big", b"h" * 4096),)), limit_bytes=4096
    )
    assert essence(sent) == ("dead", 0, None, None)
    headers = dict(sent.headers)
    assert headers["offset"] == b"5"
    assert headers["reason"] == b"bad-avro"
    assert headers["detail"].startswith(b"its 4097 bytes are too many for this topic")
    assert "big" not in headers


def test_the_limit_is_that_of_the_whole_record() -> None:
    """Key, value and headers count, and what Kafka puts around them."""
    record = InputRecord("input", 0, 5, -1, b"k", b"v" * 2000)
    headers = sum(len(name) + len(value) for name, value in letter(record).headers)
    assert letter(record, limit_bytes=2001 + headers + 512).value == record.value
    assert letter(record, limit_bytes=2001 + headers + 511).value is None


def test_a_long_detail_is_cut() -> None:
    """The detail may quote what was found."""
    record = InputRecord("input", 0, 5, -1, b"k", b"v")
    sent = DeadLetters("dead").outgoing(record, RefusedRecord(Reason.BAD_KEY, "x" * 10_000))
    assert len(dict(sent.headers)["detail"]) == 500


def test_the_same_record_gives_the_same_dead_letter() -> None:
    """A start after a crash writes the bytes that an undisturbed run would have written."""
    record = InputRecord("input", 0, 5, 1234, b"k", b"v", (("a", b"1"),))
    assert letter(record) == letter(record)
