"""The client's side of tus 1.0.0, as requests made ready for the load generator: in PATCHes, and in parallel parts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from urllib.parse import urlsplit

from tests.benchmarks.load import Request, a_large
from tests.benchmarks.wire import connected

TUS = {"Tus-Resumable": "1.0.0"}
BODY_TYPE = {"Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True)
class Body:
    """One piece so many times, which is sent without being made."""

    piece: bytes
    times: int

    @property
    def pieces(self) -> tuple[bytes, int]:
        return self.piece, self.times

    @property
    def size(self) -> int:
        return len(self.piece) * self.times

    @cached_property
    def sha256(self) -> str:
        known = sha256()
        for _ in range(self.times):
            known.update(self.piece)
        return known.hexdigest()

    def cut(self, times: int) -> list["Body"]:
        """Return bodies of at most so many pieces that are this one together."""
        return [Body(self.piece, min(times, self.times - begin)) for begin in range(0, self.times, times)]


async def _nothing() -> None:
    """Nothing has to be joined."""


@dataclass(frozen=True)
class Sent:
    """Requests that bring a body, and what has to be asked behind their answers until there is a receipt."""

    requests: Sequence[Request]
    joined: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True)
class Uploads:
    """Where uploads are made: the server's port, a path, and what has to be said besides."""

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def patches(self, parts: Sequence[Body]) -> Sent:
        """Create an upload; its parts are brought by one PATCH after another."""
        upload = await self._create({"Upload-Length": str(sum(part.size for part in parts))})
        offsets = [sum(part.size for part in parts[:number]) for number in range(len(parts))]
        return Sent([self._patch(upload, offset, part) for offset, part in zip(offsets, parts, strict=True)])

    async def parallel(self, parts: Sequence[Body]) -> Sent:
        """Create an upload for each part; they are brought in any order, and then joined."""
        made = [await self._create({"Upload-Length": str(part.size), "Upload-Concat": "partial"}) for part in parts]
        requests = [self._patch(upload, 0, part) for upload, part in zip(made, parts, strict=True)]
        return Sent(requests, lambda: self._join(made))

    async def _join(self, made: Sequence[str]) -> None:
        await self._create({"Upload-Concat": f"final;{' '.join(made)}"})

    async def _create(self, headers: Mapping[str, str]) -> str:
        url = f"http://127.0.0.1:{self.port}{self.path}"
        async with connected(url) as connection:
            answer = await connection.ask("POST", url, {**TUS, **self.headers, **headers})
        assert answer.status == 201, (answer.status, answer.body[:300])
        return answer.headers["location"]

    def _patch(self, upload: str, offset: int, part: Body) -> Request:
        headers = {**TUS, **BODY_TYPE, **self.headers, "Upload-Offset": str(offset)}
        return a_large("PATCH", self.port, urlsplit(upload).path, part.pieces, headers)
