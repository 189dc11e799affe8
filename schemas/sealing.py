"""Canonical JSON (RFC 8785) with a seal of its own: the SHA-256 of the file's bytes with the seal's digits as zeros."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from schemas.errors import SealBroken

ZEROS = "0" * 64


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 form of `value`, UTF-8; ValueError for integers beyond 2^53 and non-finite floats."""
    return rfc8785.dumps(dict(value))


def seal(value: Mapping[str, Any], field: str) -> bytes:
    """Return canonical bytes of `value` whose `field` holds the SHA-256 of those bytes with 64 zeros in its place."""
    zeroed = canonical({**value, field: ZEROS})
    digest = hashlib.sha256(zeroed).hexdigest()
    return zeroed.replace(_place(field, ZEROS), _place(field, digest), 1)


def unseal(data: bytes, field: str) -> dict[str, Any]:
    """Return the object in `data` without its seal; SealBroken unless the bytes match the seal inside them."""
    try:
        value = json.loads(data)
    except ValueError as error:
        msg = "The file is not JSON; its seal cannot be read."
        raise SealBroken(msg) from error
    digest = value.get(field) if isinstance(value, dict) else None
    if not isinstance(digest, str) or len(digest) != len(ZEROS):
        msg = f"The file has no seal in {field}."
        raise SealBroken(msg)
    # The digest cannot stand a second time before its own place: that would be a fixed point of SHA-256.
    zeroed = data.replace(_place(field, digest), _place(field, ZEROS), 1)
    if hashlib.sha256(zeroed).hexdigest() != digest:
        raise SealBroken
    del value[field]
    return dict(value)


def _place(field: str, digits: str) -> bytes:
    return f'"{field}":"{digits}"'.encode()
