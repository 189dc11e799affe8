"""Access tokens and tickets, signed and verified (JWS, RFC 7515; RS256 only): the one room that knows python-jose."""

# The library is lenient where this house is not (padding, junk letters, headers it does not know, types of claims), so
# everything that can be decided before it is decided here; what is left to it is the signature.

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from jose import jws
from jose.backends.cryptography_backend import CryptographyRSAKey
from jose.exceptions import JOSEError
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.runtime.keys import KeyRing, SigningKey, VerifyingKey
from infra.runtime.recent import Recent
from schemas.errors import ArtStoreError, InvalidTicket, TooLarge, Unauthenticated
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket

ALGORITHM = "RS256"
ISSUER = "artstore"
ACCESS_AUDIENCE = "artstore-api"
ACCESS_TYPE = "at+jwt"
TICKET_TYPE = "artstore-ticket+jwt"

TICKET_BYTES_MAX = 7 * 1024
TOKEN_BYTES_MAX = 7 * 1024
LEEWAY_SECONDS = 60
ACCESS_LIFE_MAX = timedelta(hours=1)
UPLOAD_LIFE_MAX = timedelta(hours=48)
DOWNLOAD_LIFE_MAX = timedelta(minutes=5)
LINK_LIFE_MAX = timedelta(days=7)
TICKET_LIVES: Mapping[str, timedelta] = {
    TicketUse.UPLOAD: UPLOAD_LIFE_MAX,
    TicketUse.DOWNLOAD: DOWNLOAD_LIFE_MAX,
    TicketUse.LINK: LINK_LIFE_MAX,
}
ROUNDING_SECONDS = 2  # begin and end are whole seconds: down and up

HEADER_NAMES = {"alg", "typ", "kid"}
INTEGER_MAX = 2**53
_PART = re.compile(r"[A-Za-z0-9_-]+")

Ticket = TypeVar("Ticket", UploadTicket, DownloadTicket)
Refusal = TypeVar("Refusal", bound=ArtStoreError)


class AccessClaims(BaseModel):
    """Who carries a token: account id, login, full name, role."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subject: str
    login: str
    full_name: str
    role: str


@dataclass(frozen=True)
class _Expected:
    """What a verifier insists on."""

    type_: str
    audience: str
    issuer: str
    life_max: Callable[[Mapping[str, Any]], timedelta]
    bytes_max: int


class _RefusedError(Exception):
    """Why a token is not believed."""


@dataclass(frozen=True)
class Signed:
    """What a token says, and the key under which its signature was found to be right."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: VerifyingKey


# Of tokens by their exact text: what they say and that it is signed never changes. Whether they are believed does, with
# the time and the ring of keys, and is decided anew each time.
SignedTexts = Recent[str, Signed]


def sign_token(
    key: SigningKey, claims: AccessClaims, now: datetime, expires_at: datetime, *, issuer: str = ISSUER
) -> str:
    """Return an access token (RFC 9068 `typ`) for `claims`, valid from `now` until `expires_at`."""
    body = {
        "iss": issuer,
        "aud": ACCESS_AUDIENCE,
        "sub": claims.subject,
        "login": claims.login,
        "name": claims.full_name,
        "role": claims.role,
        **_times(now, expires_at),
    }
    return _sign(key, ACCESS_TYPE, body)


def verify_token(text: str, ring: KeyRing, now: datetime, *, issuer: str = ISSUER) -> AccessClaims:
    """Return who carries this token; Unauthenticated says why it is not believed."""
    expected = _Expected(ACCESS_TYPE, ACCESS_AUDIENCE, issuer, lambda _: ACCESS_LIFE_MAX, TOKEN_BYTES_MAX)
    try:
        body = _verify(text, ring, expected, now)
        return AccessClaims(subject=body["sub"], login=body["login"], full_name=body["name"], role=body["role"])
    except _RefusedError as refused:
        raise _explained(Unauthenticated, refused) from refused
    except (KeyError, ValidationError) as error:
        raise Unauthenticated("The token lacks a claim. Sign in again at /api/v1/auth/token.") from error


def sign_ticket(
    key: SigningKey,
    ticket: UploadTicket | DownloadTicket,
    now: datetime,
    expires_at: datetime,
    *,
    issuer: str = ISSUER,
) -> str:
    """Return the ticket as a JWS; TooLarge above 7 KiB. Its text stays UTF-8: escapes would treble Cyrillic."""
    claims = ticket.model_dump(mode="json", exclude={"ticket_id", "element_id"}, exclude_none=True)
    body = {"iss": issuer, "aud": ticket.element_id, "jti": ticket.ticket_id, **_times(now, expires_at)}
    text = _sign(key, TICKET_TYPE, body | {"ticket": claims})
    if len(text) > TICKET_BYTES_MAX:
        msg = f"The ticket would have {len(text)} bytes, at most {TICKET_BYTES_MAX} are allowed."
        raise TooLarge(msg)
    return text


