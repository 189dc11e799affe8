"""Uploads that can be resumed, over HTTP: tus 1.0.0, opened by the same ticket as a PUT, with the same commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.utils import format_datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from infra.runtime.problems import problem_response
from schemas.api.uploads import Receipt
from schemas.errors import (
    ArtStoreError,
    ChecksumMismatch,
    ConnectionBroken,
    Corrupted,
    InsufficientStorage,
    InvalidTicket,
    Malformed,
    MethodNotAllowed,
    ModeForbids,
    NotFound,
    StaleEpoch,
    TooLarge,
    Transient,
    TusVersionUnsupported,
    UploadAbandonedError,
    UploadConflict,
    WrongOffset,
)
from schemas.ticket import UploadTicket
from storage_agent import tus_headers
from storage_agent.acceptance import Acceptance, committed_headers
from storage_agent.access import Access
from storage_agent.bodies import ArrivingBody
from storage_agent.ledger import Creation
from storage_agent.resumable import ResumableUpload, expiry_of, is_of, whole_id
from storage_agent.tus_headers import Checksum, Concat

OVERRIDE = "x-http-method-override"
# After these the bytes may still become the document, once what stands against it has passed.
MAY_PASS = (Transient, InsufficientStorage, StaleEpoch, ModeForbids, Corrupted)


@dataclass(frozen=True)
class _Asked:
    """One request that may ask: with which ticket, and what it brings."""

    request: Request
    ticket: UploadTicket
    body: ArrivingBody

    @property
    def headers(self) -> tus_headers.Headers:
        return self.request.headers

    @property
    def upload_id(self) -> str:
        return str(self.request.path_params["upload_id"])


@dataclass(frozen=True)
class Tus:
    """The verb `upload` over HTTP, resumable."""

    acceptance: Acceptance
    access: Access

    async def uploads(self, request: Request) -> Response:
        """Answer at the address where uploads are made: OPTIONS says what is spoken here, POST makes one."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_spoken())
        return await self._answer(request, self._create)

    async def upload(self, request: Request) -> Response:
        """Answer at the address of one upload: HEAD, PATCH, DELETE, or POST that stands for one of them."""
        method = request.headers.get(OVERRIDE, request.method) if request.method == "POST" else request.method
        verbs = {"HEAD": self._tell, "PATCH": self._take, "DELETE": self._terminate}
        return await self._answer(request, verbs.get(method.upper(), _refused))

    async def _answer(self, request: Request, verb: Callable[[_Asked], Awaitable[Response]]) -> Response:
        body = ArrivingBody(request, self.acceptance.clock)
        try:
            tus_headers.require_version(request.headers)
            asked = _Asked(request, self._ticket(request), body)
            await self.acceptance.documents.recall(asked.ticket)
            answer = await verb(asked)
        except ArtStoreError as error:
            self.acceptance.metrics.uploads_refused.labels(error.code).inc()
            answer = problem_response(error, request.url.path)
            if isinstance(error, TusVersionUnsupported):
                answer.headers["Tus-Version"] = tus_headers.VERSION
        answer.headers["Tus-Resumable"] = tus_headers.VERSION
        return body.answered(answer) if tus_headers.has_body(request.headers) else answer

    async def _create(self, asked: _Asked) -> Response:
        """Make an upload, or find the one that the ticket has; take the bytes that come along."""
        ticket, concat = asked.ticket, tus_headers.concat(asked.headers)
        creation = tus_headers.creation(asked.headers)
        if concat is not None and not concat.is_part:
            return await self._join(asked, concat, creation)
        length = _length(asked, is_part=concat is not None)
        checksum, brings = tus_headers.checksum(asked.headers), tus_headers.brings_bytes(asked.headers)
        receipt = self.acceptance.documents.admit(ticket)
        if receipt is not None:
            return self._created(ticket, whole_id(ticket), ticket.size, receipt)
        resumables = self.acceptance.documents.resumables
        upload = await (
            resumables.create(ticket, creation) if concat is None else resumables.create_part(ticket, length, creation)
        )
        await upload.file.wake()
        await upload.file.rest()
        # One that is there already has its own bytes; those that come along begin anew, and are not needed.
        if (brings or not length) and not upload.file.kept:
            receipt = await self._brought(asked, upload, 0, checksum)
        return self._created(ticket, upload.upload_id, ticket.size if receipt else upload.file.kept, receipt)

    async def _join(self, asked: _Asked, concat: Concat, creation: Creation | None) -> Response:
        """Make the document of its parts, and commit."""
        ticket = asked.ticket
        receipt = self.acceptance.documents.admit(ticket)
        if receipt is None:
            first, *others = parts = [self._part(asked, url) for url in concat.urls]
            async with AsyncExitStack() as turns:
                # In one order, so that two that join the same parts do not wait for each other.
                for part in sorted(parts, key=lambda part: part.upload_id):
                    await turns.enter_async_context(part.turn())
                _require_joinable(parts, ticket)
                is_joined = False
                try:
                    await first.file.join([other.file for other in others], creation)
                    is_joined = True
                finally:
                    if not is_joined:
                        await self.acceptance.documents.to_its_end(first.file.revert())
                receipt = await self._completed(asked, first, others)
        return self._created(ticket, whole_id(ticket), ticket.size, receipt)

    async def _tell(self, asked: _Asked) -> Response:
        """Say how far an upload is; all of that is durable."""
        receipt = self.acceptance.documents.admit(asked.ticket)
        if receipt is not None:
            _require_whole(asked)
            creation = self.acceptance.documents.creation(asked.ticket)
            return self._told(asked, asked.ticket.size, asked.ticket.size, creation, receipt)
        upload = self._found(asked)
        await upload.file.wake()
        await upload.file.rest()
        answer = self._told(asked, upload.file.kept, upload.progress.size, upload.progress.creation)
        if upload.progress.is_part:
            answer.headers["Upload-Concat"] = "partial"
        return answer

    async def _take(self, asked: _Asked) -> Response:
        """Take more bytes; the last one commits."""
        tus_headers.require_bytes(asked.headers)
        offset, checksum = tus_headers.number(asked.headers, "Upload-Offset"), tus_headers.checksum(asked.headers)
        receipt = self.acceptance.documents.admit(asked.ticket)
        if receipt is not None:
            _require_whole(asked)
            if offset != asked.ticket.size or tus_headers.content_length(asked.headers):
                raise WrongOffset
            return self._taken(asked.ticket, asked.ticket.size, receipt)
        upload = self._found(asked)
        await upload.file.wake()
        # Before another request is broken off for it: what comes must be what is wanted.
        await upload.file.rest()
        _require_fitting(asked, upload, offset)
        receipt = await self._brought(asked, upload, offset, checksum)
        return self._taken(asked.ticket, upload.file.size if receipt else upload.file.kept, receipt)

    async def _terminate(self, asked: _Asked) -> Response:
        """Remove an upload; its ticket can make another one."""
        if self.acceptance.documents.admit(asked.ticket) is not None:
            _require_whole(asked)
            raise UploadConflict("The document is committed: there is no upload any more that could be ended.")
        upload = self._found(asked)
        async with upload.turn():
            await upload.file.revoke()
        return Response(status_code=204)

    async def _brought(
        self, asked: _Asked, upload: ResumableUpload, offset: int, checksum: Checksum | None
    ) -> Receipt | None:
        """Take a body as the only writer; return the receipt when its last byte was the document's."""
        async with upload.turn() as turn:
            _require_fitting(asked, upload, offset)
            is_whole = False
            try:
                await self._receive(asked, upload, turn, checksum)
                is_whole = _is_ready(upload)
            except ConnectionBroken as broken:
                is_whole = _is_ready(upload) and not upload.file.is_checked
                if not is_whole:
                    msg = "The connection broke. What had arrived is kept: ask by HEAD how far that is, and go on."
                    raise ConnectionBroken(msg) from broken
            finally:
                if not is_whole:
                    await self.acceptance.documents.to_its_end(_put_down(upload))
            return await self._completed(asked, upload) if is_whole else None

    async def _receive(self, asked: _Asked, upload: ResumableUpload, turn: object, checksum: Checksum | None) -> None:
        file = upload.file
        if checksum is not None:
            await file.check(checksum.begin())
        async for piece in upload.pieces(asked.body.pieces(asked.ticket.deadline_at_max), turn):
            if file.received + len(piece) > file.size:
                await file.revert()
                raise TooLarge(f"More bytes arrive than the {file.size} of Upload-Length. Nothing of them is kept.")
            await file.write(piece)
        if checksum is not None and not await file.approve(checksum.digest):
            raise ChecksumMismatch

    async def _completed(
        self, asked: _Asked, upload: ResumableUpload, others: Sequence[ResumableUpload] = ()
    ) -> Receipt:
        """Commit to the end, also when the request goes away; the next turn waits for that.

        `others` are parts that `upload` has taken in; they end with it.
        """
        work = asyncio.create_task(self.acceptance.documents.to_its_end(self._complete(asked, upload, others)))
        upload.completes(work)
        return await asyncio.shield(work)

    async def _complete(self, asked: _Asked, upload: ResumableUpload, others: Sequence[ResumableUpload]) -> Receipt:
        """Commit, and end the upload by that; where it is refused for good, by that too."""
        path, ticket, file = asked.request.url.path, asked.ticket, upload.file
        try:
            staged = await file.finish()
            self.acceptance.require_promised(path, ticket, staged, ticket.sha256)
            receipt = await self.acceptance.commit(path, ticket, staged, await file.head())
        except ArtStoreError as error:
            await file.revert()
            if not isinstance(error, MAY_PASS):
                await file.discard()
                await _end(others)
            raise
        await file.done()
        await _end(others)
        return receipt

    def _created(self, ticket: UploadTicket, upload_id: str, offset: int, receipt: Receipt | None) -> Response:
        location = f"/documents/{ticket.document_id}/versions/{ticket.document_version}/uploads/{upload_id}"
        return Response(status_code=201, headers={"Location": location, **self._state(ticket, offset, receipt)})

    def _told(
        self, asked: _Asked, offset: int, length: int, creation: Creation | None, receipt: Receipt | None = None
    ) -> Response:
        headers = {"Upload-Length": str(length), "Cache-Control": "no-store", **_said(creation)}
        return Response(status_code=200, headers=headers | self._state(asked.ticket, offset, receipt))

    def _taken(self, ticket: UploadTicket, offset: int, receipt: Receipt | None) -> Response:
        return Response(status_code=204, headers=self._state(ticket, offset, receipt))

    def _state(self, ticket: UploadTicket, offset: int, receipt: Receipt | None) -> dict[str, str]:
        """Return where an upload is, and until when; of a committed one, what the document is."""
        if receipt is not None:
            return {"Upload-Offset": str(offset), **committed_headers(receipt)}
        expires = expiry_of(ticket, self.acceptance.clock.now())
        return {
            "Upload-Offset": str(offset),
            "Upload-Expires": format_datetime(expires.replace(microsecond=0), usegmt=True),
        }

    def _ticket(self, request: Request) -> UploadTicket:
        try:
            return self.access.upload(request)
        except InvalidTicket as refused:
            # The ticket of an upload expires together with it; who asks for that one is told so.
            upload = self.acceptance.documents.resumables.find(str(request.path_params.get("upload_id", "")))
            if upload is not None and upload.progress.ticket.deadline_at_max <= self.acceptance.clock.now():
                raise UploadAbandonedError from refused
            raise

    def _found(self, asked: _Asked) -> ResumableUpload:
        return self._open(asked, asked.upload_id)

    def _part(self, asked: _Asked, url: str) -> ResumableUpload:
        folder, _, upload_id = urlsplit(url).path.rpartition("/")
        if folder != asked.request.url.path.rstrip("/"):
            msg = f"{url[:200]} is no part of this document."
            raise Malformed(msg)
        return self._open(asked, upload_id)

    def _open(self, asked: _Asked, upload_id: str) -> ResumableUpload:
        upload = self.acceptance.documents.resumables.find(upload_id)
        if upload is None or not is_of(upload, asked.ticket):
            raise NotFound("There is no such upload. Begin one at the address of uploads.")
        return upload


