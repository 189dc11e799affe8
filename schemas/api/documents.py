"""Bodies of documents: one document, and one hit of a search."""

from datetime import datetime

from pydantic import Field

from schemas.api.body import Body
from schemas.api.fixity import IntegrityBody

LINK_SECONDS = 3600
LINK_SECONDS_MAX = 7 * 24 * 3600


class Person(Body):
    """A human who acted."""

    subject: str
    login: str
    full_name: str


class RetentionBody(Body):
    """Retention class and end (null: for ever)."""

    retention_class: str = Field(serialization_alias="class", validation_alias="class")
    until: datetime | None


class DocumentBody(Body):
    """`GET /api/v1/documents/{id}`. `size` in bytes, `mode` of its element now."""

    document_id: str
    version: int
    filename: str
    title: str
    size: int
    media_type: str
    sha256: str
    document_class: str
    tags: tuple[str, ...]
    custom: dict[str, str | bool | int | float]
    element_id: str
    mode: str | None
    retention: RetentionBody
    created_at: datetime
    created_by: Person
    updated_at: datetime
    attr_seq: int
    integrity: IntegrityBody


class LinkBody(Body):
    """`POST /api/v1/documents/{id}/links`: for how many seconds the link is to open the document."""

    seconds: int = Field(default=LINK_SECONDS, gt=0, le=LINK_SECONDS_MAX)


class LinkAnswer(Body):
    """A link that opens this version of a document for whoever has it, until `expires_at`."""

    document_id: str
    version: int
    url: str
    expires_at: datetime


class HitBody(Body):
    """One hit of `GET /api/v1/search`: a snippet with the words found, and a rank (higher is better)."""

    document_id: str
    version: int
    filename: str
    title: str
    snippet: str
    rank: float
