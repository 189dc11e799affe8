"""What a route may ask for: the parts that app.py built, and who is asking, with the permission that it needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Query
from starlette.requests import Request

from api_gateway.accounts import AccountDesk
from api_gateway.discovery import Discovery
from api_gateway.keyholder import Keys
from api_gateway.keys import KeyDesk
from api_gateway.ports import Views
from api_gateway.sessions import Sessions
from infra.runtime.clock import Clock
from infra.runtime.security import AccessClaims, verify_token
from producers.publisher import Publisher
from schemas.envelope import Actor
from schemas.errors import PermissionDenied, Unauthenticated
from schemas.identifiers import AccountId
from schemas.permissions import Permission, allowed

PAGE_LIMIT, PAGE_LIMIT_MAX = 50, 100


@dataclass(frozen=True)
class Parts:
    """Everything that the routes work with; app.py builds it once."""

    clock: Clock
    views: Views
    discovery: Discovery
    publisher: Publisher
    keys: Keys
    key_desk: KeyDesk
    sessions: Sessions
    accounts: AccountDesk
    issuer: str
    link_life_max: timedelta
    upload_deadline: timedelta
    upload_deadline_max: timedelta


def parts_of(request: Request) -> Parts:
    """Return the parts that app.py put beside the application."""
    return cast("Parts", request.app.state.parts)


Given = Annotated[Parts, Depends(parts_of)]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT_MAX, description="Items per page.")]
Cursor = Annotated[str | None, Query(max_length=2048, description="`next_cursor` of the page before.")]


async def signed_in(request: Request, parts: Given) -> AccessClaims:
    """Return whose access token the request carries (RFC 6750); Unauthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    return verify_token(token.strip(), parts.keys.ring, parts.clock.now(), issuer=parts.issuer)


SignedIn = Annotated[AccessClaims, Depends(signed_in)]


def may(permission: Permission) -> Callable[[AccessClaims], Awaitable[AccessClaims]]:
    """Return the dependency that lets only those pass whose role grants `permission`; PermissionDenied."""

    async def check(who: SignedIn) -> AccessClaims:
        if not allowed(who.role, permission):
            message = f"This needs the permission {permission}, which the role {who.role!r} does not have."
            raise PermissionDenied(message)
        return who

    return check


Uploader = Annotated[AccessClaims, Depends(may(Permission.UPLOAD))]
Reader = Annotated[AccessClaims, Depends(may(Permission.READ))]
Searcher = Annotated[AccessClaims, Depends(may(Permission.SEARCH))]
EventReader = Annotated[AccessClaims, Depends(may(Permission.READ_EVENTS))]
ElementReader = Annotated[AccessClaims, Depends(may(Permission.READ_ELEMENTS))]
OperationReader = Annotated[AccessClaims, Depends(may(Permission.READ_OPERATIONS))]
AccountKeeper = Annotated[AccessClaims, Depends(may(Permission.MANAGE_ACCOUNTS))]
KeyKeeper = Annotated[AccessClaims, Depends(may(Permission.MANAGE_KEYS))]


def actor_of(who: AccessClaims) -> Actor:
    """Return the human of a token as events name them."""
    return Actor(subject=AccountId(who.subject), login=who.login, full_name=who.full_name)
