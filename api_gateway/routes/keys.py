"""The keys that verify access tokens, for outsiders; all keys and their end, for administrators."""

from fastapi import APIRouter, Response

from api_gateway.dependencies import Given, KeyKeeper, actor_of
from schemas.api.body import Page
from schemas.api.keys import KeyBody, RetirementBody

router = APIRouter(tags=["keys"])

FRESH_SECONDS = 300


@router.get("/.well-known/jwks.json")
async def key_set(parts: Given, response: Response) -> dict[str, object]:
    """Return the JWK set (RFC 7517), fresh for five minutes: this is how long others may still believe a retired key.

    The programs of this installation do not read it: they follow the log.
    """
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return parts.keys.ring.jwks()


@router.get("/api/v1/keys")
async def list_keys(_who: KeyKeeper, parts: Given) -> Page[KeyBody]:
    """List all signing keys, retired ones too, the newest first."""
    return Page(items=parts.key_desk.list())


@router.post("/api/v1/keys/{kid}/retire")
async def retire_key(kid: str, body: RetirementBody, who: KeyKeeper, parts: Given) -> KeyBody:
    """Retire a key for ever: no token, ticket or link that it has signed is taken any more, by any program."""
    return await parts.key_desk.retire(kid, actor_of(who), replace=body.replace)
