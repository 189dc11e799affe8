"""Finding the addresses behind a server's name: one lookup at a time, so that a name nobody answers for harms no other.

A lookup cannot be called back, lasts as long as the resolver likes, and a process has room for very few of them (libuv:
two). Were every try to connect to begin one, a server whose name has gone would keep the others from being found.
"""

import asyncio
from collections.abc import Awaitable, Callable

LookUp = Callable[[str, int], Awaitable[object]]


async def look_up(host: str, port: int) -> None:
    """Ask the system's resolver for a name. OSError when it knows none."""
    await asyncio.get_running_loop().getaddrinfo(host, port)


class OneLookup:
    """Looks up names for one client; whoever asks while a lookup runs waits for that one."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._look_up = look_up
        self._running: asyncio.Future[object] | None = None

    async def found(self, host: str, port: int) -> None:
        """Return when the name has been found. OSError; giving up the wait does not end the lookup."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._look_up(host, port))
            self._running.add_done_callback(_seen)
        await asyncio.shield(self._running)


def _seen(lookup: asyncio.Future[object]) -> None:
    """Take its error from a lookup that nobody waits for any more."""
    if not lookup.cancelled():
        lookup.exception()