async def _end(parts: Sequence[ResumableUpload]) -> None:
    for part in parts:
        await part.file.revoke()


def _require_joinable(parts: Sequence[ResumableUpload], ticket: UploadTicket) -> None:
    for part in parts:
        if part.file.is_over or not part.progress.is_part or part.file.kept < part.progress.size:
            msg = f"{part.upload_id} is no part, or not all of it has arrived."
            raise WrongOffset(msg)
    size = sum(part.progress.size for part in parts)
    if size != ticket.size:
        msg = f"The parts have {size} bytes together, the upload was announced with {ticket.size}."
        raise Malformed(msg)


def _length(asked: _Asked, *, is_part: bool) -> int:
    """Return Upload-Length, which is the announced size; that of a part is at most that."""
    if "upload-defer-length" in asked.headers:
        raise Malformed("The size was announced with the upload: Upload-Length says it, and is not deferred.")
    length, announced = tus_headers.number(asked.headers, "Upload-Length"), asked.ticket.size
    if length > announced or (length < announced and not is_part):
        msg = f"Upload-Length is {length}, the upload was announced with {announced} bytes."
        raise (TooLarge if length > announced else Malformed)(msg)
    return length


async def _refused(_asked: _Asked) -> Response:
    raise MethodNotAllowed


async def _put_down(upload: ResumableUpload) -> None:
    """Keep what may be kept; the rest of a body that did not come to its end is forgotten."""
    if upload.file.is_over:
        await upload.file.discard()
    # The last byte of a document is kept by its commit alone.
    elif upload.file.is_checked or _is_ready(upload):
        await upload.file.revert()
    else:
        await upload.file.rest()


