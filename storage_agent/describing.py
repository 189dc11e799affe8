"""What answers say of a document, worked out from its attributes alone: the same for every answer about it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from schemas.attributes import Attributes
from storage_agent.conditions import Validators
from storage_agent.digests import digest_value, etag_of
from storage_agent.disposition import attachment
from storage_agent.selection import Representation

# The bytes of a version never change; who may see them can, so that nobody keeps them for others.
UNCHANGING = "private, max-age=86400, immutable"
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
}


Encoded = tuple[bytes, bytes]


@dataclass(frozen=True)
class Described:
    """A document as answers tell of it; headers by name, `digest` as in `Repr-Digest`.

    `kept`: of an answer with and without the bytes, a 304 has no more than this (RFC 9110, 15.4.5). `headers`: of one
    with the bytes, those included; `raw` are the same as they go out.
    """

    stored: Representation
    digest: str
    kept: Mapping[str, str]
    headers: Mapping[str, str]
    raw: Sequence[Encoded]


def encoded(headers: Mapping[str, str]) -> list[Encoded]:
    """Return headers as they go out."""
    return [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]


def described(attributes: Attributes) -> Described:
    """Return what answers say of a document with these attributes."""
    content, created_at = attributes.content, attributes.provenance.created_at
    validators = Validators(etag_of(content.sha256), created_at.replace(microsecond=0))
    kept = {**HARMLESS, "ETag": validators.etag, "Cache-Control": UNCHANGING}
    headers = kept | {
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(created_at, usegmt=True),
        "Content-Disposition": attachment(content.original_filename),
    }
    stored = Representation(content.sha256, content.size, content.media_type, validators)
    return Described(stored, digest_value(content.sha256), kept, headers, encoded(headers))
