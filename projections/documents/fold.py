"""The fold of `documents` and `versions`: rows out of the sealed `attr.json`, the same from the log and from a disk."""

from datetime import datetime
from typing import Any, NamedTuple

from projections.opened import opened
from projections.tables import Row
from projections.words import composed, normal
from schemas.attributes import Attributes
from schemas.envelope import Actor, Received
from schemas.errors import SealBroken
from schemas.events import DocumentCommitted
from schemas.identifiers import ElementId


class DocumentRow(NamedTuple):
    """A document as its newest attributes say. Size in bytes; the three `words` are what is searched."""

    document_id: str
    version: int
    attr_seq: int
    attr_sha256: str
    prev_attr_sha256: str | None
    last_event: str
    filename: str
    stored_name: str
    relative_path: str
    size: int
    media_type: str
    declared_media_type: str | None
    sha256: str
    title: str
    document_class: str
    tags: tuple[str, ...]
    custom: dict[str, str | bool | int | float]
    retention_class: str
    retention_start: datetime
    retention_until: datetime | None
    holds: tuple[dict[str, Any], ...]
    element_id: str
    mode_at_write: str
    mode_epoch: int
    vclock: dict[ElementId, int]
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    title_words: str
    name_words: str
    custom_words: str

    @property
    def key(self) -> tuple[object, ...]:
        """The document."""
        return (self.document_id,)

    @property
    def rank(self) -> int:
        """The higher sequence number wins."""
        return self.attr_seq


class VersionRow(NamedTuple):
    """A version as its own attributes say. Size in bytes."""

    document_id: str
    version: int
    supersedes: int | None
    attr_seq: int
    attr_sha256: str
    filename: str
    stored_name: str
    relative_path: str
    size: int
    media_type: str
    declared_media_type: str | None
    sha256: str
    element_id: str
    updated_at: datetime
    updated_by: Actor

    @property
    def key(self) -> tuple[object, ...]:
        """The document and the version."""
        return (self.document_id, self.version)

    @property
    def rank(self) -> int:
        """The higher sequence number wins."""
        return self.attr_seq


def fold_received(received: Received) -> tuple[Row, ...]:
    """Return the rows of a record of the log. SealBroken when the sealed bytes inside are not what was sealed."""
    message = received.message
    if not isinstance(message, DocumentCommitted):
        return ()
    rows = fold(message.attr)
    document = rows[0]
    if (document.document_id, document.attr_seq) != (message.meta.aggregate_id, message.meta.aggregate_version):
        raise SealBroken("The sealed attributes are about another document, or another state, than their event says.")
    return rows


def fold(attr: bytes) -> tuple[DocumentRow, VersionRow]:
    """Return the rows of the sealed bytes of an `attr.json`. SealBroken unless seal and form are right."""
    attributes, digest = opened(attr)
    return _document(attributes, digest), _version(attributes, digest)


def _document(attributes: Attributes, digest: str) -> DocumentRow:
    content, provenance, described = attributes.content, attributes.provenance, attributes.description
    retention, element = attributes.retention, attributes.element
    return DocumentRow(
        document_id=attributes.document_id,
        version=attributes.version,
        attr_seq=attributes.attr_seq,
        attr_sha256=digest,
        prev_attr_sha256=attributes.prev_attr_sha256,
        last_event=attributes.last_event,
        filename=content.original_filename,
        stored_name=content.stored_name,
        relative_path=content.relative_path,
        size=content.size,
        media_type=content.media_type,
        declared_media_type=content.declared_media_type,
        sha256=content.sha256,
        title=described.title,
        document_class=described.document_class,
        tags=described.tags,
        custom=dict(described.custom),
        retention_class=retention.retention_class,
        retention_start=retention.start,
        retention_until=retention.until,
        holds=attributes.holds,
        element_id=element.element_id,
        mode_at_write=element.mode_at_write.value,
        mode_epoch=element.mode_epoch,
        vclock=dict(attributes.vclock),
        created_at=provenance.created_at,
        created_by=provenance.created_by,
        updated_at=provenance.updated_at,
        updated_by=provenance.updated_by,
        title_words=normal(composed(described.title)),
        name_words=normal(composed("\n".join((content.original_filename, *described.tags)))),
        custom_words=normal(composed("\n".join((described.document_class, *_values(described.custom))))),
    )


def _version(attributes: Attributes, digest: str) -> VersionRow:
    content = attributes.content
    return VersionRow(
        document_id=attributes.document_id,
        version=attributes.version,
        supersedes=attributes.supersedes,
        attr_seq=attributes.attr_seq,
        attr_sha256=digest,
        filename=content.original_filename,
        stored_name=content.stored_name,
        relative_path=content.relative_path,
        size=content.size,
        media_type=content.media_type,
        declared_media_type=content.declared_media_type,
        sha256=content.sha256,
        element_id=attributes.element.element_id,
        updated_at=attributes.provenance.updated_at,
        updated_by=attributes.provenance.updated_by,
    )


def _values(custom: dict[str, str | bool | int | float]) -> list[str]:
    # Yes and no of a custom field are no words that anybody looks for.
    return [str(value) for value in custom.values() if not isinstance(value, bool)]
