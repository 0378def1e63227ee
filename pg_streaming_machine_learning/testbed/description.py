"""The README of a recording: what its columns mean, and its figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pg_streaming_machine_learning.testbed.faults import BLAMED_METRIC, Fault, FaultKind
from pg_streaming_machine_learning.testbed.figures import (
    GRID,
    OBJECTIVE,
    SlowWindows,
    between_faults,
    fault_free,
    slow_windows,
)
from pg_streaming_machine_learning.testbed.lines import FIELDS, line_messages
from pg_streaming_machine_learning.testbed.recording import Recording

README_FILE = "README.md"

_ACTS: dict[FaultKind, str] = {
    FaultKind.PROCESSOR: "two threads compete with requests for the interpreter",
    FaultKind.MEMORY: "objects leak, and each request searches all of them",
    FaultKind.DISK: "each request writes blocks of 4 KiB and waits for each (fsync)",
    FaultKind.NETWORK: "answers grow, and share a link of 10 MB/s",
    FaultKind.LOCK: "each request holds a lock for longer and longer; no metric of ours shows it",
}

_FIELDS = {
    "usage_idle": ("cpu,cpu=cpu-total", "percent of the core"),
    "used": ("mem", "bytes; the line has `total` and `used_percent` beside it"),
    "read_bytes": ("diskio,name=vda", "counter, bytes"),
    "write_bytes": ("diskio,name=vda", "counter, bytes"),
    "read_time": ("diskio,name=vda", "counter, milliseconds"),
    "write_time": ("diskio,name=vda", "counter, milliseconds"),
    "bytes_recv": ("net,interface=eth0", "counter, bytes"),
    "bytes_sent": ("net,interface=eth0", "counter, bytes"),
}

_HEAD = """\
# A recording of the testbed

Six small HTTP services on one machine, their load and their faults, recorded by
`pg-streaming-machine-learning demo record`. Gateway calls catalog and recommend (60 % of customers), cart
(25 %) or checkout (15 %); cart calls catalog; checkout calls cart, then payment. Customers come as a Poisson
process of 48 a second, which a wave (± 30 %, 240 s) and bursts (× 1.5, 4–10 s) move, and do not wait for each
other. Every fault grows from nothing to its full size, stays, and ends at once.

Each service is a host. Once a second an agent on it writes what Telegraf would, in line protocol, and the
service reports its SERVER spans, which the Zipkin client library py_zipkin has made and encoded (`V2_JSON`,
at most 100 to a message). Both are given back byte for byte by `Recording.load(...).messages()`: topic, key,
value and Kafka's timestamp of each message, in order. `meta.json` holds a checksum of all of them.

Times are milliseconds since the epoch, UTC.

