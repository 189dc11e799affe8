"""How slow a client may be: a floor of bytes per second, looked at while it is the client who is waited for."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

FLOOR_BYTES_PER_SECOND = 1024
WINDOW_SECONDS = 30.0
LOOK_SECONDS = 1.0


@dataclass
class Pace:
    """The progress of one client, over windows that begin when it is first waited for."""

    _since: float | None = None
    _before: int = 0

    def is_too_slow(self, now: float, progress: int, *, is_awaited: bool) -> bool:
        """Tell whether a whole window has gone by with fewer bytes than the floor; `progress` counts up in bytes."""
        if not is_awaited:
            self._since = None
            return False
        if self._since is None:
            self._since, self._before = now, progress
            return False
        seconds = now - self._since
        if seconds < WINDOW_SECONDS:
            return False
        came = progress - self._before
        self._since, self._before = now, progress
        return came < FLOOR_BYTES_PER_SECOND * seconds


class Watched(Protocol):
    """A connection that ends itself when it is looked at and its client is too slow."""

    def look(self, now: float) -> None:
        """Look at the clock; `now` in the loop's own seconds."""
        ...


async def watch(connections: Callable[[], Iterable[Watched]]) -> None:
    """Look at every connection once a second, for ever: one timer for all of them, and none for a request."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for connection in tuple(connections()):
            connection.look(loop.time())
