"""Canonical JSON (RFC 8785) with a seal of its own: the SHA-256 of the file's bytes with the seal's digits as zeros."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import rfc8785
from pydantic_core import from_json

from schemas.errors import SealBroken

ZEROS = "0" * 64
_DIGITS = re.compile("[0-9a-f]{64}")
INTEGER_END = 2**53
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 form of `value`, UTF-8; ValueError for what has none.

    That is: integers beyond 2^53, non-finite floats, halves of surrogate pairs.
    """
    plain = dict(value)
    # For values without the hard parts of RFC 8785 the encoder in C writes the same bytes, many times faster.
    return _ENCODE(plain).encode() if _is_easy(plain) else rfc8785.dumps(plain)


def seal(value: Mapping[str, Any], field: str) -> bytes:
    """Return canonical bytes of `value` whose `field` holds the SHA-256 of those bytes with 64 zeros in its place."""
    zeroed = canonical({**value, field: ZEROS})
    digest = hashlib.sha256(zeroed).hexdigest()
    return zeroed.replace(_place(field, ZEROS), _place(field, digest), 1)


def unseal(data: bytes, field: str) -> dict[str, Any]:
    """Return the object in `data` without its seal; SealBroken unless the bytes match the seal inside them."""
    return unseal_told(data, field)[0]


def unseal_told(data: bytes, field: str) -> tuple[dict[str, Any], str]:
    """Return the object in `data` without its seal, and the seal; SealBroken unless the bytes match it."""
    try:
        value = parsed(data)
    except (ValueError, RecursionError) as error:
        msg = "The file is not JSON; its seal cannot be read."
        raise SealBroken(msg) from error
    digest = require_seal(data, field, value.pop(field, None) if isinstance(value, dict) else None)
    return dict(value), digest


def require_seal(data: bytes, field: str, digest: object) -> str:
    """Return `digest`, the seal found in `data`; SealBroken unless the bytes match it."""
    if not isinstance(digest, str) or _DIGITS.fullmatch(digest) is None:
        msg = f"The file has no seal in {field}."
        raise SealBroken(msg)
    # The digest cannot stand a second time before its own place: that would be a fixed point of SHA-256.
    zeroed = data.replace(_place(field, digest), _place(field, ZEROS), 1)
    if hashlib.sha256(zeroed).hexdigest() != digest:
        raise SealBroken
    return digest


def parsed(data: str | bytes) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return the JSON in `data`; ValueError, or RecursionError, when it is none."""
    try:
        return from_json(data)
    except ValueError:
        # The quick parser is stricter: what it refuses may still be JSON.
        return json.loads(data)


def _is_easy(value: object) -> bool:
    """Tell whether `value` has no numbers but small integers, and no names beyond ASCII.

    Other numbers have ECMAScript's own form, and other names are ordered by their UTF-16 units.
    """
    if isinstance(value, dict):
        return all(type(name) is str and name.isascii() and _is_easy(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_easy, value))
    return value is None or type(value) in {str, bool} or (type(value) is int and abs(value) < INTEGER_END)


def _place(field: str, digits: str) -> bytes:
    return f'"{field}":"{digits}"'.encode()
