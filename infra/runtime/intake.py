"""A large body on its way in: read from the socket into the very memory that it is hashed and written from."""

import asyncio
import mmap
from collections import Counter, deque
from typing import ClassVar, Protocol

from starlette.types import Message
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

PIECE_BYTES = 1024 * 1024
# Each piece changes threads twice. Larger ones do not stay in the processor's cache until they are hashed and written.
LONG_PIECE_BYTES = 2 * 1024 * 1024
# In a shorter body, what nobody can work on while the first piece is filled would cost more than is spared.
LONG_BYTES = 16 * 1024 * 1024
# What a piece has when the budget for large ones is spent, and when that for these is spent as well.
SMALL_PIECE_BYTES = 128 * 1024
LEAST_PIECE_BYTES = 16 * 1024
# One is being written, one waits, one is being filled.
PIECES = 3
# How many bodies have pieces of each size: 48, 96 and 48 MiB. Any others have the least.
AT_ONCE = {LONG_PIECE_BYTES: 8, PIECE_BYTES: 32, SMALL_PIECE_BYTES: 128}
# Below this the plain way is as fast.
WORTH_BYTES = 256 * 1024
# A slow client's bytes are passed on before a piece is full.
PATIENCE_SECONDS = 1.0


class Lender(Protocol):
    """The connection that lets an intake have what comes for a while."""

    taken: int
    flow: FlowControl

    def give_way(self, intake: "Intake") -> None:
        """Let the intake have what comes."""
        ...

    def take_back(self) -> None:
        """Read requests again."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that the client is gone."""
        ...

    def pause_writing(self) -> None:
        """Know that the client takes nothing for now."""
        ...

    def resume_writing(self) -> None:
        """Know that the client takes more."""
        ...


class Intake(asyncio.BufferedProtocol):
    """The `left` bytes of a body that have not come yet. Never reads beyond them, nor more than there are pieces for.

    Memory is touched as bytes come: a slow client costs what it has sent. One that does not fill a piece in a second
    leaves the larger ones to others.
    """

    _at_work: ClassVar[Counter[int]] = Counter()

    def __init__(self, lender: Lender, cycle: RequestResponseCycle, left: int) -> None:
        self._lender = lender
        self._cycle = cycle
        self._left = left
        self._piece_bytes = LEAST_PIECE_BYTES
        Intake._at_work[self._piece_bytes] += 1
        self._is_open = True
        self._have_largest()
        self._free: list[memoryview] = []
        self._made = 0
        self._filling: memoryview | None = None
        self._filled = 0
        self._ready: deque[tuple[memoryview, int]] = deque()
        self._given: deque[memoryview] = deque()
        self._arrived = asyncio.Event()
        lender.give_way(self)

    async def receive(self) -> Message:
        """Return the next message as ASGI has it, its body a memoryview; what has come before a break comes first.

        The memory of a piece is used again as soon as two more have been asked for.
        """
        while len(self._given) > 1:
            self._freed(self._given.popleft())
        while not self._ready:
            is_over = self._cycle.disconnected or self._cycle.response_complete
            if self._filled and is_over:
                self._pass_on()
            elif is_over:
                return {"type": "http.disconnect"}
            else:
                await self._more()
        memory, size = self._ready.popleft()
        self._given.append(memory)
        return {"type": "http.request", "body": memory[:size], "more_body": bool(self._left or self._ready)}

    def close(self) -> None:
        """Leave larger pieces to others, once the request is over."""
        self._have(LEAST_PIECE_BYTES)
        Intake._at_work[LEAST_PIECE_BYTES] -= 1
        self._is_open = False

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go: behind those of the same piece, and never beyond the body."""
        del sizehint
        if self._filling is None:
            self._filling = self._free.pop() if self._free else self._new()
        return self._filling[self._filled : self._filled + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that have come."""
        self._lender.taken += nbytes
        self._filled += nbytes
        self._left -= nbytes
        if not self._left:
            self._pass_on()
            self._lender.take_back()
        elif self._filling is not None and self._filled == len(self._filling):
            self._have_largest()
            self._pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that the client is gone, or was cut."""
        self._lender.connection_lost(exc)
        self._arrived.set()

    def pause_writing(self) -> None:
        """Say so to the connection."""
        self._lender.pause_writing()

    def resume_writing(self) -> None:
        """Say so to the connection."""
        self._lender.resume_writing()

    async def _more(self) -> None:
        self._lender.flow.resume_reading()
        self._arrived.clear()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._arrived.wait()
        except TimeoutError:
            self._have(LEAST_PIECE_BYTES)
            self._made -= len(self._free)
            self._free.clear()
            if self._filled:
                self._pass_on()

    def _have_largest(self) -> None:
        """Have larger pieces from now on, when there are any: they are filled in time."""
        if self._is_open and self._piece_bytes == LEAST_PIECE_BYTES:
            longest = LONG_PIECE_BYTES if self._left >= LONG_BYTES else PIECE_BYTES
            left = (size for size, most in AT_ONCE.items() if size <= longest and Intake._at_work[size] < most)
            self._have(next(left, LEAST_PIECE_BYTES))

    def _have(self, size: int) -> None:
        Intake._at_work[self._piece_bytes] -= 1
        Intake._at_work[size] += 1
        self._piece_bytes = size

    def _freed(self, memory: memoryview) -> None:
        if len(memory) == self._piece_bytes:
            self._free.append(memory)
        else:
            self._made -= 1

    def _pass_on(self) -> None:
        if self._filling is None:
            return
        self._ready.append((self._filling, self._filled))
        self._filling, self._filled = None, 0
        if self._left and not self._free and self._made == PIECES:
            self._lender.flow.pause_reading()
        self._arrived.set()

    def _new(self) -> memoryview:
        self._made += 1
        return memoryview(mmap.mmap(-1, self._piece_bytes))
