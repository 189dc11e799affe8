"""Life of a process: build, serve, watch the background tasks, stop in order within a budget, or stop hard."""

import asyncio
import gc
import os
import select
import signal
import socket
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.runtime.pace import watch
from infra.runtime.settings import Settings
from infra.runtime.telemetry import flush_telemetry
from infra.runtime.wire import Wire, more_handles
from schemas.errors import ArtStoreError, ConfigurationInvalid

START_SECONDS = 60.0
STOP_WITHOUT_PROCESS_SECONDS = 10.0
HARD_EXIT = 70
STOPPING = "artstore.stopping"
# Requests leave few cycles behind, and all that is under way is looked through at each collection. What a broken one
# holds in a cycle waits for the next: not too seldom.
COLLECT_EVERY = 5_000


@dataclass(frozen=True)
class Task:
    """Background work: `run` goes on until it is cancelled; if it ends or fails before, the process ends."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Process:
    """What a program consists of once it is built. `stop_seconds` bounds the whole orderly stop."""

    name: str
    app: ASGIApp
    host: str
    port: int
    tasks: Sequence[Task] = ()
    stop_seconds: float = 10
    on_stop: Callable[[], Awaitable[None]] | None = None


Build = Callable[[Settings], AbstractAsyncContextManager[Process]]


def run(build: Build, settings: Settings, start_seconds: float = START_SECONDS) -> int:
    """Run the process until SIGTERM, SIGINT or a failure; return its exit code (0 orderly, 1 after a failure).

    A build that takes longer than `start_seconds` has failed.
    Stop order: not ready, no new connections, requests in flight finish, `on_stop`, tasks cancelled in reverse, the
    build context closed. Whatever is left when the budget ends is cut off by `os._exit(70)`. That guard stays armed
    after the return, so the caller has to end the process at once.
    """
    verdict = _Verdict()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_live(build, settings, verdict, start_seconds))
    flush_telemetry()
    return verdict.code


@dataclass
class _Verdict:
    """The one place of a process where any exception ends: it is logged once and becomes the exit code."""

    code: int = 0

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self.code = 1
        log = structlog.get_logger("artstore.lifecycle")
        expected = isinstance(error, ArtStoreError)
        log.error("process_failed", error=_sentence(error), exc_info=None if expected else error)
        return True


class _TaskEndedError(Exception):
    """A background task ended although nobody stopped it."""


@dataclass
class _Stop:
    """The wish to stop, by signal; `wanted` is also shown to the app as `scope["artstore.stopping"]`."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    start: asyncio.Timeout | None = None

    def request(self) -> None:
        self.wanted.set()
        if self.start is not None:
            # A start is given up at once: its deadline is now.
            self.start.reschedule(asyncio.get_running_loop().time())


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled by the lifecycle, which knows what else there is to stop."""
        yield


async def _live(build: Build, settings: Settings, verdict: _Verdict, start_seconds: float) -> None:
    stop = _Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.request)
    with verdict:
        async with AsyncExitStack() as stack:
            process = await _start(stack, build(settings), stop, start_seconds)
            if process is None:
                return
            structlog.get_logger("artstore.lifecycle").info("process_settings", settings=settings.masked())
            _leave_in_peace()
            with verdict:
                ends = await _serve(stack, process, stop)
                await _first_end(ends, stop.wanted)
            stop.wanted.set()
            structlog.get_logger("artstore.lifecycle").info("process_stopping", budget_seconds=process.stop_seconds)
            _arm_hard_exit(process.stop_seconds)


async def _start(
    stack: AsyncExitStack, context: AbstractAsyncContextManager[Process], stop: _Stop, seconds: float
) -> Process | None:
    guard = _arm_hard_exit(seconds + STOP_WITHOUT_PROCESS_SECONDS)
    try:
        async with asyncio.timeout(seconds) as stop.start:
            process = await stack.enter_async_context(context)
    except TimeoutError:
        if stop.wanted.is_set():
            return None
        raise
    finally:
        stop.start = None
        guard.cancel()
    return process


async def _serve(stack: AsyncExitStack, process: Process, stop: _Stop) -> list[asyncio.Task[None]]:
    """Start tasks and server; each pushes its own stop, so that unwinding the stack is the stop in reverse."""
    listener = _listen(process)
    stack.callback(listener.close)
    ends = []
    for task in process.tasks:
        ends.append(running := asyncio.create_task(_until_cancelled(task), name=task.name))
        stack.push_async_callback(_cancel, running)
    if process.on_stop is not None:
        stack.push_async_callback(process.on_stop)
    more_handles()
    server = _Server(_config(process, stop.wanted))
    watching = Task("slow clients", lambda: watch(lambda: cast("Iterable[Wire]", server.server_state.connections)))
    ends.append(running := asyncio.create_task(_until_cancelled(watching), name=watching.name))
    stack.push_async_callback(_cancel, running)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    stack.push_async_callback(_finish_requests, server, serving)
    host, port = listener.getsockname()[:2]
    structlog.get_logger("artstore.lifecycle").info("process_started", host=host, port=port, pid=os.getpid())
    return [*ends, serving]


async def _first_end(ends: Sequence[asyncio.Task[None]], wanted: asyncio.Event) -> None:
    waiting = asyncio.create_task(wanted.wait())
    done, _ = await asyncio.wait({*ends, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for end in done - {waiting}:
        await end
        message = f"{end.get_name()} ended although nobody stopped it"
        raise _TaskEndedError(message)


async def _until_cancelled(task: Task) -> None:
    await task.run()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel and wait; a failure while stopping counts, one that ended the process was already told."""
    ended_before = task.done()
    task.cancel()
    await asyncio.wait({task})
    # Asking for the failure also tells the event loop that it was not lost.
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not ended_before:
        raise failure


async def _finish_requests(server: _Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()


def _leave_in_peace() -> None:
    """Let the collector of cycles pass over what was built for the whole life of the process, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])


def _config(process: Process, stopping: asyncio.Event) -> uvicorn.Config:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await process.app({**scope, STOPPING: stopping}, receive, send)

    return uvicorn.Config(
        app,
        http=Wire,
        loop="uvloop",
        lifespan="off",
        ws="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Half of the budget is for requests; the rest stays for what has to be closed after them.
        timeout_graceful_shutdown=max(1, int(process.stop_seconds / 2)),
    )


def _listen(process: Process) -> socket.socket:
    family = socket.AF_INET6 if ":" in process.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((process.host, process.port))
    except OSError as error:
        listener.close()
        message = f"{process.name} cannot listen on {process.host}:{process.port}: {error.strerror}. Set another port."
        raise ConfigurationInvalid(message) from error
    return listener


def _arm_hard_exit(seconds: float) -> threading.Timer:
    """End the process after `seconds`, whatever its event loop does: a thread does not wait for a blocked loop."""
    timer = threading.Timer(seconds, _exit_hard)
    timer.daemon = True
    timer.start()
    return timer


def _exit_hard() -> None:
    # Logging could wait for the very lock or pipe that the process hangs on, so only a writable stderr gets a line.
    if select.select([], [2], [], 0)[1]:
        os.write(2, b'{"level":"error","event":"stop_budget_exceeded","logger":"artstore.lifecycle"}\n')
    os._exit(HARD_EXIT)


def _sentence(error: Exception) -> str:
    return error.detail if isinstance(error, ArtStoreError) else traceback.format_exception_only(error)[-1].strip()
