"""The workers under a supervisor that starts each again as soon as it ends, however it ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from storm.nursery import Ending, Nursery

__all__ = ["Crew"]

RESTART_AFTER_S = 0.2
RESTART_SLOWLY_S = 1.0
SHORT_LIFE_S = 3.0
ENDS_WITHIN_S = 15.0


@dataclass
class _Post:
    """A place in the crew, which one process after the other fills."""

    number: int
    pid: int | None = None
    started_s: float = 0.0
    is_wanted: bool = True
    timer: threading.Timer | None = field(default=None, repr=False)


class Crew:
    """Some workers of one application.

    Parameters
    ----------
    nursery : Nursery
        Where they come from.
    environment : mapping of str to str
        Their settings; what is changed in it goes for those started later.
    folder : Path
        For what they print, one file each.
    """

    def __init__(self, nursery: Nursery, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self.endings: list[Ending] = []
        self._nursery = nursery
        self._folder = folder
        self._lock = threading.RLock()
        self._ended = threading.Condition(self._lock)
        self._posts: list[_Post] = []
        self._is_held = False

    def resize(self, count: int, number: int = signal.SIGTERM) -> None:
        """Have so many workers; those too many are ended with a signal and not replaced."""
        with self._lock:
            while len(self._posts) < count:
                post = _Post(len(self._posts))
                self._posts.append(post)
                if not self._is_held:
                    self._start(post)
            leaving, self._posts = self._posts[count:], self._posts[:count]
            for post in leaving:
                post.is_wanted = False
                self._signal(post, number)
        self._await_end(leaving)

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return [post.pid for post in self._posts if post.pid is not None]

    def hold(self, number: int = signal.SIGKILL) -> None:
        """End all workers and start none until `release`."""
        with self._lock:
            self._is_held = True
            for post in self._posts:
                self._signal(post, number)
            posts = list(self._posts)
        self._await_end(posts)

    def release(self) -> None:
        """Start them again."""
        with self._lock:
            self._is_held = False
            for post in self._posts:
                if post.pid is None:
                    self._start(post)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process, if it is still there."""
        with self._lock:
            if pid in self.pids:
                os.kill(pid, number)

    def log(self, number: int) -> str:
        """Return what the workers at one post have printed, numbered from 0."""
        file = self._folder / f"worker-{number}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def logs(self) -> str:
        """Return all that the workers have printed."""
        files = sorted(self._folder.glob("worker-*.log"))
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def _start(self, post: _Post) -> None:
        log = self._folder / f"worker-{post.number}.log"
        post.started_s = time.monotonic()
        post.pid = self._nursery.start(self.environment, log, lambda ending: self._has_ended(post, ending))

    def _has_ended(self, post: _Post, ending: Ending) -> None:
        with self._lock:
            self.endings.append(ending)
            post.pid = None
            self._ended.notify_all()
            if post.is_wanted and not self._is_held:
                lived_s = time.monotonic() - post.started_s
                pause_s = RESTART_AFTER_S if lived_s > SHORT_LIFE_S else RESTART_SLOWLY_S
                post.timer = threading.Timer(pause_s, self._start_again, (post,))
                post.timer.daemon = True
                post.timer.start()

    def _start_again(self, post: _Post) -> None:
        with self._lock:
            if post.is_wanted and not self._is_held and post.pid is None:
                self._start(post)

    def _signal(self, post: _Post, number: int) -> None:
        if post.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(post.pid, number)
                os.kill(post.pid, signal.SIGCONT)  # a frozen one would not hear it

    def _await_end(self, posts: list[_Post]) -> None:
        def all_gone() -> bool:
            return all(post.pid is None for post in posts)

        with self._ended:
            if self._ended.wait_for(all_gone, ENDS_WITHIN_S):
                return
            for post in posts:
                self._signal(post, signal.SIGKILL)
            if not self._ended.wait_for(all_gone, ENDS_WITHIN_S):
                raise RuntimeError("a worker does not end even by SIGKILL")
