"""Asking for an account: the request carries the installation's signature over its own bytes."""

from collections.abc import Callable

from producers.publisher import Publisher
from schemas.envelope import Position
from schemas.registry import encode
from schemas.requests import AccountRequested
from schemas.signing import signable

Sign = Callable[[bytes], bytes]


async def request_account(
    publisher: Publisher, request: AccountRequested, sign: Sign, traceparent: str | None = None
) -> Position:
    """Sign `request`, put it into the saga inbox, return where it stands; LogUnavailable when not acknowledged.

    Its saga's id is derived from the login, so that of two requests for one login the first wins.
    """
    signed = request.model_copy(update={"signature": sign(signable(request))})
    return await publisher.publish(encode(signed, traceparent))
