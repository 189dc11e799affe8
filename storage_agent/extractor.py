"""One place to extract a text at a time: keeps a warm program, gives it a document, ends it when it is late."""

import asyncio
import errno
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from storage_agent import hatchery

PROJECT = Path(__file__).parent.parent
# A new program now and then, so that nothing can gather in one.
DOCUMENTS_MAX = 1000


class Extractor:
    """Works on one document at a time; callers take turns. `close` it in the end."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._program: asyncio.subprocess.Process | None = None
        self._door: socket.socket | None = None
        self._documents = 0

    async def run(self, media_type: str, source: BinaryIO, sink: BinaryIO, wall_seconds: float) -> int | None:
        """Return the exit code of the extracting process, None when it had to be ended because it was late.

        OSError (EAGAIN) when there is no process to be had now.
        """
        async with self._turn:
            is_done = False
            try:
                async with asyncio.timeout(wall_seconds):
                    code = await self._code(await self._open(), media_type, source, sink)
                is_done = True
            except TimeoutError:
                return None
            else:
                return code
            finally:
                if not is_done or self._documents >= DOCUMENTS_MAX:
                    await self._end()

    async def close(self) -> None:
        """End the warm program and whatever it works on."""
        async with self._turn:
            await self._end()

    async def _code(self, door: socket.socket, media_type: str, source: BinaryIO, sink: BinaryIO) -> int:
        self._documents += 1
        code = b""
        with suppress(ConnectionError):
            socket.send_fds(door, [media_type.encode()], [source.fileno(), sink.fileno()])
            code = await asyncio.get_running_loop().sock_recv(door, hatchery.CODE_BYTES)
        if len(code) != hatchery.CODE_BYTES:
            # It has seen nothing of the document, so it is not the document's fault.
            raise BlockingIOError(errno.EAGAIN, "the program that begins extracting processes has ended")
        return int.from_bytes(code, "big", signed=True)

    async def _open(self) -> socket.socket:
        """Return the door of the warm program, which is begun with the first document.

        It inherits no environment: what it reads was sent by strangers, and settings hold secrets. It leads a group
        of its own, so that it can be ended together with its child.
        """
        if self._door is not None and self._program is not None and self._program.returncode is None:
            return self._door
        await self._end()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the name says it
        self._door = ours
        with theirs:
            self._program = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                hatchery.__name__,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd=PROJECT,
                env={},
            )
        self._documents = 0
        return ours

    async def _end(self) -> None:
        program, door = self._program, self._door
        self._program = self._door = None
        if program is not None:
            if program.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
            await program.wait()
        if door is not None:
            door.close()
