"""A TCP proxy between workers and the broker that can be slow, reset connections, or go silent."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType

__all__ = ["Proxy"]

_CHUNK_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of nothing: closing sends RST."""


class Proxy:
    """Passes connections of a loopback port on to another port, from a thread of its own.

    Attributes
    ----------
    port : int
        Where it listens.
    target : int
        The port it passes connections on to; to be set before the first.
    delay_s : float
        How much later each piece of data comes, either way.
    """

    def __init__(self) -> None:
        self.target = 0
        self.delay_s = 0.0
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_refusing = False

    def __enter__(self) -> Proxy:
        self._listener.listen(128)
        self._passes = asyncio.Event()
        self._passes.set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()

    def reset(self) -> None:
        """Reset all connections; new ones are taken."""
        self._call(self._reset())

    def refuse(self) -> None:
        """Reset all connections, and each new one at once, until `heal`."""
        self._is_refusing = True
        self.reset()

    def cut(self) -> None:
        """Let no byte pass until `heal`; connections stay, and new ones are taken and lead nowhere."""
        self._call(self._cut())

    def heal(self) -> None:
        """Be a wire again: what was held back is passed on."""
        self.delay_s = 0.0
        self._is_refusing = False
        self._call(self._heal())

    def _call(self, coroutine: object) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)  # type: ignore[arg-type]
        future.result(10)

    async def _reset(self) -> None:
        for writer in list(self._writers):
            _abort(writer)

    async def _cut(self) -> None:
        self._passes.clear()

    async def _heal(self) -> None:
        self._passes.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, sock=self._listener))
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._reset())
        while tasks := asyncio.all_tasks(self._loop):  # one that is cancelled may leave another behind
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        # A transport that was aborted closes its socket in the next turn of the loop.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            _abort(writer)
            return
        self._writers.add(writer)
        try:
            there, here = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self._writers.discard(writer)
            _abort(writer)
            return
        self._writers.add(here)
        try:
            await asyncio.gather(self._pass_on(reader, here), self._pass_on(there, writer))
        finally:
            for each in (writer, here):
                self._writers.discard(each)
                _abort(each)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes from one side until it ends; then end the other side."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        sender = asyncio.ensure_future(self._send(waiting, writer))
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await waiting.put((self._loop.time() + self.delay_s, data))
        await waiting.put((0.0, b""))
        await sender

    async def _send(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                due_s, data = await waiting.get()
                await self._passes.wait()
                if not data:
                    break
                if (left_s := due_s - self._loop.time()) > 0:
                    await asyncio.sleep(left_s)
                writer.write(data)
                await writer.drain()
        writer.close()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection so that the other side sees a reset."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
