"""Body of a storage element as people see it."""

from datetime import datetime
from typing import Literal

from schemas.api.body import Body
from schemas.api.fixity import PassBody, ScrubBody


class CapacityBody(Body):
    """Room in bytes."""

    total: int
    used: int
    free: int


class ElementBody(Body):
    """One item of `GET /api/v1/elements`.

    `damaged` versions it has now, `scrub` is how far it reads itself, as its agent last told; null: it never did.
    """

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    state: Literal["online", "offline"]
    capacity: CapacityBody | None
    last_seen_at: datetime | None
    url: str | None
    damaged: int | None
    scrub: ScrubBody | None
    last_pass: PassBody | None
