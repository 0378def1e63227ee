"""What is read of Telegraf's measurements unless the settings say otherwise."""

from __future__ import annotations

from typing import Any

__all__ = ["BUILT_IN_MAPPING", "DEVICES_LEFT_OUT"]

_CPU = ("CPU", "UTILIZATION", "PERCENT")
_MEMORY = ("MEMORY", "UTILIZATION", "PERCENT")
_READ = ("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
_WRITTEN = ("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND")
_READING = ("DISK_READ", "UTILIZATION", "PERCENT")
_WRITING = ("DISK_WRITE", "UTILIZATION", "PERCENT")
_RECEIVED = ("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND")
_SENT = ("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND")
_PERCENT_OF_MS_IN_A_SECOND = 0.1


def _built_in(measurement: str, field: str, about: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    metric, measure, unit = about
    names = {"metric": metric, "measure": measure, "unit": unit}
    return {"measurement": measurement, "field": field, **names, **more}


def _counter(
    measurement: str, field: str, about: tuple[str, str, str], device: str, factor: float = 1.0
) -> dict[str, Any]:
    return _built_in(measurement, field, about, kind="counter", device=device, factor=factor)


def _both_names(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries, and the same as Telegraf names them when it reads them from a Prometheus client.

    With ``metric_version = 2``, every measurement is ``prometheus``, and the field has the former name of the
    measurement in front.
    """
    flat = [
        entry | {"measurement": "prometheus", "field": f"{entry['measurement']}_{entry['field']}"}
        for entry in entries
    ]
    return entries + flat


BUILT_IN_MAPPING: list[dict[str, Any]] = _both_names(
    [
        _built_in("cpu", "usage_idle", _CPU, tags={"cpu": "cpu-total"}, factor=-1.0, offset=100.0),
        _built_in("mem", "used_percent", _MEMORY),
        _counter("diskio", "read_bytes", _READ, "name"),
        _counter("diskio", "write_bytes", _WRITTEN, "name"),
        _counter("diskio", "read_time", _READING, "name", _PERCENT_OF_MS_IN_A_SECOND),
        _counter("diskio", "write_time", _WRITING, "name", _PERCENT_OF_MS_IN_A_SECOND),
        _counter("net", "bytes_recv", _RECEIVED, "interface"),
        _counter("net", "bytes_sent", _SENT, "interface"),
    ]
)
"""The default of the setting ``TELEGRAF_MAPPING``, as one writes it in JSON."""

DEVICES_LEFT_OUT = "|".join(
    (
        # Partitions: their disk counts what they do.
        r"(?:[hsv]|xv)d[a-z]+[0-9]+",
        r"(?:nvme[0-9]+n[0-9]+|mmcblk[0-9]+|nbd[0-9]+)p[0-9]+",
        r"mmcblk[0-9]+(?:boot[0-9]+|rpmb)",
        # Of memory, of a file, or made of other disks, which count it already.
        r"(?:loop|z?ram)[0-9]+(?:p[0-9]+)?",
        r"(?:dm-|md_?d?)[0-9]+(?:p[0-9]+)?",
        # One path of several to the same disk.
        r"nvme[0-9]+c[0-9]+n[0-9]+(?:p[0-9]+)?",
        # Loopback, and Telegraf's line for all interfaces.
        r"lo[0-9]*|all",
        # Bridges, their ends in containers and virtual machines, tunnels, bonds and VLANs: what comes from or
        # goes to another host is counted once more by the interface below.
        r"(?:docker|br|virbr|vmbr|cni|bond|team|tun|tap|wg|ifb|dummy)[0-9]+(?:-nic)?",
        r"(?:veth|br-|cali|cilium_|lxc|flannel\.|vxlan|kube-|vnet|fwbr|fwpr|fwln).*",
        r"[^.]+\.[0-9]+",
    )
)
"""The default of the setting ``TELEGRAF_DEVICES_LEFT_OUT``: a pattern of whole names."""
