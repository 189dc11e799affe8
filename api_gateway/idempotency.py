"""Repeated requests: which operation an Idempotency-Key names, and what tells a repeat from another request."""

import hashlib
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from schemas.errors import IdempotencyKeyReused
from schemas.identifiers import derive
from schemas.sealing import canonical

KEY_MAX = 255

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=KEY_MAX, description="Repeating a request under its key repeats its answer."),
]


def operation_of(subject: str, key: str) -> str:
    """Return the operation that `key` names for this account: the same pair always names the same one."""
    return derive(f"{subject}:{key}", "operation")


def digest_of(body: BaseModel) -> str:
    """Return the SHA-256 of what a request asks for (64 hex digits), however its JSON was written."""
    return hashlib.sha256(canonical(body.model_dump(mode="json"))).hexdigest()


def require_same(known_sha256: str | None, digest: str) -> None:
    """Refuse another request under a used key; IdempotencyKeyReused."""
    if known_sha256 != digest:
        raise IdempotencyKeyReused
