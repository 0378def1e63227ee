"""What Telegraf's lines cost on their way into windows and statistics, beside a loop that only parses them.

A message of a host has the four lines that Telegraf writes of its processor, memory, disk and network, of
which six readings are made: two gauges, and four counters, which become rates. Windows of 1800 s every 60 s
are filled first; then rounds of two minutes of event time are timed, each side in turns with the same
messages, in processor time.

    python benchmarks/lines.py [hosts] [rounds]
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.machine import print_described
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import ReadingsUpdate
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.line_protocol import parse_lines
from pg_streaming_machine_learning.sources.telegraf import TelegrafSource
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import OpenWindows

WINDOWS = HoppingWindows(size_ms=1_800_000, hop_ms=60_000)
LIMITS = Limits(WINDOWS.size_ms, WINDOWS.hop_ms, max_ahead_ms=3_600_000, max_record_bytes=1_048_576)
START_MS = WINDOWS.last_start(1_700_000_000_000)
EVERY_MS = 10_000
ROUND_MS = 120_000
LINES, READINGS = 4, 6


class Fleet:
    """Hosts whose agents write every ten seconds.

    Parameters
    ----------
    count : int
        Of hosts.
    """

    def __init__(self, count: int) -> None:
        self._hosts = [f"host-{number:05}.example" for number in range(count)]
        self._chance = random.Random(1)
        self._counts = [[0, 0, 0, 0] for _ in self._hosts]
        self.now_ms = START_MS

    def messages(self, until_ms: int) -> list[InputRecord]:
        """Return what is written until a time."""
        found: list[InputRecord] = []
        while self.now_ms < until_ms:
            for host, counts in zip(self._hosts, self._counts, strict=True):
                found.append(self._message(host, counts))
            self.now_ms += EVERY_MS
        return found

    def _message(self, host: str, counts: list[int]) -> InputRecord:
        chance, at_ns = self._chance, self.now_ms * 1_000_000
        for place in range(len(counts)):
            counts[place] += chance.randrange(1_000_000)
        read, written, received, sent = counts
        value = (
            f"cpu,cpu=cpu-total,host={host} usage_idle={chance.uniform(0, 100)},usage_user=3.5 {at_ns}\n"
            f"mem,host={host} total=16000000000i,used_percent={chance.uniform(0, 100)} {at_ns}\n"
            f"diskio,name=vda,host={host} read_bytes={read}i,write_bytes={written}i,reads=7i {at_ns}\n"
            f"net,interface=eth0,host={host} bytes_recv={received}i,bytes_sent={sent}i,err_in=0i {at_ns}\n"
        ).encode()
        return InputRecord("pg-traces-telegraf", 0, at_ns, self.now_ms, None, value)


async def through(source: TelegrafSource, store: OpenWindows, messages: Sequence[InputRecord]) -> int:
    """Take messages into the windows, and close those that are over; return how many closed."""
    watermark_ms = START_MS
    for message in messages:
        watermark_ms = WINDOWS.last_start(message.timestamp_ms)
        async for part in source.parts(message):
            if isinstance(part, ReadingsUpdate):
                store.add(part, watermark_ms)
    return sum(1 for _ in store.close(watermark_ms))


def parse_only(messages: Sequence[InputRecord]) -> int:
    """Parse messages with the same parser, and make nothing of their lines."""
    return sum(1 for message in messages for _ in parse_lines(message.value or b""))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    fleet, store = Fleet(count), OpenWindows(WINDOWS, grace_ms=0)
    source = TelegrafSource(LIMITS, TelegrafMapping.from_json(BUILT_IN_MAPPING))
    asyncio.run(through(source, store, fleet.messages(START_MS + WINDOWS.size_ms + ROUND_MS)))
    parsed_s, taken_s, messages, closed = [], [], 0, 0
    for _ in range(rounds):
        given = fleet.messages(fleet.now_ms + ROUND_MS)
        messages += len(given)
        begin_s = time.process_time()
        lines = parse_only(given)
        middle_s = time.process_time()
        closed += asyncio.run(through(source, store, given))
        taken_s.append(time.process_time() - middle_s)
        parsed_s.append(middle_s - begin_s)
        assert lines == LINES * len(given)
    a_round = messages / rounds
    print_described()
    print(f"{count:,} hosts, {messages:,} messages, {closed:,} windows closed, median of {rounds} rounds\n")
    print("| way | lines/s | readings/s | beside parsing alone |")
    print("| --- | ---: | ---: | ---: |")
    for name, taken in (("parse alone", parsed_s), ("parse, map, window store, statistics", taken_s)):
        share = median(parsed / spent for parsed, spent in zip(parsed_s, taken, strict=True))
        rate = a_round / median(taken)
        print(f"| {name} | {LINES * rate:,.0f} | {READINGS * rate:,.0f} | {share:.0%} |")


if __name__ == "__main__":
    main()
