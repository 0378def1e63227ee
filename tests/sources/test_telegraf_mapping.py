"""Which fields become readings is a table that an operator may write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import MappedField, TelegrafMapping

ENTRY: dict[str, Any] = {
    "measurement": "swap",
    "field": "used_percent",
    "metric": "MEMORY",
    "measure": "UTILIZATION",
    "unit": "PERCENT",
}
USED = Metric("MEMORY", "UTILIZATION", "PERCENT")


def test_an_entry_is_a_gauge_of_the_whole_host_unless_it_says_otherwise() -> None:
    mapping = TelegrafMapping.from_json([ENTRY])

    assert mapping.fields_of("swap") == (
        MappedField("used_percent", tags=(), metric=USED, counter="", factor=1.0, offset=0.0, device=""),
    )
    assert mapping.fields_of("mem") == ()


def test_an_entry_may_say_everything() -> None:
    entry = {
        "measurement": "switch",
        "field": "octets",
        "tags": {"port": "up", "area": "dc"},
        "metric": "NETWORK_IN",
        "measure": "THROUGHPUT",
        "unit": "KILOBYTES_PER_SECOND",
        "kind": "counter",
        "factor": 0.001,
        "offset": 0,
        "device": "port_name",
    }

    assert TelegrafMapping.from_json([entry]).fields_of("switch") == (
        MappedField(
            "octets",
            tags=(("area", "dc"), ("port", "up")),
            metric=Metric("NETWORK_IN", "THROUGHPUT", "KILOBYTES_PER_SECOND"),
            counter="switch",
            factor=0.001,
            offset=0.0,
            device="port_name",
        ),
    )


def test_the_built_in_table_is_what_one_would_write() -> None:
    """It is the default value of a setting: JSON, and nothing else."""
    assert json.loads(json.dumps(BUILT_IN_MAPPING)) == BUILT_IN_MAPPING


@pytest.mark.parametrize(
    ("measurement", "rows"),
    [
        ("cpu", ["usage_idle CPU.UTILIZATION.PERCENT gauge -1 100 -"]),
        ("mem", ["used_percent MEMORY.UTILIZATION.PERCENT gauge 1 0 -"]),
        (
            "diskio",
            [
                "read_bytes DISK_READ.THROUGHPUT.BYTES_PER_SECOND diskio 1 0 name",
                "write_bytes DISK_WRITE.THROUGHPUT.BYTES_PER_SECOND diskio 1 0 name",
                "read_time DISK_READ.UTILIZATION.PERCENT diskio 0.1 0 name",
                "write_time DISK_WRITE.UTILIZATION.PERCENT diskio 0.1 0 name",
            ],
        ),
        (
            "net",
            [
                "bytes_recv NETWORK_IN.THROUGHPUT.BYTES_PER_SECOND net 1 0 interface",
                "bytes_sent NETWORK_OUT.THROUGHPUT.BYTES_PER_SECOND net 1 0 interface",
            ],
        ),
        (
            "prometheus",
            [
                "cpu_usage_idle CPU.UTILIZATION.PERCENT gauge -1 100 -",
                "mem_used_percent MEMORY.UTILIZATION.PERCENT gauge 1 0 -",
                "diskio_read_bytes DISK_READ.THROUGHPUT.BYTES_PER_SECOND prometheus 1 0 name",
                "diskio_write_bytes DISK_WRITE.THROUGHPUT.BYTES_PER_SECOND prometheus 1 0 name",
                "diskio_read_time DISK_READ.UTILIZATION.PERCENT prometheus 0.1 0 name",
                "diskio_write_time DISK_WRITE.UTILIZATION.PERCENT prometheus 0.1 0 name",
                "net_bytes_recv NETWORK_IN.THROUGHPUT.BYTES_PER_SECOND prometheus 1 0 interface",
                "net_bytes_sent NETWORK_OUT.THROUGHPUT.BYTES_PER_SECOND prometheus 1 0 interface",
            ],
        ),
    ],
)
def test_the_built_in_table_is_that_of_the_contract(measurement: str, rows: list[str]) -> None:
    mapping = TelegrafMapping.from_json(BUILT_IN_MAPPING)

    assert [row(mapped) for mapped in mapping.fields_of(measurement)] == rows


def test_only_the_total_of_the_processors_is_read() -> None:
    mapping = TelegrafMapping.from_json(BUILT_IN_MAPPING)

    assert mapping.fields_of("cpu")[0].tags == (("cpu", "cpu-total"),)
    assert mapping.fields_of("prometheus")[0].tags == (("cpu", "cpu-total"),)


def test_counters_of_one_metric_never_share_a_name() -> None:
    """The engine tells the counters of a host by their name and metric."""
    entry = ENTRY | {"kind": "counter", "device": "name"}
    mapping = TelegrafMapping.from_json(
        [
            entry | {"field": "in"},
            entry | {"field": "out"},
            entry | {"field": "in", "unit": "BYTES"},
            entry | {"field": "in", "tags": {"a": "b"}},
        ]
    )

    assert [mapped.counter for mapped in mapping.fields_of("swap")] == [
        "swap.in",
        "swap.out",
        "swap",
        "swap.in",
    ]


@pytest.mark.parametrize(
    "device",
    [
        *("sda1", "sdaa12", "hda2", "vda1", "xvda1", "nvme0n1p1", "nvme10n1p12", "mmcblk0p1", "nbd0p1"),
        *("mmcblk0boot0", "mmcblk0rpmb", "loop0", "loop7p1", "ram0", "zram0", "dm-0", "dm-12"),
        *("md0", "md127", "md_d0", "md0p1", "nvme0c0n1"),
        *("lo", "lo0", "all", "docker0", "veth1a2b3c", "br0", "br-0f1e2d3c4b5a", "virbr0", "virbr0-nic"),
        *("cni0", "cali12ab", "cilium_host", "lxc1", "flannel.1", "vxlan.calico", "kube-ipvs0", "vnet0"),
        *("bond0", "team0", "tun0", "tap0", "wg0", "ifb0", "dummy0", "eth0.100", "vmbr0", "fwbr100i0"),
    ],
)
def test_what_is_counted_elsewhere_already_is_left_out(device: str) -> None:
    assert TelegrafMapping.from_json(BUILT_IN_MAPPING).leaves_out(device)


@pytest.mark.parametrize(
    "device",
    [
        *("sda", "sdaa", "hda", "vda", "xvda", "nvme0n1", "nvme1n2", "mmcblk0", "nbd0", "sr0", "C:", "disk0"),
        *("eth0", "eno1", "enp3s0", "ens192", "enp1s0f0np0", "wlan0", "wlp2s0", "ib0", "en0", "Ethernet"),
        *("Local Area Connection", "local0", "allnet", "brcm", "loft"),
    ],
)
def test_disks_and_interfaces_are_read(device: str) -> None:
    assert not TelegrafMapping.from_json(BUILT_IN_MAPPING).leaves_out(device)


def test_the_pattern_of_devices_is_the_operators() -> None:
    mapping = TelegrafMapping.from_json([ENTRY], left_out="eth[1-9]|sdb")

    assert [mapping.leaves_out(device) for device in ("eth0", "eth1", "eth10", "sdb", "sdb1")] == [
        *(False, True, False, True, False)
    ]


def test_nothing_is_left_out_by_an_empty_pattern() -> None:
    assert not TelegrafMapping.from_json([ENTRY], left_out="").leaves_out("lo")


def test_ever_new_devices_do_not_fill_the_memory() -> None:
    mapping = TelegrafMapping.from_json([ENTRY])

    assert not any(mapping.leaves_out(f"eth{number}") for number in range(30_000))
    assert len(mapping._known) <= 10_000


METRICS = "CPU, DISK_READ, DISK_WRITE, MEMORY, NETWORK_IN, NETWORK_OUT"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measurement": ""}, "TELEGRAF_MAPPING entry 2: measurement is '', expected text"),
        ({"field": 5}, "TELEGRAF_MAPPING entry 2: field is 5, expected text"),
        ({"metric": "cpu"}, f"TELEGRAF_MAPPING entry 2: metric is 'cpu', expected one of {METRICS}"),
        ({"metric": "UNKNOWN"}, f"TELEGRAF_MAPPING entry 2: metric is 'UNKNOWN', expected one of {METRICS}"),
        (
            {"measure": ["UTILIZATION"]},
            "TELEGRAF_MAPPING entry 2: measure is ['UTILIZATION'], "
            "expected one of UTILIZATION, THROUGHPUT, RESPONSE_TIME",
        ),
        ({"kind": "rate"}, "TELEGRAF_MAPPING entry 2: kind is 'rate', expected gauge or counter"),
        (
            {"tags": ["cpu"]},
            "TELEGRAF_MAPPING entry 2: tags is ['cpu'], "
            "expected an object of tags and their values, both text",
        ),
        (
            {"tags": {"cpu": 0}},
            "TELEGRAF_MAPPING entry 2: tags is {'cpu': 0}, "
            "expected an object of tags and their values, both text",
        ),
        *(
            (
                {"factor": value},
                f"TELEGRAF_MAPPING entry 2: factor is {value!r}, expected a finite number other than 0",
            )
            for value in (0, "1", True, None, float("nan"), float("inf"))
        ),
        (
            {"factor": 10**400},
            f"TELEGRAF_MAPPING entry 2: factor is 1{'0' * 79}…, expected a finite number other than 0",
        ),
        ({"offset": "1"}, "TELEGRAF_MAPPING entry 2: offset is '1', expected a finite number"),
        ({"device": 1}, "TELEGRAF_MAPPING entry 2: device is 1, expected the name of a tag, or nothing"),
        (
            {"kind": "counter", "factor": -1},
            "TELEGRAF_MAPPING entry 2: factor is -1.0, expected more than 0 for a counter",
        ),
        (
            {"kind": "counter", "offset": 1},
            "TELEGRAF_MAPPING entry 2: offset is 1.0, expected 0 for a counter",
        ),
        (
            {"divisor": 2},
            "TELEGRAF_MAPPING entry 2 has the key 'divisor', expected some of measurement, field, tags, "
            "metric, measure, unit, kind, factor, offset, device",
        ),
        (
            {},
            "TELEGRAF_MAPPING entry 2 maps swap.used_percent to MEMORY.UTILIZATION.PERCENT as entry 1 does, "
            "expected it once",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        TelegrafMapping.from_json([ENTRY, ENTRY | change])

    assert str(raised.value) == message


@pytest.mark.parametrize("key", ENTRY)
def test_a_missing_key_is_named(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}

    with pytest.raises(SettingsError, match=f"^TELEGRAF_MAPPING entry 1 has no {key}, expected "):
        TelegrafMapping.from_json([entry])


@pytest.mark.parametrize("entries", [[], {}, "x", None, ENTRY])
def test_a_mapping_that_is_no_list_is_refused(entries: Any) -> None:
    with pytest.raises(
        SettingsError, match=r"^TELEGRAF_MAPPING is .*, expected a list of at least one object$"
    ):
        TelegrafMapping.from_json(entries)


@pytest.mark.parametrize("entry", [None, "cpu", ["cpu"], 1])
def test_an_entry_that_is_no_object_is_refused(entry: object) -> None:
    with pytest.raises(SettingsError, match=r"^TELEGRAF_MAPPING entry 1 is .*, expected an object$"):
        TelegrafMapping.from_json([entry])


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"^TELEGRAF_DEVICES_LEFT_OUT is 'lo\(', expected a regular expression: "
    ):
        TelegrafMapping.from_json([ENTRY], left_out="lo(")


def row(mapped: MappedField) -> str:
    kind = mapped.counter or "gauge"
    numbers = f"{mapped.factor:g} {mapped.offset:g}"
    return f"{mapped.field} {mapped.metric} {kind} {numbers} {mapped.device or '-'}"
