"""`attr.json`, version 1: what a document is, sealed, beside its bytes. The only truth about it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.elements import Mode
from schemas.envelope import Actor
from schemas.errors import SealBroken, TooLarge
from schemas.identifiers import DocumentId, ElementId, EventId
from schemas.sealing import require_seal, seal, unseal_told

SEAL_FIELD = "attr_sha256"
SCHEMA: Literal["artstore.attr/1"] = "artstore.attr/1"
HARD_LIMIT_BYTES = 64 * 1024


class Part(BaseModel):
    """A group of fields. Unknown fields of later releases survive a rewrite."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class Content(Part):
    """The bytes: name as given (whole), name on this disk, size, sniffed and declared type, SHA-256."""

    original_filename: str
    stored_name: str
    relative_path: str
    size: int = Field(ge=0)
    media_type: str
    declared_media_type: str | None
    sha256: str


class Provenance(Part):
    """Who brought and who last changed it. Names of people who act stay for ever: archival purpose."""

    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor


class Described(Part):
    """What people say about it."""

    title: str
    document_class: str
    tags: tuple[str, ...]
    custom: dict[str, str | bool | int | float]


class Retention(Part):
    """How long it is kept at least; `until` null means for ever."""

    retention_class: str = Field(alias="class")
    start: datetime
    until: datetime | None
    set_by: Actor


class Placement(Part):
    """The element that wrote this, with its mode and epoch at that moment."""

    element_id: ElementId
    mode_at_write: Mode
    mode_epoch: int


class Attributes(Part):
    """The whole file. `attr_seq` counts per document and is the aggregate version of its events."""

    schema_: Literal["artstore.attr/1"] = Field(default=SCHEMA, alias="schema")
    attr_seq: int = Field(ge=1)
    prev_attr_sha256: str | None
    last_event: EventId
    document_id: DocumentId
    version: int = Field(ge=1)
    supersedes: int | None
    content: Content
    provenance: Provenance
    description: Described
    retention: Retention
    holds: tuple[dict[str, Any], ...] = ()
    element: Placement
    signatures: tuple[dict[str, Any], ...] = ()
    vclock: dict[ElementId, int]

    def sealed(self) -> bytes:
        """Return the file's exact bytes; TooLarge names the largest group when they exceed 64 KiB."""
        body = self.model_dump(mode="json", by_alias=True)
        data = seal(body, SEAL_FIELD)
        if len(data) > HARD_LIMIT_BYTES:
            largest = max(body, key=lambda name: len(str(body[name])))
            msg = f"attr.json would have {len(data)} bytes, at most {HARD_LIMIT_BYTES} are allowed: shorten {largest}."
            raise TooLarge(msg)
        return data

    @classmethod
    def from_sealed(cls, data: bytes) -> "Attributes":
        """Return the attributes in `data`; SealBroken unless seal and form are right."""
        return cls.from_sealed_told(data)[0]

    @classmethod
    def from_sealed_told(cls, data: bytes) -> "tuple[Attributes, str]":
        """Return the attributes in `data` and their seal; SealBroken unless seal and form are right."""
        try:
            found = cls.model_validate_json(data)
        except ValidationError:
            # The quick parser is stricter: what it refuses may still be JSON; and what is wrong is said in order.
            return cls._carefully(data)
        # Unknown fields are kept, and the seal is none of those that the class knows.
        return found, require_seal(data, SEAL_FIELD, (found.model_extra or {}).pop(SEAL_FIELD, None))

    @classmethod
    def _carefully(cls, data: bytes) -> "tuple[Attributes, str]":
        body, digest = unseal_told(data, SEAL_FIELD)
        try:
            return cls.model_validate(body), digest
        except ValidationError as error:
            msg = f"The seal holds, but the form is not {SCHEMA}: {error.errors()[0]['loc']}."
            raise SealBroken(msg) from error
