"""An application behind the server that programs have: in the loop of a test, or in a thread with uvloop as in life."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import uvloop
from starlette.types import ASGIApp

from infra.runtime.lifecycle import Process, _config, _Server
from infra.runtime.pace import Watched, watch

START_SECONDS = 10


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """Serve in this loop; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(_config(Process("test", app, "127.0.0.1", 0, stop_seconds=2), asyncio.Event()))
    served = asyncio.create_task(server.serve(sockets=[listener]))
    watching = asyncio.create_task(watch(lambda: cast("set[Watched]", server.server_state.connections)))
    try:
        async with asyncio.timeout(START_SECONDS):
            while not server.started:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await served
        watching.cancel()


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """Serve in a thread of its own; yields the port."""
    ports: list[int] = []
    ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stops.append((asyncio.get_running_loop(), asyncio.Event()))
        async with serving(app) as port:
            ports.append(port)
            ready.set()
            await stops[0][1].wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(START_SECONDS)
    try:
        yield ports[0]
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)
