"""A file's bytes on their way to the agent: a small file in one PUT, a large one by tus 1.0.0, which goes on."""

import base64
from collections.abc import Callable, Iterator

import httpx2

from infra.cli.answers import parsed
from infra.cli.originals import Original
from infra.cli.transport import Transport
from schemas.api.uploads import Receipt, UploadAnswer
from schemas.errors import ConnectionBroken, InvalidTicket, Malformed, NotFound, Rejected, StaleEpoch, WrongOffset

CHUNK_BYTES = 256 * 1024
# So much goes in one PATCH: it keeps a proxy in front of the agent from collecting a whole document before it passes
# anything on, and is long enough for the pause between two of them not to be felt.
PIECE_BYTES = 64 * 2**20
NOWHERE = -1

Progress = Callable[[int], None]


def unwatched(_count: int) -> None:
    """Progress that nobody looks at."""


def repr_digest(sha256: str) -> str:
    """Return the Repr-Digest header (RFC 9530) for a digest of 64 hex digits."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def put_whole(transport: Transport, answer: UploadAnswer, original: Original, progress: Progress) -> None:
    """Send the file in one PUT, again from its first byte when that breaks. When this returns, it is committed."""
    headers = {
        "Authorization": f"Bearer {answer.ticket}",
        "Content-Length": str(original.size),
        "Content-Type": "application/octet-stream",
        "Repr-Digest": repr_digest(original.sha256),
    }

    def build() -> httpx2.Request:
        content = _told(original, 0, original.size, progress)
        return transport.request("PUT", answer.upload_url, content=content, headers=headers)

    parsed(Receipt, transport.again_long(transport.once, build))


class ResumableSending:
    """One file on its way by tus.

    Whatever the agent has of it stays there: after a lost net, a killed agent or a killed command the rest is sent.
    `renew` is asked for another ticket, for the same upload, when the agent no longer takes the one in `answer`.
    """

    def __init__(
        self,
        transport: Transport,
        answer: UploadAnswer,
        original: Original,
        renew: Callable[[], UploadAnswer],
        progress: Progress,
    ) -> None:
        self._transport = transport
        self._answer = answer
        self._original = original
        self._renew = renew
        self._progress = progress
        self._url: httpx2.URL | None = None
        self._offset: int | None = None
        self._furthest = NOWHERE
        self._renewed_at: int | None = None

    def send(self) -> None:
        """Send what is missing. When this returns, the document is committed.

        Tries end when so many in a row, as the transport's patience says, have brought no byte more.
        """
        while self._furthest < self._original.size:
            self._transport.again_resumed(self._advance)

    def _advance(self) -> None:
        try:
            self._step()
        except (InvalidTicket, StaleEpoch):
            # Once for each step forward: a ticket that is refused when it is new will be refused again.
            if self._furthest == self._renewed_at:
                raise
            self._renewed_at = self._furthest
            self._answer = self._renew()
            self._step()

    def _step(self) -> None:
        """Learn where the agent is; unless it is further than ever, send the next piece."""
        if self._offset is None:
            self._offset = self._located()
            if self._has_come_further(self._offset):
                return
        start, self._offset = self._offset, None
        try:
            response = self._patch(start)
        except (NotFound, WrongOffset) as error:
            raise ConnectionBroken("The agent is not where it was; it is asked anew.") from error
        self._offset = _offset_in(response)
        self._has_come_further(self._offset)

    def _has_come_further(self, offset: int) -> bool:
        self._progress(offset)
        further = offset > self._furthest
        self._furthest = max(self._furthest, offset)
        return further

    def _located(self) -> int:
        if self._url is not None:
            try:
                return _offset_in(self._ask("HEAD", self._url))
            except Rejected:
                # The refusal of a HEAD brings no words. That of a creation does, and it finds an upload as well.
                self._url = None
        uploads = httpx2.URL(self._answer.upload_url).join("uploads")
        created = self._ask("POST", uploads, {"Upload-Length": str(self._original.size)})
        self._url = uploads.join(created.headers.get("Location", ""))
        return _offset_in(created)

    def _patch(self, start: int) -> httpx2.Response:
        self._original.require_unchanged()
        count = min(PIECE_BYTES, self._original.size - start)
        headers = {
            "Content-Length": str(count),
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(start),
        }
        return self._ask("PATCH", self._url, headers, _told(self._original, start, count, self._progress))

    def _ask(
        self,
        method: str,
        url: httpx2.URL | None,
        headers: dict[str, str] | None = None,
        content: Iterator[bytes] | None = None,
    ) -> httpx2.Response:
        common = {"Authorization": f"Bearer {self._answer.ticket}", "Tus-Resumable": "1.0.0"}
        request = self._transport.request(method, str(url), headers={**common, **(headers or {})}, content=content)
        return self._transport.once(lambda: request)


def _told(original: Original, start: int, count: int, progress: Progress) -> Iterator[bytes]:
    progress(start)
    for chunk in original.chunks(start, count, CHUNK_BYTES):
        yield chunk
        start += len(chunk)
        progress(start)


def _offset_in(response: httpx2.Response) -> int:
    text = response.headers.get("Upload-Offset", "")
    if not (text.isascii() and text.isdigit()):
        msg = f"{response.request.url} does not say how much of the upload it has."
        raise Malformed(msg)
    return int(text)
