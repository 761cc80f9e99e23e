"""TCP proxies between the platform and its servers, which cut and delay connections on demand."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

_CHUNK_BYTES = 64 * 1024
_TIMEOUT_SECONDS = 10


@dataclass
class Proxy:
    """Forwards every connection to `port` of 127.0.0.1 to the port `upstream`.

    Args:
        delay_seconds: How long every chunk is held before it is forwarded.
    """

    port: int
    upstream: int
    delay_seconds: float = 0.0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        """Starts to accept connections, unless it already does."""
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Aborts every connection, and refuses new ones until it is opened again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, upstream}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, upstream), self._pump(answers, writer))
        except OSError:
            # One side aborted: the other side sees that too, as it would without a proxy.
            for each in both:
                each.transport.abort()
        finally:
            self._writers -= both
            for each in both:
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@dataclass(frozen=True)
class Network:
    """The proxies, by server, in a thread with an event loop of its own."""

    proxies: Mapping[str, Proxy]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Forwards connections while the block runs."""
        thread = Thread(target=self.loop.run_forever, name="network", daemon=True)
        thread.start()
        try:
            for name in self.proxies:
                self.restore(name)
            yield
        finally:
            for proxy in self.proxies.values():
                self._run(proxy.cut())
            self._run(_cancel_tasks())
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join(_TIMEOUT_SECONDS)
            self.loop.close()

    def cut(self, name: str) -> None:
        """Aborts all connections to a server, and refuses new ones."""
        self._run(self.proxies[name].cut())

    def delay(self, name: str, seconds: float) -> None:
        """Delays every chunk of all connections to a server."""
        self.proxies[name].delay_seconds = seconds

    def restore(self, name: str) -> None:
        """Forwards connections to a server again, without delay."""
        self.proxies[name].delay_seconds = 0.0
        self._run(self.proxies[name].open())

    def _run(self, action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self.loop).result(_TIMEOUT_SECONDS)


async def _cancel_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    for task in others:
        with suppress(asyncio.CancelledError):
            await task
