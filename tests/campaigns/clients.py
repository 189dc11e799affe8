"""Clients under fire: each does what a careful integrator would, repeats what may be repeated, and remembers."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.archive import JSON, Archive, repr_digest
from tests.campaigns.drawing import Kind, Upload
from tests.stacks import Stack

TRY_SECONDS = 90
PAUSE_SECONDS = 0.3
# Among them 409 element_unavailable: an element that is away comes back.
REPEATED = {409, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Told:
    """What a client was told about one upload. `status` is that of its last answer, None when there was none."""

    upload: Upload
    announced: JSON | None
    status: int | None
    code: str | None

    @property
    def acknowledged(self) -> bool:
        return self.announced is not None and self.status == 200

    @property
    def document_id(self) -> str:
        return str(self.announced["document_id"]) if self.announced else ""


class BrokenOff(Exception):
    """The client's own end, in the middle of its bytes."""


def sign_in(stack: Stack) -> Archive:
    """Sign in, again and again while nobody answers."""
    deadline = time.monotonic() + TRY_SECONDS
    while True:
        try:
            return Archive(stack)
        except (httpx2.TransportError, AssertionError):
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def attempt(archive: Archive, upload: Upload) -> Told:
    """Bring one upload as far as it goes."""
    size = len(upload.content())
    fields = {"title": upload.word, "element_id": upload.element}
    answer = _persist(lambda: archive.announce(upload.filename, size, key=upload.key, **fields))
    if answer is None or answer.status_code != 201:
        return _told(upload, None, answer)
    announced: JSON = answer.json()
    return _told(upload, announced, _put(archive, upload, announced))


def _put(archive: Archive, upload: Upload, announced: JSON) -> httpx2.Response | None:
    content = upload.content()
    match upload.kind:
        case Kind.ABANDONED:
            return None
        case Kind.BROKEN_OFF:
            with suppress(BrokenOff, httpx2.TransportError):
                archive.put_stream(announced, _half(content), len(content))
            return None
        case Kind.WRONG_DIGEST:
            wrong = {"Repr-Digest": repr_digest(content + b"?")}
            return _persist(lambda: archive.put(announced, content, wrong))
        case _:
            right = {"Repr-Digest": repr_digest(content)}
            return _persist(lambda: archive.put(announced, content, right))


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise BrokenOff


def _persist(ask: Callable[[], httpx2.Response]) -> httpx2.Response | None:
    """Ask again while the connection breaks or the answer is to come back later, for a bounded time."""
    deadline = time.monotonic() + TRY_SECONDS
    last: httpx2.Response | None = None
    while time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            last = ask()
            if last.status_code not in REPEATED:
                return last
        time.sleep(PAUSE_SECONDS)
    return last


def _told(upload: Upload, announced: JSON | None, answer: httpx2.Response | None) -> Told:
    if answer is None:
        return Told(upload, announced, None, None)
    body: Any = answer.json() if answer.status_code >= 400 and answer.content.startswith(b"{") else {}
    return Told(upload, announced, answer.status_code, body.get("code"))
