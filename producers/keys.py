"""Asking for a token-signing key, or for its end: the request carries the installation's signature over its bytes."""

from producers.accounts import Sign
from producers.publisher import Publisher
from schemas.envelope import Position
from schemas.registry import encode
from schemas.requests import KeyRequested, KeyRetirementRequested
from schemas.signing import signable


async def request_key(
    publisher: Publisher, request: KeyRequested | KeyRetirementRequested, sign: Sign, traceparent: str | None = None
) -> Position:
    """Sign `request`, put it into the saga inbox, return where it stands; LogUnavailable when not acknowledged."""
    signed = request.model_copy(update={"signature": sign(signable(request))})
    return await publisher.publish(encode(signed, traceparent))
