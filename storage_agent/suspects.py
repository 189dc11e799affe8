"""Versions that somebody read wrongly: given to nobody until the drive itself was asked about them."""

import asyncio

from storage_agent.checking import Key

SUSPECTS_MAX = 10_000


class Suspects:
    """A bounded set, oldest first. What finds no room in it is seen again by whoever reads it next."""

    def __init__(self) -> None:
        self._keys: dict[Key, None] = {}
        self._some = asyncio.Event()

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def add(self, key: Key) -> None:
        """Suspect a version."""
        if len(self._keys) < SUSPECTS_MAX:
            self._keys[key] = None
            self._some.set()

    def clear(self, key: Key) -> None:
        """Take note that a version was looked at."""
        self._keys.pop(key, None)

    def known(self) -> tuple[Key, ...]:
        """Return the versions to look at, oldest first."""
        return tuple(self._keys)

    async def wait(self) -> None:
        """Wait until there is one."""
        while not self._keys:
            self._some.clear()
            await self._some.wait()
