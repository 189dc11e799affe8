"""What the installation signs: requests that change accounts or keys, as the bytes of the record without signature."""

from schemas.registry import encode
from schemas.requests import AccountRequested, KeyRequested, KeyRetirementRequested

SignedRequest = AccountRequested | KeyRequested | KeyRetirementRequested


def signable(request: SignedRequest) -> bytes:
    """Return the bytes that the signature covers: the record's value with an empty signature."""
    return encode(request.model_copy(update={"signature": b""})).value
