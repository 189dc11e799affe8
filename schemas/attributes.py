"""`attr.json`, version 1: what a document is, sealed, beside its bytes. The only truth about it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from schemas.elements import Mode
from schemas.envelope import Actor
from schemas.errors import SealBroken, TooLarge
from schemas.identifiers import DocumentId, ElementId, EventId
from schemas.sealing import require_seal, seal, unseal_told

SEAL_FIELD = "attr_sha256"
SCHEMA: Literal["artstore.attr/1"] = "artstore.attr/1"
HARD_LIMIT_BYTES = 64 * 1024
# Told by the JSON Schema alone: reading does not ask, because what is sealed is what was written.
HEX: JsonDict = {"pattern": "^[0-9a-f]{64}$"}
UUID: JsonDict = {"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}


class Part(BaseModel):
    """A group of fields. Unknown fields of later releases survive a rewrite."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class Content(Part):
    """The bytes: name as given (whole), name on this disk, size, sniffed and declared type, SHA-256."""

    original_filename: str = Field(description="Name of the document as it was given, whole.")
    stored_name: str = Field(
        description="Name of the file with the document's bytes, in the same folder as this file: at most 240 bytes "
        "of UTF-8, without characters that some file system does not take."
    )
    relative_path: str = Field(
        description="Folder of both files below the element's root, YYYY/MM/DD/HH: the hour (UTC) inside document_id."
    )
    size: int = Field(ge=0, description="Size of the document, in bytes.")
    media_type: str = Field(description="Media type that was read from the document's bytes, such as text/plain.")
    declared_media_type: str | None = Field(description="Media type that the uploader claimed; null when none was.")
    sha256: str = Field(
        description="SHA-256 of the document's bytes, 64 lowercase hex digits: what sha256sum prints.",
        json_schema_extra=HEX,
    )


class Provenance(Part):
    """Who brought and who last changed it. Names of people who act stay for ever: archival purpose."""

    created_at: datetime = Field(description="When this version was committed, UTC, ISO 8601 to the microsecond.")
    created_by: Actor = Field(description="Who brought this version.")
    updated_at: datetime = Field(description="When these attributes were last changed, UTC, ISO 8601.")
    updated_by: Actor = Field(description="Who last changed these attributes.")


class Described(Part):
    """What people say about it."""

    title: str = Field(description="Title; may be empty.")
    document_class: str = Field(description="Kind of document, in the words of those who keep it; may be empty.")
    tags: tuple[str, ...] = Field(description="Tags, in the order in which they were given.")
    custom: dict[str, str | bool | int | float] = Field(description="Further facts, by name, as they were given.")


class Retention(Part):
    """How long it is kept at least; `until` null means for ever."""

    retention_class: str = Field(alias="class", description="Name of the rule that the time follows from.")
    start: datetime = Field(description="From when the time counts, UTC, ISO 8601.")
    until: datetime | None = Field(description="Until when it must not be deleted, UTC, ISO 8601; null: for ever.")
    set_by: Actor = Field(description="Who chose the rule.")


class Placement(Part):
    """The element that wrote this, with its mode and epoch at that moment."""

    element_id: ElementId = Field(description="Id of the element, as in its element.json.")
    mode_at_write: Mode = Field(description="What the element let be done when this was written.")
    mode_epoch: int = Field(description="How many modes the element had had by then, its first one included.")


class Attributes(Part):
    """The whole file. `attr_seq` counts per document and is the aggregate version of its events."""

    schema_: Literal["artstore.attr/1"] = Field(default=SCHEMA, alias="schema", description="Form of this file.")
    attr_seq: int = Field(ge=1, description="Number of this state among all states of the document's attributes.")
    prev_attr_sha256: str | None = Field(
        description="attr_sha256 of the state before this one; null in the first.", json_schema_extra=HEX
    )
    last_event: EventId = Field(description="Id of the event that told this state.", json_schema_extra=UUID)
    document_id: DocumentId = Field(description="Id of the document, a UUIDv7.", json_schema_extra=UUID)
    version: int = Field(ge=1, description="Version of the document's content: 1, 2, 3 and so on.")
    supersedes: int | None = Field(description="Version that this one takes the place of; null in the first.")
    content: Content = Field(description="The document's bytes.")
    provenance: Provenance = Field(description="Who brought it, and who last changed what is said about it.")
    description: Described = Field(description="What people say about the document.")
    retention: Retention = Field(description="How long it is kept at least.")
    holds: tuple[dict[str, Any], ...] = Field(default=(), description="Legal holds: while there is one, no deletion.")
    element: Placement = Field(description="The element that wrote this file.")
    signatures: tuple[dict[str, Any], ...] = Field(default=(), description="Signatures over the content.")
    vclock: dict[ElementId, int] = Field(
        description="Vector clock: how many states of these attributes each element, by its id, has written."
    )

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
