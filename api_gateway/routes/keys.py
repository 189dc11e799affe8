"""The keys that verify access tokens, for outsiders."""

from fastapi import APIRouter, Response

from api_gateway.dependencies import Given

router = APIRouter(tags=["keys"])

FRESH_SECONDS = 300


@router.get("/.well-known/jwks.json")
async def key_set(parts: Given, response: Response) -> dict[str, object]:
    """Return the JWK set (RFC 7517). A key is announced before it is used, so five minutes of cache do no harm."""
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return parts.keys.ring.jwks()
