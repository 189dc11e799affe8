"""One lock per document: commits, refusals and abandons of the same document wait for one another, others do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class DocumentLocks:
    """Locks by document id; one exists only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def hold(self, document_id: str) -> AsyncIterator[None]:
        """Hold the document's lock for a block."""
        lock = self._locks.setdefault(document_id, asyncio.Lock())
        self._users[document_id] = self._users.get(document_id, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[document_id] -= 1
            if not self._users[document_id]:
                del self._users[document_id], self._locks[document_id]
