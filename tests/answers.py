"""Answers of an HTTP server, read one by one from the bytes of a connection, whatever was asked."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from infra.runtime.problems import MEDIA_TYPE

HEAD_BYTES_MAX = 256 * 1024
REASONED = frozenset({503, 507})
BODILESS = frozenset({204, 304})


@dataclass(frozen=True)
class Answer:
    """A whole answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closing(self) -> bool:
        """Tell whether the server says that this is its last word on the connection."""
        return "close" in self.headers.get("connection", "").lower()


class NotAnAnswerError(Exception):
    """What came is no answer of HTTP/1.1."""


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer | None:
    """Return the next final answer, to a request of this method; None where the connection ends instead.

    NotAnAnswerError for what cannot be read; asyncio.IncompleteReadError when it breaks off in the middle.
    """
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        except asyncio.LimitOverrunError as error:
            raise NotAnAnswerError("a head without an end") from error
        status, headers = _head(head)
        if status >= 200:
            return Answer(status, headers, await _body(reader, method, status, headers))


def fault(answer: Answer, method: str) -> str | None:
    """Return what is wrong with an answer to any request whatever; None for one that may be.

    No 5xx but 503 and 507; whatever has a body and is refused is a problem (RFC 9457), and says when to come back.
    """
    if answer.status < 400:
        return None
    if answer.status >= 500 and answer.status not in REASONED:
        return f"{answer.status} {answer.body[:200]!r}"
    if method == "HEAD" or not answer.body:
        return None
    return _fault_of_problem(answer)


def _fault_of_problem(answer: Answer) -> str | None:
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return f"{answer.status} is no problem: {answer.headers.get('content-type')}: {answer.body[:80]!r}"
    try:
        problem = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} is no JSON: {answer.body[:80]!r}"
    if problem.get("status") != answer.status or not problem.get("code"):
        return f"{answer.status} contradicts itself: {answer.body[:200]!r}"
    return None


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdigit():
        raise NotAnAnswerError(first[:80])
    pairs = (line.partition(":") for line in lines if line)
    return int(rest[:3]), {name.lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, method: str, status: int, headers: Mapping[str, str]) -> bytes:
    if method == "HEAD" or status in BODILESS:
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = list[bytes]()
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        chunks.append((await reader.readexactly(size + 2))[:-2])
        if not size:
            return b"".join(chunks)
