"""GET and HEAD of a version's bytes, its attributes and its text: true ranges, strong tags, never whole in memory."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from infra.runtime.exchange import ZERO_COPY
from infra.runtime.metrics import Metrics
from infra.runtime.problems import problem_response
from infra.runtime.recent import Recent
from schemas.errors import BodyDamaged, NotFound, PreconditionFailed, RangeNotSatisfiable, SealBroken
from storage_agent.accel import Accel, handed_over
from storage_agent.access import Access, wanted_version
from storage_agent.conditions import Fields, Outcome, Validators, asking_fields, judged
from storage_agent.derived import DiskLooks, on_disk, text_path
from storage_agent.describing import HARMLESS, Described, Encoded, described, encoded
from storage_agent.digests import digest_value, etag_of, wants_sha256
from storage_agent.documents import Documents
from storage_agent.giving import (
    CHECKED_BYTES,
    CheckedReader,
    FileReader,
    Reader,
    Stretch,
    checked,
    checked_body,
    checked_pieces,
    pieces,
    read_errors_told,
)
from storage_agent.holdings import StoredDocument
from storage_agent.modes import Verb, require
from storage_agent.proofs import Proof
from storage_agent.ranges import Span, Unsatisfiable, content_range
from storage_agent.selection import Failed, NotModified, Sending, assembled, decided

Going = AsyncIterator[bytes | Stretch]

# With one of these the answer may do without the body, which is then read only when it is needed.
CONDITIONS = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
# Of attribute files, together; what is remembered of each takes about as much.
DESCRIBED_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True)
class Downloads:
    """The verb `download` over HTTP. `root` is the element's folder; with `accel` a proxy may send large bodies."""

    documents: Documents
    access: Access
    root: Path
    metrics: Metrics
    accel: Accel | None = None
    _looks: DiskLooks = field(default_factory=DiskLooks)
    _known: Recent[bytes, Described] = field(default_factory=lambda: Recent(DESCRIBED_BYTES_MAX))

    async def content(self, request: Request) -> Response:
        """Answer 200, 206, 304 or 416 with the document's bytes; ModeForbids where the mode gives attributes only.

        BodyDamaged for a small document whose bytes are wrong; for a large one, when that is seen, the connection
        breaks before its end, and from then on it is refused as well.
        """
        ticket = self.access.download(request)
        require(self.documents.identity.mode, Verb.READ)
        document_id, version = ticket.document_id, ticket.document_version
        fields = asking_fields(request.scope["headers"])
        # As far as the request alone can tell.
        bytes_wanted = request.method == "GET" and CONDITIONS.isdisjoint(fields)
        with self._damage_noted(document_id, version):
            found, reader = await self._looks.ask(self._opened, document_id, version, bytes_wanted)
            answer: Response | None = None
            try:
                answer = await self._content(request, fields, found, reader)
                return answer
            finally:
                if not isinstance(answer, Pieces):
                    reader.close()

    async def attributes(self, request: Request) -> Response:
        """Answer the sealed `attr.json`, byte for byte; every mode allows it."""
        self.access.download_by_name(request)
        require(self.documents.identity.mode, Verb.READ_ATTRIBUTES)
        document_id, version = wanted_version(request)
        with self._damage_noted(document_id, version):
            found = await self._looks.ask(self._find, document_id, version)
        sha256 = hashlib.sha256(found.attr).hexdigest()
        headers = {
            **HARMLESS,
            "ETag": etag_of(sha256),
            "Cache-Control": "private, no-cache",
            "Repr-Digest": digest_value(sha256),
        }
        fields = asking_fields(request.scope["headers"])
        outcome = judged(fields, Validators(etag_of(sha256)), self.access.clock.now())
        if outcome is Outcome.FAILED:
            raise PreconditionFailed
        if outcome is Outcome.NOT_MODIFIED:
            return Response(status_code=304, headers=headers)
        return Response(found.attr, headers=headers, media_type="application/json")

    async def text(self, request: Request) -> Response:
        """Answer the extracted text in UTF-8, to programs only; NotFound while there is none."""
        self.access.require_program(request)
        require(self.documents.identity.mode, Verb.READ_TEXT)
        document_id, version = wanted_version(request)
        try:
            file = await on_disk(FileReader, text_path(self.root, document_id, version))
        except FileNotFoundError as error:
            raise NotFound("There is no text of this version here.") from error
        headers = {**HARMLESS, "Content-Type": "text/plain; charset=utf-8", "Content-Length": str(file.size)}
        return Pieces(pieces(file, Span(0, file.size - 1)), 200, headers, closing(file))

    async def _content(self, request: Request, fields: Fields, found: StoredDocument, reader: Reader) -> Response:
        told = self._told(found)
        stored = told.stored
        answer = decided(request.method, fields, stored, self.access.clock.now())
        if isinstance(answer, Failed):
            raise PreconditionFailed
        if isinstance(answer, NotModified):
            return Response(status_code=304, headers=told.kept)
        if isinstance(answer, Unsatisfiable):
            problem = problem_response(RangeNotSatisfiable(), request.url.path)
            problem.headers["Content-Range"] = content_range(None, stored.size)
            return problem
        if request.method == "HEAD":
            return Response(headers={**told.headers, **_own_headers(told, answer, fields)})
        return await self._given(request, fields, found, reader, answer)

    async def _given(
        self, request: Request, fields: Fields, found: StoredDocument, reader: Reader, sending: Sending
    ) -> Response:
        """Return what sends the bytes, or leaves that to the proxy in front."""
        told, wants_digest = self._told(found), wants_sha256(fields.get("want-content-digest"))
        own = _own_headers(told, sending, fields)
        if wants_digest and _is_whole(found, sending):
            own["Content-Digest"] = told.digest
        if self.accel is not None and self._sent_unread(found, reader, sending):
            address = self.accel.address(request.scope["headers"], found, sending)
            if address is not None:
                self.metrics.downloads_handed_over.inc()
                return handed_over(address, sending, {**told.headers, **own})
        body, sha256 = await self._body(found, reader, sending)
        if wants_digest and sha256 is not None:
            own["Content-Digest"] = digest_value(sha256)
        if isinstance(body, bytes):
            return Whole(body, sending.status, [*told.raw, *encoded(own)], self._count)
        return Pieces(body, sending.status, {**told.headers, **own}, self._held(found, reader), self._count)

    async def _body(self, found: StoredDocument, reader: Reader, sending: Sending) -> tuple[bytes | Going, str | None]:
        """Return what is to be sent, checked as far as its size allows, and of a part its SHA-256, if it was read."""
        content = found.attributes.content
        whole = _is_whole(found, sending)
        if content.size <= CHECKED_BYTES:
            body = await self._small_body(found, reader)
            return (body, None) if whole else _digested(assembled(sending.layout, body))
        if whole:
            return checked_pieces(reader, content.size, content.sha256, self._proof(found, reader)), None
        # A part tells nothing about the whole, which the scrub reads in its turn.
        going = laid_out(reader, sending.layout)
        return (going, None) if sending.length > CHECKED_BYTES else _digested(await _read(going))

    def _sent_unread(self, found: StoredDocument, reader: Reader, sending: Sending) -> bool:
        """Tell whether bytes leave as they lie on the drive: then it is all the same who sends them."""
        if sending.length <= CHECKED_BYTES:
            return False
        return not _is_whole(found, sending) or self._proof(found, reader).holds()

    def _proof(self, found: StoredDocument, reader: Reader) -> Proof:
        key = (found.attributes.document_id, found.attributes.version)
        return self.documents.proofs.of(key, found.attributes.content.sha256, reader.opened)

    @staticmethod
    async def _small_body(found: StoredDocument, reader: Reader) -> bytes:
        content = found.attributes.content
        if isinstance(reader, CheckedReader):
            return reader.data
        return await checked_body(reader, content.size, content.sha256)

    @contextmanager
    def _held(self, found: StoredDocument, reader: Reader) -> Iterator[None]:
        try:
            with self._damage_noted(found.attributes.document_id, found.attributes.version):
                yield
        finally:
            reader.close()

    @contextmanager
    def _damage_noted(self, document_id: str, version: int) -> Iterator[None]:
        """Let the agent look again at what was read wrongly."""
        try:
            yield
        except (BodyDamaged, SealBroken):
            self.documents.fixity.suspect((document_id, version))
            raise

    def _told(self, found: StoredDocument) -> Described:
        told = self._known.get(found.attr)
        if told is None:
            told = described(found.attributes)
            self._known.keep(found.attr, told)
        return told

    def _count(self, sent: int) -> None:
        self.metrics.download_bytes.inc(sent)

    def _find(self, document_id: str, version: int) -> StoredDocument:
        found = self.documents.find(document_id, version)
        if found is None:
            raise NotFound("This element does not hold that version of that document.")
        return found

    def _opened(self, document_id: str, version: int, bytes_wanted: bool) -> tuple[StoredDocument, Reader]:  # noqa: FBT001
        """Find and open, and read a small body whole when its bytes are wanted. Blocks.

        A body that is moved into place in between is found again where it lies then.
        """
        for _ in range(2):
            found = self._find(document_id, version)
            try:
                reader = found.open()
            except FileNotFoundError:
                continue
            content = found.attributes.content
            if reader.size != content.size:
                reader.close()
                break
            if bytes_wanted and content.size <= CHECKED_BYTES:
                return found, checked(reader, content.size, content.sha256)
            return found, reader
        raise BodyDamaged


