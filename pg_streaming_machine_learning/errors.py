"""Every exception of the project.

::

    PgStreamingError
    ├── SettingsError            a setting is wrong, missing or unknown        exit code 2
    ├── StartError               the worker cannot begin
    │   ├── BrokerUnreachable    no Kafka at the configured address            exit code 3
    │   ├── TopicError           a topic is missing or has the wrong shape     exit code 4
    │   │   └── TrimmedError     records were deleted before they were read (``streams.trimmed``)
    │   └── RegistryUnreachable  no Schema Registry at the configured address  exit code 5
    ├── RegistryError            the registry refused what we asked of it
    │   └── RegistryUnavailable  it did not answer sensibly; try again         retriable
    ├── RefusedRecord            an input record becomes a dead letter, with a reason
    ├── LogFormatError           bytes of the log that this release cannot read         exit code 4
    ├── ColdStartError           neither a snapshot nor the log's beginning is left    exit code 4
    ├── LogReplacedError         the log is not the one the state was made from         exit code 4
    ├── FingerprintError         reading the log again gave another state               exit code 4
    ├── HoleError                records between two batches never arrived              exit code 75
    ├── TransactionError         a transaction did not come to its end                  exit code 75
    │   └── FencedError          another writer has the name (``operations.state_writer``)
    ├── StuckError               the process stood still                                exit code 75
    ├── WindowError              window size and hop do not go together
    ├── ModelError               the configured model cannot be built
    ├── RecordingError           a recording cannot be made or read
    ├── DeadLetterError          dead letters cannot be chosen or sent back
    ├── BackfillError            there is nothing to learn from, as it was asked
    ├── DemoError                the demo could not come to its end
    └── SnapshotError            bytes that are no snapshot of this part
        └── StateError           the state topic has nothing to go on with              exit code 4

``retriable`` says whether trying the same thing again can help; ``exit_code`` is what the process
ends with when the error reaches the command line.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = [
    "BackfillError",
    "BrokerUnreachable",
    "ColdStartError",
    "DeadLetterError",
    "DemoError",
    "FingerprintError",
    "HoleError",
    "LogFormatError",
    "LogReplacedError",
    "ModelError",
    "PgStreamingError",
    "Reason",
    "RecordingError",
    "RefusedRecord",
    "RegistryError",
    "RegistryUnavailable",
    "RegistryUnreachable",
    "SettingsError",
    "SnapshotError",
    "StartError",
    "StateError",
    "StuckError",
    "TopicError",
    "TransactionError",
    "WindowError",
]


class PgStreamingError(Exception):
    """Base of all errors of this project."""

    retriable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 70


class SettingsError(PgStreamingError):
    """A setting has a value it cannot have, or a name that is nearly one of ours."""

    exit_code = 2


class StartError(PgStreamingError):
    """The worker cannot begin its work."""


class BrokerUnreachable(StartError):
    """No Kafka broker answered at the configured address in time."""

    retriable = True
    exit_code = 3


class TopicError(StartError):
    """A topic is missing, or has partitions other than the settings say."""

    exit_code = 4


class RegistryUnreachable(StartError):
    """No Schema Registry answered at the configured address in time."""

    retriable = True
    exit_code = 5


class RegistryError(PgStreamingError):
    """The registry answered, and refused what was asked (incompatible schema, bad subject)."""

    exit_code = 5


class RegistryUnavailable(RegistryError):
    """The registry did not answer, or not sensibly: refused, 5xx, 429, time-out, not JSON."""

    retriable = True


class Reason(Enum):
    """Documented codes of the ``reason`` header of a dead letter (``docs/topics.md``)."""

    NULL_KEY = "null-key"
    NULL_VALUE = "null-value"
    BAD_KEY = "bad-key"
    BAD_FRAMING = "bad-framing"
    UNKNOWN_SCHEMA = "unknown-schema"
    WRONG_SCHEMA = "wrong-schema"
    BAD_AVRO = "bad-avro"
    BAD_WINDOW = "bad-window"
    UNKNOWN_SYMBOL = "unknown-symbol"
    BAD_LABEL = "bad-label"
    NOT_FINITE = "not-finite"
    BAD_HOST = "bad-host"
    TOO_LARGE = "too-large"
    BAD_TIME = "bad-time"
    BAD_LINE = "bad-line"
    BAD_JSON = "bad-json"
    BAD_VALUE = "bad-value"


class RefusedRecord(PgStreamingError):
    """An input record cannot become an update.

    Parameters
    ----------
    reason : Reason
        The documented code, for programs.
    detail : str
        One sentence for people: what was found, what was expected.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class LogFormatError(PgStreamingError):
    """Bytes of the log topic that this release cannot read: damaged, or of a newer release."""

    exit_code = 4


class ColdStartError(PgStreamingError):
    """No snapshot can be used, and the log no longer begins where the state would be rebuilt from."""

    exit_code = 4


class LogReplacedError(PgStreamingError):
    """The log is shorter than what was already read from it: it was made anew."""

    exit_code = 4


class FingerprintError(PgStreamingError):
    """Reading the log again gave another state than the one whose outputs were sent."""

    exit_code = 4


class HoleError(PgStreamingError):
    """Records between two batches of a partition never arrived. A new start reads them, or says why not."""

    retriable = True
    exit_code = 75


class TransactionError(PgStreamingError):
    """A transaction did not come to its end: fenced, refused, or no answer in time. A new start mends it."""

    retriable = True
    exit_code = 75


class StuckError(PgStreamingError):
    """The event loop or the heartbeat stood still for too long. A new start mends it."""

    retriable = True
    exit_code = 75


class WindowError(PgStreamingError, ValueError):
    """The hop is not positive, or exceeds the window size, or does not fit the grid."""


class ModelError(PgStreamingError):
    """The configured model cannot be imported or built from its parameters."""

    exit_code = 2


class RecordingError(PgStreamingError):
    """A recording cannot be made, or its files are damaged or of another version."""


class DeadLetterError(PgStreamingError):
    """Dead letters cannot be chosen as asked, or not be sent back to where they came from."""


class BackfillError(PgStreamingError):
    """What topics are to be learned from, as asked, is not there."""


class DemoError(PgStreamingError):
    """The demo could not come to its end: its worker left, or stood still."""


class SnapshotError(PgStreamingError, ValueError):
    """Bytes that are no snapshot of this part of the engine, or of another version."""


class StateError(SnapshotError):
    """What the state topic has of a partition cannot be gone on with, and going on without would be wrong."""

    exit_code = 4
