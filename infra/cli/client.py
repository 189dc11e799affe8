"""A small synchronous client of the HTTP interface: the verbs, each bounded in time and repeated when that is safe."""

import time
import uuid
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from infra.cli.answers import parsed
from infra.cli.fetching import Fetching
from infra.cli.originals import Original
from infra.cli.receiving import Receiving
from infra.cli.sending import Progress, ResumableSending, put_whole, unwatched
from infra.cli.transport import Patience, Transport
from infra.runtime.settings_sections import RESUMABLE_ABOVE_BYTES
from schemas.api.accounts import AccountAnswer, AccountBody
from schemas.api.auth import TokenBody
from schemas.api.body import Page
from schemas.api.documents import DocumentBody, HitBody, LinkAnswer, LinkBody
from schemas.api.events import EventBody
from schemas.api.fixity import DamageBody
from schemas.api.keys import KeyBody, RetirementBody
from schemas.api.operations import OperationBody
from schemas.api.uploads import UploadAnswer, UploadBody
from schemas.errors import Unauthenticated, ViewsBehind

PAGE_LIMIT = 100
LONGEST_WAIT_SECONDS = 10
LEAST_PAUSE_SECONDS = 0.1
TERMINAL = frozenset({"succeeded", "failed"})

Item = TypeVar("Item", bound=BaseModel)


