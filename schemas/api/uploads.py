"""Bodies of uploads: the announcement, the ticket that answers it, and the agent's receipt."""

from datetime import datetime

from pydantic import Field, field_validator

from schemas.api.body import Body
from schemas.requests import CustomValue
from schemas.retention import PERMANENT

SHA256_PATTERN = r"^[0-9a-f]{64}$"
MAX_SIZE_BYTES = 5 * 1024**4
MAX_NUMBER = 2**53 - 1


class UploadBody(Body):
    """`POST /api/v1/uploads`. `size` in bytes; `element_id` is an element's id or name."""

    filename: str = Field(min_length=1, max_length=1024)
    size: int = Field(ge=0, le=MAX_SIZE_BYTES)
    media_type: str | None = Field(default=None, max_length=255)
    sha256: str | None = Field(default=None, pattern=SHA256_PATTERN)
    title: str | None = Field(default=None, max_length=1024)
    document_class: str | None = None
    tags: tuple[str, ...] = Field(default=(), max_length=50)
    custom: dict[str, CustomValue] = Field(default={}, max_length=100)
    retention_class: str = PERMANENT
    element_id: str | None = None

    @field_validator("custom")
    @classmethod
    def _numbers_survive_json(cls, custom: dict[str, CustomValue]) -> dict[str, CustomValue]:
        """Refuse numbers that another reader of JSON would read differently (RFC 8259, section 6; RFC 8785)."""
        for name, value in custom.items():
            # Also false for NaN and the infinities; an integer of any length is compared exactly.
            exact = isinstance(value, str | bool) or abs(value) <= MAX_NUMBER
            if not exact:
                msg = f"the number in {name!r} does not survive JSON: use at most {MAX_NUMBER}, or a string"
                raise ValueError(msg)
        return custom


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
