"""Body of a storage element as people see it."""

from datetime import datetime
from typing import Literal

from schemas.api.body import Body


class CapacityBody(Body):
    """Room in bytes."""

    total: int
    used: int
    free: int


class ElementBody(Body):
    """One item of `GET /api/v1/elements`."""

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    state: Literal["online", "offline"]
    capacity: CapacityBody | None
    last_seen_at: datetime | None
    url: str | None
