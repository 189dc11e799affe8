"""The smallest HTTP/1.1 client that can keep a connection: what it costs stands beside what it measures."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS = 120.0
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A whole answer. `size` counts the bytes of its body, `body` is empty when they were only counted."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(  # noqa: PLR0913 - a request has these parts
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        size: int | None = None,
        *,
        keep: bool = True,
    ) -> Answer:
        """Send a request and read its answer; `size` is needed with a body that comes in pieces."""
        async with asyncio.timeout(ANSWER_SECONDS):
            pieces = [body] if isinstance(body, bytes) else body
            length = len(body) if isinstance(body, bytes) else size
            self._writer.write(_head(method, url, {**(headers or {}), "Content-Length": str(length)}))
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
            return await self._answer(keep=keep)

    def close(self) -> None:
        self._writer.close()

    async def _answer(self, *, keep: bool) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        left = int(headers.get("content-length", "0"))
        body = bytearray()
        size = left
        while left:
            piece = await self._reader.read(min(left, READ_BYTES))
            assert piece, "the server closed the connection in the middle of an answer"
            left -= len(piece)
            if keep:
                body += piece
        return Answer(int(status_line.split()[1]), headers, bytes(body), size)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Connect to the server of a URL."""
    parts = urlsplit(url)
    assert parts.hostname
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=4 * READ_BYTES)
    connection = Connection(reader, writer)
    try:
        yield connection
    finally:
        connection.close()


def _head(method: str, url: str, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {headers[name]}" for name in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
