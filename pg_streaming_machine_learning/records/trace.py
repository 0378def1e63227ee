"""The words of the contract for what is measured: metric, measure and unit."""

from __future__ import annotations

from enum import Enum

__all__ = ["TraceMeasure", "TraceMetric", "TraceUnit"]

TRACE_NAMESPACE = "pg.trace.model"


class InTraceNamespace:
    """Base of the enums: their Avro namespace, where dataclasses-avroschema looks for it.

    It is inherited because a class written inside an enum would become a member of it.
    """

    class Meta:
        """How the schema is rendered."""

        namespace = TRACE_NAMESPACE


class TraceMetric(InTraceNamespace, str, Enum):
    """The resource a reading is about."""

    CPU = "CPU"
    DISK_READ = "DISK_READ"
    DISK_WRITE = "DISK_WRITE"
    MEMORY = "MEMORY"
    NETWORK_IN = "NETWORK_IN"
    NETWORK_OUT = "NETWORK_OUT"
    UNKNOWN = "UNKNOWN"


class TraceMeasure(InTraceNamespace, str, Enum):
    """What about the resource is measured."""

    UTILIZATION = "UTILIZATION"
    THROUGHPUT = "THROUGHPUT"
    RESPONSE_TIME = "RESPONSE_TIME"
    UNKNOWN = "UNKNOWN"


class TraceUnit(InTraceNamespace, str, Enum):
    """The unit of the measured values."""

    COUNT = "COUNT"
    COUNT_PER_SECOND = "COUNT_PER_SECOND"
    BYTES = "BYTES"
    BYTES_PER_SECOND = "BYTES_PER_SECOND"
    KILOBYTES = "KILOBYTES"
    KILOBYTES_PER_SECOND = "KILOBYTES_PER_SECOND"
    MEGABYTES = "MEGABYTES"
    MEGABYTES_PER_SECOND = "MEGABYTES_PER_SECOND"
    PERCENT = "PERCENT"
    MILLISECONDS = "MILLISECONDS"
    SECONDS = "SECONDS"
    UNKNOWN = "UNKNOWN"
