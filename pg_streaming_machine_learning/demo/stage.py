"""What runs in the demo: broker, registry, worker and replay, joined, and taken apart on every way out."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.ending import Ending
from pg_streaming_machine_learning.demo.feed import Feed, PredictionReader
from pg_streaming_machine_learning.demo.kills import Kills
from pg_streaming_machine_learning.demo.objectives import objectives_text
from pg_streaming_machine_learning.demo.options import DemoOptions
from pg_streaming_machine_learning.demo.portrait import Portrait
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.replay import Replay
from pg_streaming_machine_learning.demo.revisions import GRID
from pg_streaming_machine_learning.demo.saved import saved_line
from pg_streaming_machine_learning.demo.script import Script
from pg_streaming_machine_learning.demo.supervisor import Supervisor
from pg_streaming_machine_learning.demo.unread import Unread
from pg_streaming_machine_learning.demo.worker import DemoWorker
from pg_streaming_machine_learning.errors import DemoError
from pg_streaming_machine_learning.operations.dead_letters import DeadLetter
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC

__all__ = ["Stage"]

LOG_TOPIC = "pg-streaming-samples"
PREDICTIONS_TOPIC = "pg-streaming-predictions"
DEAD_LETTERS_TOPIC = "pg-streaming-dead-letters"
STATE_TOPIC = "pg-streaming-state"
PROGRESS_TOPIC = "pg-streaming-progress"

GROUP = "pg-streaming-machine-learning-demo"
GRACE_S = 10
IDLE_AFTER_S = 5

SESSION_TIMEOUT_S = 4
"""For so long a killed worker's partitions wait for it: nobody wants to watch that for long. The embedded
broker takes 3 s to let somebody join, and forgets them if their session is shorter."""

SNAPSHOT_EVERY_UPDATES = 2_000
SNAPSHOT_EVERY_S = 3
"""So that a start has little to read again, and not what the broker has dropped."""

STALL_S = 60.0
"""Without a prediction, a dead letter or a kill for so long, the demo gives up, seconds."""

COMPILE_S = 600.0
"""While the worker compiles the forest it is silent, on a busy machine for minutes; not longer than this."""

OBJECTIVES_FILE = "objectives.toml"
"""Written for the worker: what counts as slow, by host."""

_TOPICS = (
    LINES_TOPIC,
    SPANS_TOPIC,
    LOG_TOPIC,
    PREDICTIONS_TOPIC,
    DEAD_LETTERS_TOPIC,
    STATE_TOPIC,
    PROGRESS_TOPIC,
)
_FRAME_S = 0.12
_QUIET_FRAMES = 5


class Stage:
    """Everything that runs, entered into a stack that takes it apart in the opposite order.

    Attributes
    ----------
    board : Board
        What is known so far.
    portrait : Portrait
        The picture that shows most.
    """

    def __init__(self, stack: ExitStack, script: Script, options: DemoOptions, started_s: float) -> None:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pg-streaming-demo-")))
        broker = stack.enter_context(EmbeddedBroker(topics=_TOPICS))
        registry = stack.enter_context(DemoRegistry.start_in_thread())
        self._options = options
        self._script = script
        objectives = directory / OBJECTIVES_FILE
        objectives.write_text(objectives_text(script.thresholds_ms, options.share), encoding="utf-8")
        self._environment = _environment(broker.bootstrap, registry.url, objectives)
        log = options.log.absolute() if options.log is not None else directory / "worker.log"
        self._supervisor = Supervisor(stack.enter_context(DemoWorker(self._environment, directory, log)))
        self._supervisor.start()
        self._replay = Replay(
            script,
            broker.bootstrap,
            broker.partitions,
            Unread(broker.bootstrap, GROUP),
            options.speed,
            is_live=options.live,
        )
        stack.callback(self._replay.stop)
        self._feed = stack.enter_context(Feed(broker.bootstrap, (PREDICTIONS_TOPIC, DEAD_LETTERS_TOPIC)))
        self._reader = stack.enter_context(PredictionReader(registry.url))
        self._lines: list[str] = []
        self._began_s = self._changed_s = time.monotonic()
        self._is_given_up = False
        self.portrait = Portrait()
        self.board = Board(
            script.hosts, script.start_ms, script.end_ms, options.speed, started_s, is_live=options.live
        )
        self._kills = Kills(options.kill, script.start_ms, script.end_ms)
        self._replay.hold_at_ms = self._kills.hold_at_ms
        self._replay.start()

    @property
    def is_over(self) -> bool:
        """Say whether everything has come, or nothing more is to be expected."""
        return self.board.is_complete or self._is_given_up

    def go_on(self) -> None:
        """Take in what is new, for a moment; kill the worker if its time has come."""
        is_new = self._take_in()
        now_s = time.monotonic()
        self._note_progress(now_s)
        if self._kills.is_due(self._replay.predicted_to_ms):
            self._supervisor.kill()
            self._kills.done()
            self._replay.hold_at_ms = self._kills.hold_at_ms
        self._supervise()
        self._check(now_s, is_new)

    def finish(self) -> None:
        """Take in what comes although everything was there: records that are one too many."""
        quiet = 0
        while quiet < _QUIET_FRAMES:
            quiet = 0 if self._take_in() else quiet + 1

    def save(self) -> None:
        """Write predictions and picture to the files that were asked for."""
        if self._options.picture is not None and self.portrait.svg:
            self._options.picture.write_text(self.portrait.svg, encoding="utf-8")
        if self._options.save is not None:
            self._options.save.write_text("".join(self._lines), encoding="utf-8")

    def hold(self, console: Console, ending: Ending) -> None:
        """Say where broker and registry are, and wait for Ctrl-C."""
        console.print("\nStill running; in another terminal:\n", markup=False)
        for name in ("KAFKA_BOOTSTRAP_SERVER", "SCHEMA_REGISTRY_URL"):
            console.print(f"  export {name}={self._environment[name]}", markup=False, highlight=False)
        console.print(f"  pg-streaming-machine-learning inspect {PREDICTIONS_TOPIC}", highlight=False)
        console.print("  pg-streaming-machine-learning dead-letters list\n", highlight=False)
        console.print("Ctrl-C ends it.")
        while True:
            ending.check()
            self._supervise()
            time.sleep(0.2)

    def _take_in(self) -> bool:
        """Take in what comes within a moment; say whether anything did."""
        records = self._feed.take(_FRAME_S)
        now_s = time.monotonic()
        for record in records:
            self._take(record, now_s)
        return bool(records)

    def _supervise(self) -> None:
        """Start the worker again if it has ended."""
        supervisor, board = self._supervisor, self.board
        killed = supervisor.killed
        if supervisor.look() and supervisor.killed > killed:
            self._changed_s = (
                time.monotonic()
            )  # a worker that is killed again and again need not bring anything
        board.worker_pid = supervisor.pid
        board.kills, board.restarts = supervisor.killed, supervisor.restarted

    def _take(self, record: InputRecord, now_s: float) -> None:
        if record.topic == DEAD_LETTERS_TOPIC:
            letter = DeadLetter.from_record(record)
            self.board.was_refused(letter.origin, letter.reason)
            return
        prediction, value = self._reader.read(record), record.value or b""
        if not self.board.predicted(prediction, value, now_s):
            return
        self._replay.predicted_to_ms = max(self._replay.predicted_to_ms, prediction.window_end_ms)
        if self._options.save is not None:
            self._lines.append(saved_line(prediction, value))

    def _note_progress(self, now_s: float) -> None:
        board, replay = self.board, self._replay
        board.replayed_to_ms = replay.replayed_to_ms
        board.messages_sent, board.bytes_sent = replay.messages_sent, replay.bytes_sent
        board.windows_sent = replay.windows_sent
        board.bad_sent, board.expected = replay.bad_sent, replay.expected
        board.tick(now_s)
        if board.is_complete:
            board.phase = "done"
        elif board.expected is not None:
            board.phase = "all sent, waiting for the rest"
        elif board.predictions > 0:
            board.phase = "predicting" + (self._faults_now() if board.is_live else "")
        else:
            is_compiling = self._supervisor.is_compiling
            board.phase = "the worker compiles the forest, once" if is_compiling else "starting the worker"
            if is_compiling and now_s - self._began_s <= COMPILE_S:
                self._changed_s = now_s

    def _faults_now(self) -> str:
        """Return what goes wrong at present, in words."""
        offset_ms = self._replay.replayed_to_ms - self._script.start_ms
        acting = [fault for fault in self._script.faults if fault.level(offset_ms) > 0]
        return "".join(f", {fault.kind.value} fault in {fault.service}" for fault in acting)

    def _check(self, now_s: float, is_new: bool) -> None:
        """Raise if the demo cannot come to its end; give up if only some of it is missing after kills."""
        if self._replay.error is not None:
            raise self._replay.error
        if is_new:
            self._changed_s = now_s
        if now_s - self._changed_s <= STALL_S:
            return
        if self.board.expected is None or self.board.kills + self.board.restarts == 0:
            raise DemoError(f"nothing came from the worker for {STALL_S:g} s{self._supervisor.last_words()}")
        self._is_given_up = True


def _environment(bootstrap: str, registry_url: str, objectives: Path) -> dict[str, str]:
    """Return the worker's settings; any other, such as MODEL, comes from the caller's environment."""
    return {
        "SIMPLE_SETTINGS": "settings",
        "KAFKA_BOOTSTRAP_SERVER": f"kafka://{bootstrap}",
        "SCHEMA_REGISTRY_URL": registry_url,
        "SOURCES": "telegraf,zipkin",
        "PUBLISH": "",
        "TELEGRAF_TOPIC": LINES_TOPIC,
        "ZIPKIN_TOPIC": SPANS_TOPIC,
        "ZIPKIN_HOST_FROM": "local.service",
        "OBJECTIVES": str(objectives),
        "LOG_TOPIC": LOG_TOPIC,
        "PREDICTIONS_TOPIC": PREDICTIONS_TOPIC,
        "DEAD_LETTERS_TOPIC": DEAD_LETTERS_TOPIC,
        "STATE_TOPIC": STATE_TOPIC,
        "PROGRESS_TOPIC": PROGRESS_TOPIC,
        "APPLICATION_ID": GROUP,
        "LOG_PARTITIONS": "1",
        "TOPICS_CREATE": "false",
        "SCHEMAS_REGISTER": "true",
        "WINDOW_SIZE_S": f"{GRID.size_ms // 1000}",
        "WINDOW_HOP_S": f"{GRID.hop_ms // 1000}",
        "WINDOW_GRACE_S": f"{GRACE_S}",
        "IDLE_AFTER_S": f"{IDLE_AFTER_S}",
        "SESSION_TIMEOUT_S": f"{SESSION_TIMEOUT_S}",
        "SNAPSHOT_EVERY_UPDATES": f"{SNAPSHOT_EVERY_UPDATES}",
        "SNAPSHOT_EVERY_S": f"{SNAPSHOT_EVERY_S}",
        "CHECK_CRCS": "false",
        "WEB_ENABLED": "false",
    }
