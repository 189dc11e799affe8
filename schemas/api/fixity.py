"""Bodies of fixity: whether a version is known to be damaged, the list of those that are, and an element's scrub."""

from datetime import datetime
from typing import Literal

from schemas.api.body import Body


class IntegrityBody(Body):
    """What the archive knows of a version's bytes and attributes.

    `whole`: nothing is known against it. `damaged`: it is not served until it is mended; then all else is told: which
    `part` (body, attributes), how that shows (`reason`), who saw it and when, and the names in the element's
    `quarantine/` that belong to it.
    """

    state: Literal["whole", "damaged"]
    part: str | None = None
    reason: str | None = None
    found_by: str | None = None
    found_at: datetime | None = None
    quarantined: tuple[str, ...] = ()


class DamageBody(Body):
    """One item of `GET /api/v1/damages`. Names are null where the views do not know them."""

    document_id: str
    version: int
    filename: str | None
    title: str | None
    element_id: str
    element_name: str | None
    part: str
    reason: str
    found_by: str
    found_at: datetime
    quarantined: tuple[str, ...]


class ScrubBody(Body):
    """How far an element has read itself: the pass at work or the last one, the share of it that is done, 0 to 1."""

    pass_number: int
    share: float
    documents: int
    finished_at: datetime | None


class PassBody(Body):
    """The last whole pass of an element over all that it holds: `bytes` read, `damaged` versions at its end."""

    pass_number: int
    started_at: datetime
    finished_at: datetime
    documents: int
    bytes: int
    damaged: int
