"""The identity of a storage element: its modes, and `element.json`, which lies sealed at the element's root."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import SealBroken
from schemas.identifiers import ElementId
from schemas.sealing import seal, unseal

SEAL_FIELD = "element_sha256"


class Mode(StrEnum):
    """What an element lets be done: create and delete; create; read; attributes only."""

    EDIT = "edit"
    READ_WRITE = "rw"
    READ_ONLY = "ro"
    ARCHIVE = "ar"


class ElementIdentity(BaseModel):
    """The content of `element.json`. `mode_epoch` rises by one with every change of mode and fences old tickets."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_: Literal["artstore.element/1"] = Field(
        default="artstore.element/1", alias="schema", description="Form of this file."
    )
    element_id: ElementId = Field(description="Id of the element, a UUIDv7; it goes wherever the folder goes.")
    name: str = Field(description="Name for people.")
    mode: Mode = Field(description="What may be done: edit (all), rw (no delete), ro (read), ar (attributes only).")
    mode_epoch: int = Field(description="How many modes the element has had, the first one included.")
    open_epoch: int = Field(description="How many times an agent has opened the element.")
    created_at: datetime = Field(description="When the element was made, UTC, ISO 8601.")
    changed_at: datetime = Field(description="When its mode was last changed, UTC, ISO 8601.")

    def sealed(self) -> bytes:
        """Return the exact bytes of the file, seal included."""
        return seal(self.model_dump(mode="json", by_alias=True), SEAL_FIELD)

    @classmethod
    def from_sealed(cls, data: bytes) -> "ElementIdentity":
        """Return the identity in `data`; SealBroken when the seal or the form is wrong."""
        body = unseal(data, SEAL_FIELD)
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            msg = f"The seal holds, but the form is not artstore.element/1: {error.errors()[0]['loc']}."
            raise SealBroken(msg) from error
