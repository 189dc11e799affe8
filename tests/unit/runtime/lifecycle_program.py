"""A small program for the tests of the lifecycle; its first argument says how it behaves, its second is the port."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infra.runtime.http import operational_routes, traced
from infra.runtime.lifecycle import START_SECONDS, Process, Task, run
from infra.runtime.metrics import Metrics
from infra.runtime.settings import Settings
from infra.runtime.settings_sections import TelemetrySettings
from infra.runtime.telemetry import setup_telemetry, span
from schemas.errors import ConfigurationInvalid


def _say(word: str) -> None:
    sys.stderr.write(word + "\n")
    sys.stderr.flush()


async def _slow(_request: Request) -> Response:
    _say("slow began")
    await asyncio.sleep(0.5)
    return PlainTextResponse("finished")


async def _for_ever() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        _say("task cancelled")


async def _ends() -> None:
    await asyncio.sleep(0.2)


async def _dies() -> None:
    await asyncio.sleep(0.2)
    message = "the background work broke"
    raise ZeroDivisionError(message)


async def _blocks() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        time.sleep(30)  # noqa: ASYNC251 - a loop that is blocked is what the hard exit is for


async def _on_stop() -> None:
    _say("on_stop")


TASKS: dict[str, Sequence[Task]] = {
    "orderly": (Task("first", _for_ever),),
    "ends": (Task("first", _for_ever), Task("short", _ends)),
    "dies": (Task("first", _for_ever), Task("broken", _dies)),
    "blocks": (Task("blocking", _blocks),),
}


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Process]:
    """Assemble the program that `sys.argv` asks for."""
    behaviour, port = sys.argv[1], int(sys.argv[2])
    setup_telemetry("program", settings.telemetry)
    if behaviour == "refuses":
        raise ConfigurationInvalid("Set the key.")
    if behaviour in ("hangs", "late"):
        _say("building")
        await asyncio.sleep(60)
    with span("building", attributes={"password": "hidden"}):
        app = Starlette(routes=[Route("/slow", _slow), *operational_routes("program", {}, Metrics())])
    stop_seconds = 1.0 if behaviour == "blocks" else 5.0
    try:
        yield Process("program", traced(app), "127.0.0.1", port, TASKS[behaviour], stop_seconds, _on_stop)
    finally:
        _say("closed")


if __name__ == "__main__":
    spans = Path(sys.argv[3])
    start_seconds = 0.5 if sys.argv[1] == "late" else START_SECONDS
    sys.exit(run(build, Settings(home=spans.parent, telemetry=TelemetrySettings(spans_path=spans)), start_seconds))
