"""Who may ask this agent for what: tickets and program secrets, verified here with no call to anybody."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from infra.runtime.clock import Clock
from infra.runtime.installation import same_secret
from infra.runtime.keys import KeyRing
from infra.runtime.security import SignedTexts, verify_ticket
from schemas.errors import InvalidTicket, NotFound, PermissionDenied, Unauthenticated
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket

Ticket = TypeVar("Ticket", UploadTicket, DownloadTicket)

VERSION_DIGITS_MAX = 9
# A download ticket has about 800 letters.
KNOWN_LETTERS_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Access:
    """Verifies what requests bring. `ring` gives the signing keys as they are known now; `issuer` as in settings."""

    ring: Callable[[], KeyRing]
    element_id: str
    clock: Clock
    issuer: str
    secret: str = field(repr=False)
    known: SignedTexts = field(default_factory=lambda: SignedTexts(KNOWN_LETTERS_MAX), repr=False)

    def upload(self, request: Request) -> UploadTicket:
        """Return the upload ticket; InvalidTicket, or PermissionDenied when it is for another document."""
        return self._verified(UploadTicket, _bearer(request), request)

    def download(self, request: Request) -> DownloadTicket:
        """Return the download ticket, or a link's, from the query or the header; errors as in `upload`."""
        return self._verified(DownloadTicket, _in_query(request.scope["query_string"]) or _bearer(request), request)

    def download_by_name(self, request: Request) -> DownloadTicket:
        """Return the download ticket of somebody who has signed in; PermissionDenied for a link, errors as before."""
        ticket = self.download(request)
        if ticket.use is TicketUse.LINK:
            raise PermissionDenied("A link opens the document itself, and nothing that is said about it.")
        return ticket

    def require_program(self, request: Request) -> None:
        """Raise Unauthenticated unless another program of this installation asks."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not same_secret(self.secret, shown.strip()):
            raise Unauthenticated("Texts are given to the programs of this installation only.")

    def _verified(self, kind: type[Ticket], text: str, request: Request) -> Ticket:
        now, known = self.clock.now(), self.known
        ticket = verify_ticket(kind, text, self.ring(), self.element_id, now, issuer=self.issuer, known=known)
        if (ticket.document_id, ticket.document_version) != wanted_version(request):
            msg = "The ticket is for another document or version. Use it with the address it came with."
            raise PermissionDenied(msg)
        return ticket


def wanted_version(request: Request) -> tuple[str, int]:
    """Return document id and version of the path; NotFound for what no version can be."""
    version = str(request.path_params["version"])
    # The router's own integers have no bound, and Python refuses to read thousands of digits.
    if not (version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS_MAX):
        raise NotFound
    return str(request.path_params["document_id"]), int(version)


def _in_query(query: bytes) -> str | None:
    """Return the last ticket of a query, as the framework would, which first makes a collection of all there is."""
    found = [value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "ticket"]
    return found[-1] if found else None


def _bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise InvalidTicket("A ticket is needed. Ask the gateway for one and send it as `Authorization: Bearer`.")
    return text.strip()