def verify_ticket(  # noqa: PLR0913 - what is asked, by what, where and when, of whom, and what is known
    kind: type[Ticket],
    text: str,
    ring: KeyRing,
    element_id: str,
    now: datetime,
    *,
    issuer: str = ISSUER,
    known: SignedTexts | None = None,
) -> Ticket:
    """Return the ticket, a link's too where one for downloads is wanted; InvalidTicket says why it is not valid here.

    `known`: signatures that were verified before need not be again.
    """
    expected = _Expected(TICKET_TYPE, element_id, issuer, _ticket_life_max, TICKET_BYTES_MAX)
    claims = _ticket(text, ring, expected, now, known)
    try:
        ticket = kind.model_validate(claims)
    except ValidationError as error:
        raise InvalidTicket("The ticket is not of the kind that is needed here.") from error
    if (ticket.use is TicketUse.UPLOAD) is not (kind is UploadTicket):
        msg = f"This ticket is not for {'an upload' if kind is UploadTicket else 'a download'}."
        raise InvalidTicket(msg)
    return ticket


def _ticket(text: str, ring: KeyRing, expected: _Expected, now: datetime, known: SignedTexts | None) -> dict[str, Any]:
    try:
        body = _verify(text, ring, expected, now, known)
    except _RefusedError as refused:
        raise _explained(InvalidTicket, refused) from refused
    claims = body.get("ticket")
    if not isinstance(claims, dict):
        raise InvalidTicket("The ticket has no content. Ask the gateway for a new one.")
    return {**claims, "ticket_id": body.get("jti"), "element_id": body["aud"]}


def _times(now: datetime, expires_at: datetime) -> dict[str, int]:
    return {"iat": math.floor(now.timestamp()), "exp": math.ceil(expires_at.timestamp())}


def _sign(key: SigningKey, type_: str, body: dict[str, Any]) -> str:
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    private = CryptographyRSAKey(key.private, ALGORITHM)
    return jws.sign(payload, private, headers={"typ": type_, "kid": key.kid}, algorithm=ALGORITHM)


def _verify(
    text: str, ring: KeyRing, expected: _Expected, now: datetime, known: SignedTexts | None = None
) -> Mapping[str, Any]:
    """Return the claims of a token that is believed; _RefusedError otherwise."""
    if len(text) > expected.bytes_max:
        msg = f"it is longer than {expected.bytes_max} bytes"
        raise _RefusedError(msg)
    before = None if known is None else known.get(text)
    header, claims = _parsed(text) if before is None else (before.header, before.claims)
    if set(header) != HEADER_NAMES or header["alg"] != ALGORITHM or header["typ"] != expected.type_:
        raise _RefusedError("it is of another kind")
    key = ring.find(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None:
        is_retired = isinstance(header["kid"], str) and header["kid"] in ring.retired
        raise _RefusedError("its key is retired" if is_retired else "its key is not known")
    _check_claims(claims, expected, now, key.active_from)
    if before is None or before.key != key:
        _check_signature(text, key)
        if known is not None:
            known.keep(text, Signed(header, claims, key))
    return claims


def _check_signature(text: str, key: VerifyingKey) -> None:
    try:
        jws.verify(text, CryptographyRSAKey(key.public, ALGORITHM), [ALGORITHM])
    except JOSEError as error:
        raise _RefusedError("its signature is wrong") from error


def _parsed(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = text.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 section 3.1: header, payload, signature
        raise _RefusedError("it does not have three parts")
    header, claims, _signature = (_decoded(part) for part in parts)
    return _object(header), _object(claims)


def _decoded(part: str) -> bytes:
    """Decode base64url (RFC 7515 section 2): no padding, no other letters, one spelling per value."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) if _PART.fullmatch(part) else b""
    except binascii.Error:
        data = b""
    if not data or base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise _RefusedError("it is not base64url")
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _RefusedError("it is not strict JSON") from error
    if not isinstance(value, dict):
        raise _RefusedError("it is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: two readers could take two different values (RFC 8259 section 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        msg = "a name stands twice"
        raise ValueError(msg)
    return value


def _no_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _check_claims(claims: Mapping[str, Any], expected: _Expected, now: datetime, active_from: datetime) -> None:
    issued, expires = _integer(claims, "iat"), _integer(claims, "exp")
    begins = _integer(claims, "nbf") if "nbf" in claims else issued
    moment = now.timestamp()
    if claims.get("iss") != expected.issuer:
        raise _RefusedError("another installation has issued it")
    if claims.get("aud") != expected.audience:
        raise _RefusedError("it is meant for another recipient")
    if not 0 < expires - issued <= expected.life_max(claims).total_seconds() + ROUNDING_SECONDS:
        raise _RefusedError("it lives too long")
    if max(issued, begins) > moment + LEEWAY_SECONDS:
        raise _RefusedError("it begins in the future")
    if issued < active_from.timestamp() - LEEWAY_SECONDS:
        raise _RefusedError("it is older than its key")
    if expires <= moment:
        raise _RefusedError("it has expired")


def _ticket_life_max(claims: Mapping[str, Any]) -> timedelta:
    """Return how long a ticket may live, by its use; the shortest time for what is no use."""
    ticket = claims.get("ticket")
    use = ticket.get("use") if isinstance(ticket, dict) else None
    return TICKET_LIVES.get(use, DOWNLOAD_LIFE_MAX) if isinstance(use, str) else DOWNLOAD_LIFE_MAX


def _integer(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < INTEGER_MAX:
        msg = f"its {name} is not a whole number"
        raise _RefusedError(msg)
    return value


def _explained(kind: type[Refusal], refused: _RefusedError) -> Refusal:
    what, remedy = (
        ("ticket", "Ask the gateway for a new one.")
        if issubclass(kind, InvalidTicket)
        else ("token", "Sign in again at /api/v1/auth/token.")
    )
    return kind(f"The {what} is not valid: {refused}. {remedy}")