def _is_ready(upload: ResumableUpload) -> bool:
    return upload.file.received == upload.file.size and not upload.progress.is_part


def _require_whole(asked: _Asked) -> None:
    """Raise NotFound unless the address is that of the upload that a committed document came by."""
    if asked.upload_id != whole_id(asked.ticket):
        raise NotFound("There is no such upload.")


def _require_fitting(asked: _Asked, upload: ResumableUpload, offset: int) -> None:
    if offset != upload.file.kept or upload.file.is_over:
        msg = f"Upload-Offset is {offset}, the upload is at {upload.file.kept}. Go on from there."
        raise WrongOffset(msg)
    length = tus_headers.content_length(asked.headers)
    if length is not None and offset + length > upload.file.size:
        msg = f"{length} bytes from {offset} on are more than the {upload.file.size} of Upload-Length."
        raise TooLarge(msg)


def _spoken() -> dict[str, str]:
    return {
        "Tus-Resumable": tus_headers.VERSION,
        "Tus-Version": tus_headers.VERSION,
        "Tus-Extension": ",".join(tus_headers.EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(tus_headers.ALGORITHMS),
        "Tus-Max-Size": str(tus_headers.SIZE_MAX),
    }


def _said(creation: Creation | None) -> dict[str, str]:
    said = {} if creation is None else {"Upload-Metadata": creation.metadata, "Upload-Concat": creation.concat}
    return {name: text for name, text in said.items() if text is not None}
