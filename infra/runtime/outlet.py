"""A file on its way out: from the page cache to the socket, past the process."""

import asyncio
import errno
import os
import select
import time
from dataclasses import dataclass

from uvicorn.protocols.http.flow_control import FlowControl

# How long a thread may serve one client before it serves another.
TURN_SECONDS = 0.02
# How long it may wait in it for a client to take more; who is slower is waited for by the loop, which has room for all.
TAKING_SECONDS = 0.002
GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN, errno.ETIMEDOUT})


class Outlet:
    """The way past the transport of one connection that has a plain socket."""

    def __init__(self, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._transport = transport
        self._flow = flow
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Tell whether the client has to take something before anything else can go out."""
        return self._waiting is not None

    async def send(self, file: int, offset: int, count: int) -> int:
        """Send up to `count` bytes of an open file, as many as the client takes in one turn, at least one; return them.

        0 when the client is gone. OSError when the file cannot be read, EOFError when it ends before them. A cancelled
        call sends no more than the turn that it is in, on handles of its own: nobody else's bytes can get in.
        """
        await self._flushed()
        while not self._transport.is_closing():
            number = self._transport.get_extra_info("socket").fileno()
            try:
                if sent := await asyncio.to_thread(_turn, _Handles(os.dup(number), os.dup(file)), offset, count):
                    return sent
            except OSError as error:
                if error.errno not in GONE:
                    raise
                self._transport.abort()
                return 0
            await self._writable(number)
        return 0

    def wake(self) -> None:
        """Let go who waits for a client that is gone."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _flushed(self) -> None:
        """Wait until what was written before, the head of the answer, is with the system."""
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():
            self._transport.set_write_buffer_limits(0)
            try:
                await self._flow.drain()
            finally:
                if not self._transport.is_closing():
                    self._transport.set_write_buffer_limits()

    async def _writable(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        # The loop lets nobody but the transport wait for the transport's own handle.
        own = os.dup(number)
        loop.add_writer(own, self.wake)
        try:
            await self._waiting
        finally:
            self._waiting = None
            loop.remove_writer(own)
            os.close(own)


@dataclass
class _Handles:
    """Handles of one turn, which closes them at its end: it may outlive the call that began it, or never begin."""

    socket: int
    file: int
    _are_open: bool = True

    def close(self) -> None:
        if self._are_open:
            self._are_open = False
            os.close(self.socket)
            os.close(self.file)

    def __del__(self) -> None:
        self.close()


def _turn(handles: _Handles, offset: int, count: int) -> int:
    """Send until all is sent, the turn is over, or the client takes no more; return how much went."""
    try:
        return _sent(handles, offset, count)
    finally:
        handles.close()


def _sent(handles: _Handles, offset: int, count: int) -> int:
    end = time.monotonic() + TURN_SECONDS
    room = select.poll()
    room.register(handles.socket, select.POLLOUT)
    sent = 0
    while sent < count and (left := end - time.monotonic()) > 0:
        try:
            went = os.sendfile(handles.socket, handles.file, offset + sent, count - sent)
        except BlockingIOError:
            if not room.poll(min(left, TAKING_SECONDS) * 1000):
                break
            continue
        if went == 0:
            raise EOFError
        sent += went
    return sent
