"""The raw programs beside ours: a bare ASGI application that stores a body as durably as can be, or answers nothing.

Run as `python -m tests.benchmarks.raw_receiver FOLDER PORT`.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WRITE_BYTES = 1024 * 1024


class RawReceiver:
    """PUT: write, fdatasync, rename, fsync of the folder, then 200. GET: an empty 200."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "PUT":
            await self._store(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _store(self, receive: Receive) -> None:
        name = str(next(self._numbers))
        path = self._folder / f"{name}.part"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        held = bytearray()
        is_more = True
        while is_more:
            message = await receive()
            held += message.get("body", b"")
            is_more = bool(message.get("more_body"))
            if len(held) >= WRITE_BYTES:
                await asyncio.to_thread(_write, handle, bytes(held))
                held.clear()
        await asyncio.to_thread(_finish, handle, bytes(held), path, self._folder / name)


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _finish(handle: int, data: bytes, path: Path, final: Path) -> None:
    _write(handle, data)
    os.fdatasync(handle)
    os.close(handle)
    path.rename(final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def main(folder: str, port: str) -> None:
    uvicorn.run(RawReceiver(Path(folder)), host="127.0.0.1", port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:3])