class ArchiveClient:
    """The archive at `base_url`, spoken to as the owner of `token`. Raises errors of the tree only.

    `renew` is asked for a new token when the archive no longer takes the old one. A file of more than
    `resumable_above_bytes` is sent so that it can go on after a break.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        renew: Callable[[], str] | None = None,
        patience: Patience | None = None,
        resumable_above_bytes: int = RESUMABLE_ABOVE_BYTES,
    ) -> None:
        self._transport = Transport(base_url, patience or Patience())
        self._token = token
        self._renew = renew
        self._resumable_above_bytes = resumable_above_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._transport.close()

    @property
    def base_url(self) -> str:
        """Address of the gateway, without a slash at the end."""
        return self._transport.base_url

    def login(self, login: str, password: str) -> TokenBody:
        """Sign in and use the new token from now on. InvalidCredentials."""
        form = {"grant_type": "password", "username": login, "password": password}
        request = self._transport.request
        response = self._transport.again(self._transport.once, lambda: request("POST", "/api/v1/auth/token", data=form))
        answer = parsed(TokenBody, response)
        self._token = answer.access_token
        return answer

    def request_upload(self, upload: UploadBody, key: str | None = None) -> UploadAnswer:
        """Announce an upload. The same `key` gives the same operation; without one, each call is a new document."""
        # Even without a key from outside there is one: a repeat after a broken connection must not announce twice.
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body = upload.model_dump(mode="json", exclude_none=True)
        return parsed(UploadAnswer, self._ask("POST", "/api/v1/uploads", json=body, headers=headers))

    def request_account(self, account: AccountBody, key: str) -> AccountAnswer:
        """Ask for an account. The same `key` asks for the same one, so that a repeat does not find its login taken."""
        body, headers = account.model_dump(mode="json"), {"Idempotency-Key": key}
        return parsed(AccountAnswer, self._ask("POST", "/api/v1/accounts", json=body, headers=headers))

    def send(
        self,
        answer: UploadAnswer,
        original: Original,
        renew: Callable[[], UploadAnswer],
        progress: Progress = unwatched,
    ) -> None:
        """Send the file to the agent; when this returns, the document is committed.

        A file above the limit of this client goes on where a connection broke, and where a command of before was
        killed; `renew` is asked for a new ticket for it. `progress` is told how many bytes have gone; the number falls
        back when some have to be sent again. Rejected when the file is no longer the one that was read.
        """
        if original.size > self._resumable_above_bytes:
            ResumableSending(self._transport, answer, original, renew, progress).send()
        else:
            put_whole(self._transport, answer, original, progress)

    def operation(self, operation_id: str, wait_seconds: int = 0) -> OperationBody:
        """Return the operation; with `wait_seconds` the answer comes when it has ended or the time is over."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
        return parsed(OperationBody, self._ask("GET", f"/api/v1/operations/{_part(operation_id)}", headers=headers))

    def wait_operation(self, operation_id: str, seconds: float) -> OperationBody:
        """Return the operation in its terminal state. ViewsBehind when it still runs after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            operation = self.operation(operation_id, max(1, min(LONGEST_WAIT_SECONDS, int(left))))
            if operation.state in TERMINAL:
                return operation
            if left <= 0:
                detail = f"Operation {operation_id} is {operation.state} at step {operation.step}; look again later."
                raise ViewsBehind(detail)
            # An archive that does not honour Prefer must not be asked in a tight circle.
            time.sleep(LEAST_PAUSE_SECONDS)

    def document(self, document_id: str) -> DocumentBody:
        """Return the document's newest version. NotFound."""
        return parsed(DocumentBody, self._ask("GET", f"/api/v1/documents/{_part(document_id)}"))

    def documents(self) -> Iterator[DocumentBody]:
        """All documents, newest first."""
        return self._pages(DocumentBody, "/api/v1/documents", {})

    def damages(self) -> Iterator[DamageBody]:
        """All versions that are damaged now, the newest damage first."""
        return self._pages(DamageBody, "/api/v1/damages", {})

    def search(self, words: str) -> Iterator[HitBody]:
        """All hits, best first."""
        return self._pages(HitBody, "/api/v1/search", {"q": words})

    def events(self, *, document_id: str | None = None, correlation_id: str | None = None) -> Iterator[EventBody]:
        """Events of the log, decoded, in the order in which they occurred."""
        asked = {"document_id": document_id, "correlation_id": correlation_id}
        return self._pages(EventBody, "/api/v1/events", {name: value for name, value in asked.items() if value})

    def link(self, document_id: str, seconds: int) -> LinkAnswer:
        """Return a link that opens the document's content for whoever has it. NotFound."""
        body = LinkBody(seconds=seconds).model_dump(mode="json")
        return parsed(LinkAnswer, self._ask("POST", f"/api/v1/documents/{_part(document_id)}/links", json=body))

    def keys(self) -> tuple[KeyBody, ...]:
        """Return all signing keys, retired ones too, the newest first."""
        return parsed(Page[KeyBody], self._ask("GET", "/api/v1/keys")).items

    def retire_key(self, kid: str, *, replace: bool) -> KeyBody:
        """Retire a key, and let a new one take its place if it is in use. NotFound, KeyInUse."""
        body = RetirementBody(replace=replace).model_dump(mode="json")
        return parsed(KeyBody, self._ask("POST", f"/api/v1/keys/{_part(kid)}/retire", json=body))

    def attributes(self, document_id: str) -> bytes:
        """Return the sealed `attr.json`, byte for byte."""
        response = self._ask("GET", f"/api/v1/documents/{_part(document_id)}/attributes")
        if not response.has_redirect_location:
            return response.content
        target = _target(response)
        request = self._transport.request
        return self._transport.again(self._transport.once, lambda: request("GET", target)).content

    def download(self, document: DocumentBody, receiving: Receiving, progress: Progress = unwatched) -> None:
        """Fetch the content that is not there yet, going on where a connection broke, with a new ticket each time.

        BodyDamaged when size or SHA-256 are not the document's: what was written must not be used then.
        """
        path = f"/api/v1/documents/{_part(document.document_id)}/content"

        def locate() -> str:
            return _target(self._with_token(lambda: self._transport.once(self._signed("GET", path, {}))))

        Fetching(self._transport, locate, document, receiving, progress).fetch()

    def _pages(self, kind: type[Item], path: str, asked: dict[str, str]) -> Iterator[Item]:
        page_kind = Page[kind]  # type: ignore[valid-type]
        cursor: str | None = None
        while True:
            params = {**asked, "limit": str(PAGE_LIMIT), **({"cursor": cursor} if cursor else {})}
            page = parsed(page_kind, self._ask("GET", path, params=params))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _ask(self, method: str, path: str, **options: object) -> httpx2.Response:
        return self._with_token(
            lambda: self._transport.again(self._transport.once, self._signed(method, path, options))
        )

    def _signed(self, method: str, path: str, options: dict[str, object]) -> Callable[[], httpx2.Request]:
        headers = dict(options.get("headers") or {})  # type: ignore[call-overload]
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        return lambda: self._transport.request(method, path, **{**options, "headers": headers})

    def _with_token(self, call: Callable[[], httpx2.Response]) -> httpx2.Response:
        try:
            return call()
        except Unauthenticated:
            if self._renew is None:
                raise
            self._token = self._renew()
            return call()


def _part(identifier: str) -> str:
    return quote(identifier, safe="")


def _target(response: httpx2.Response) -> str:
    location = response.headers.get("Location", "")
    return str(response.request.url.join(location))