| file | holds |
| --- | --- |
| `spans.npz.xz` | spans in their messages: service, time of sending; customer's request and what was asked \
for, time of answer (µs), response time (µs) since the caller sent it, whether it failed |
| `readings.csv.gz` | `timestamp_ms`, `other_load_percent`, then `<service>.<field>`, once a second; of a \
counter its growth since the row before, in the first row the counter |
| `truth.csv` | faults: kind, metric to blame, service, when it began to grow, was full, ended |
| `meta.json` | services, start, end of the first, fault-free minutes, seed, checksum, counts of customers' \
requests |
"""


def describe(recording: Recording) -> str:
    """Return the README of a recording, Markdown.

    Parameters
    ----------
    recording : Recording
        The recording.
    """
    windows = slow_windows(recording)
    parts = [_HEAD, _fields(recording), _overview(recording, windows)]
    parts += [_services(recording, windows), _faults(recording, windows)]
    return "\n".join(parts)


def _fields(recording: Recording) -> str:
    lines = ["| field | of the line | is |", "| --- | --- | --- |"]
    for number, name in enumerate(FIELDS):
        of_line, meaning = _FIELDS[name]
        is_missing = len(recording.rows) and bool(np.isnan(recording.rows[:, :, number]).all())
        lines.append(f"| {name} | `{of_line}` | {meaning}{'; not recorded' if is_missing else ''} |")
    lines += [
        "",
        "A host has one core, 256 MiB of memory, a disk and an interface of its own. Processor, resident",
        "memory and disk bytes are those of the service's process, read from outside; the disk is hardly",
        "ever read, all is cached. Bytes of the network and times of the disk are counted by the service",
        "itself: bodies as server and client, and an estimate of heads; the time the disk fault writes.",
        "Ids of spans come from the seed. The other load is what the machine did besides the services and",
        "the recorder, percent of all cores; the kernel's part of writing to disk is in it.",
        "",
    ]
    return "\n".join(lines)


def _overview(recording: Recording, windows: SlowWindows) -> str:
    other = recording.other_load_percent
    meta = recording.meta
    quiet = between_faults(recording, windows)
    rows = [
        ("length", f"{meta['minutes']:g} minutes, the first {meta['quiet_minutes']:g} without faults"),
        ("seed", f"{recording.seed}"),
        ("machine", f"{meta.get('cores', '?')} cores, processes at nice {meta.get('nice', 0)}"),
        (
            "customers' requests",
            f"{meta['customer_requests']:,} sent, {meta['customer_requests_failed']:,} failed, "
            f"{meta['customer_requests_dropped']:,} dropped",
        ),
        ("spans", f"{len(recording.spans.spans):,} in {len(recording.spans.counts):,} messages"),
        ("lines", f"{_count_lines(recording):,}, {len(recording.rows_ms):,} seconds"),
        ("checksum", f"{recording.checksum[:16] or '–'}…"),
        ("faults", f"{len(recording.faults)}"),
        ("incidents (runs of slow windows of a service)", f"{windows.incidents()}"),
        ("slow windows", f"{windows.share():.2%} of {int(np.sum(windows.labels >= 0)):,}"),
        ("slow in the fault-free minutes", f"{windows.share(fault_free(recording, windows)):.2%}"),
        ("slow between faults", f"{windows.share(quiet):.2%} of {int(np.sum(windows.labels[quiet] >= 0)):,}"),
    ]
    if len(other):
        spread = f"{other.mean():.1f} / {np.quantile(other, 0.95):.1f} / {other.max():.1f} %"
        rows.append(("other load, mean / 95th percentile / most", spread))
    text = (
        f"A window ({GRID.size_ms // 1000} s, every {GRID.hop_ms // 1000} s) is slow when the "
        f"{100 * OBJECTIVE.share:g}th percentile of its response times is above {OBJECTIVE.factor:g} ×\n"
        "the median of its service in the fault-free minutes.\n"
    )
    return "\n".join([text, "| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""])


def _count_lines(recording: Recording) -> int:
    return sum(sum(1 for _ in line_messages(recording.services, 0, row)) for row in recording.rows.tolist())


def _services(recording: Recording, windows: SlowWindows) -> str:
    lines = ["| service | requests | slow above, ms | slow windows |", "| --- | --- | --- | --- |"]
    counts = np.bincount(recording.request_services, minlength=len(recording.services))
    for index, service in enumerate(recording.services):
        share = float(np.mean(windows.labels[:, index] == 1)) if len(windows.labels) else 0.0
        threshold_ms = windows.thresholds_ms[index]
        slow_above = "–" if np.isnan(threshold_ms) else f"{threshold_ms:.1f}"
        lines.append(f"| {service} | {counts[index]:,} | {slow_above} | {share:.1%} |")
    return "\n".join([*lines, ""])


def _faults(recording: Recording, windows: SlowWindows) -> str:
    lines = [
        "| fault | how it acts | metric to blame | faults | made their service slow | made any service slow "
        "| until slow, median s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind in FaultKind:
        faults = [fault for fault in recording.faults if fault.kind is kind]
        cells = (kind.value, _ACTS[kind], BLAMED_METRIC[kind], *_outcome(recording, windows, faults))
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("| all | | | " + " | ".join(_outcome(recording, windows, recording.faults)) + " |")
    lines += [
        "",
        "Until slow: from the start of the growth to the end of the first slow window of the faulty service,",
        "the moment at which it can be known.",
        "",
    ]
    return "\n".join(lines)


def _outcome(
    recording: Recording, windows: SlowWindows, faults: Sequence[Fault]
) -> tuple[str, str, str, str]:
    """Return how many faults there are, how many made their own and any service slow, and how late."""
    until_slow_s: list[float] = []
    any_slow = 0
    for fault in faults:
        first_ms = [
            windows.first_slow_ms(fault, recording.start_ms, service)
            for service in range(len(recording.services))
        ]
        any_slow += any(each is not None for each in first_ms)
        own_ms = first_ms[recording.services.index(fault.service)]
        if own_ms is not None:
            known_ms = own_ms + windows.size_ms - recording.start_ms
            until_slow_s.append((known_ms - fault.ramp_start_ms) / 1000)
    median = f"{np.median(until_slow_s):.0f}" if until_slow_s else "–"
    return str(len(faults)), str(len(until_slow_s)), str(any_slow), median