class Whole(Response):
    """A small body, or a part of it, that was checked before: sent in one piece."""

    def __init__(self, body: bytes, status: int, headers: list[Encoded], count: Callable[[int], None]) -> None:
        # Not by way of the framework, which would encode all headers anew.
        self.body, self.status_code, self.raw_headers, self.background = body, status, headers, None
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await super().__call__(scope, receive, send)
        self._count(len(self.body))


class Pieces(StreamingResponse):
    """Sends bytes, and stretches of files, as they come.

    A stretch goes from the page cache to the socket where the connection has a way for it, else it is read and sent.
    `held` is left when all are sent or nobody takes them, and sees it when they cannot be read: BodyDamaged.
    """

    def __init__(
        self,
        going: Going,
        status: int,
        headers: dict[str, str],
        held: AbstractContextManager[object],
        count: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__((), status_code=status, headers=headers)
        self._going = going
        self._held = held
        self._count = count
        self._has_way = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, or as much as the client takes."""
        self._has_way = ZERO_COPY in scope.get("extensions", {})
        with self._held:
            try:
                await super().__call__(scope, receive, send)
            finally:
                if isinstance(self._going, AsyncGenerator):
                    await self._going.aclose()

    async def stream_response(self, send: Send) -> None:
        """Send head and body; a client that is gone in the middle of it is no error."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._going:
            if isinstance(piece, bytes):
                await self._give(_body(piece), len(piece), send)
            elif self._has_way and (handle := piece.reader.handle()) is not None:
                whole = {"type": ZERO_COPY, "file": handle, "offset": piece.first, "count": piece.count}
                await self._give({**whole, "more_body": True}, piece.count, send)
            else:
                async for read in piece.pieces():
                    await self._give(_body(read), len(read), send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _give(self, message: Message, size: int, send: Send) -> None:
        with read_errors_told():
            await send(message)
        self._count(size)


def _body(piece: bytes) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": True}


async def laid_out(reader: Reader, layout: Sequence[bytes | Span]) -> Going:
    """Yield a content of several parts as it can be sent."""
    for part in layout:
        if isinstance(part, bytes):
            yield part
        else:
            async for stretch in pieces(reader, part):
                yield stretch


async def _read(going: Going) -> bytes:
    read: list[bytes] = []
    async for piece in going:
        read += [piece] if isinstance(piece, bytes) else [each async for each in piece.pieces()]
    return b"".join(read)


def _is_whole(found: StoredDocument, sending: Sending) -> bool:
    return sending.layout == (Span(0, found.attributes.content.size - 1),)


def _digested(content: bytes) -> tuple[bytes, str]:
    return content, hashlib.sha256(content).hexdigest()


def _own_headers(told: Described, sending: Sending, fields: Fields) -> dict[str, str]:
    """Return what one answer says beside what all answers say of the document."""
    headers = {"Content-Type": sending.content_type, "Content-Length": str(sending.length)}
    if sending.content_range is not None:
        headers["Content-Range"] = sending.content_range
    if wants_sha256(fields.get("want-repr-digest")):
        headers["Repr-Digest"] = told.digest
    return headers
