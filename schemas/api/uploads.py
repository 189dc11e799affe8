"""Bodies of uploads: the announcement, the ticket that answers it, and the agent's receipt."""

from datetime import datetime

from pydantic import Field

from schemas.api.body import Body
from schemas.retention import PERMANENT

SHA256_PATTERN = r"^[0-9a-f]{64}$"
MAX_SIZE_BYTES = 5 * 1024**4


class UploadBody(Body):
    """`POST /api/v1/uploads`. `size` in bytes; `element_id` is an element's id or name."""

    filename: str = Field(min_length=1, max_length=1024)
    size: int = Field(ge=0, le=MAX_SIZE_BYTES)
    media_type: str | None = Field(default=None, max_length=255)
    sha256: str | None = Field(default=None, pattern=SHA256_PATTERN)
    title: str | None = Field(default=None, max_length=1024)
    document_class: str | None = None
    tags: tuple[str, ...] = Field(default=(), max_length=50)
    custom: dict[str, str | bool | int | float] = Field(default={}, max_length=100)
    retention_class: str = PERMANENT
    element_id: str | None = None


class UploadAnswer(Body):
    """201: where to PUT the bytes, and the ticket to do it with."""

    operation_id: str
    document_id: str
    version: int
    element_id: str
    upload_url: str
    ticket: str
    expires_at: datetime


class Receipt(Body):
    """200 of the PUT: the document is committed."""

    document_id: str
    version: int
    size: int
    sha256: str
