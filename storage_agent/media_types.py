"""Media types from content: signatures for binary files, own rules for text, hints only among what fits. Pure."""

import functools
import json
import mimetypes
import re

import puremagic

from storage_agent.charsets import decoded, is_text, unicode_encoding
from storage_agent.executables import is_java_class

UNKNOWN = "application/octet-stream"
PLAIN, MARKDOWN, HTML, CSV, JSON = "text/plain", "text/markdown", "text/html", "text/csv", "application/json"
TEXT_SUFFIXES = {
    ".txt": PLAIN,
    ".text": PLAIN,
    ".log": PLAIN,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".csv": CSV,
    ".json": JSON,
}
# Newer than the built-in table of the oldest Python that runs this.
OFFICE_SUFFIXES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".jar": "application/java-archive",
}
# Formats whose first bytes are text, so that they have to be known before text is.
TEXT_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
)
ZIP_SIGNATURE = b"PK\x03\x04"
# What many formats share: without a hint it is the shared one that is named.
SHARED_SIGNATURES = (
    (ZIP_SIGNATURE, "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x1f\x8b", "application/gzip"),
)
SIGNATURE_BYTES_MIN = 2
# A short signature counts only when the name or the declaration says the same.
TRUSTED_BYTES_MIN = 4
_MARKUP = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_XML = re.compile(r"\s*<\?xml\s")
_JSON_START = re.compile(r"\s*[\[{\"\-0-9tfn]")


def media_type_of(head: bytes, declared: str | None, filename: str, *, cut: bool) -> str:
    """Return the media type of content that begins with `head`; `cut`: it goes on behind it.

    `declared` (lower case, no parameters) and the suffix of `filename` choose among what fits the bytes.
    """
    hints = tuple(hint for hint in (declared, suffix_type(filename)) if hint is not None)
    if not head:
        return hints[0] if hints else UNKNOWN
    signed = next((kind for signature, kind in TEXT_SIGNATURES if head.startswith(signature)), None)
    if signed is not None:
        return signed
    if is_text(head, cut=cut):
        return _text_type(head, hints, cut=cut)
    return _binary_type(head, hints)


def suffix_type(filename: str) -> str | None:
    """Return the type that the name's suffix stands for in the built-in tables, or None."""
    dot = filename.rfind(".")
    suffix = filename[dot:].lower() if dot >= 0 else ""
    return TEXT_SUFFIXES.get(suffix) or OFFICE_SUFFIXES.get(suffix) or _built_in_suffixes().get(suffix)


@functools.cache
def _built_in_suffixes() -> dict[str, str]:
    return mimetypes.MimeTypes(filenames=()).types_map[True]


def _text_type(head: bytes, hints: tuple[str, ...], *, cut: bool) -> str:
    text = decoded(head, unicode_encoding(head, cut=cut) or "latin-1", cut=cut) or ""
    if _MARKUP.match(_behind_comments(text)):
        return HTML
    if _XML.match(text):
        if _MARKUP.search(text):
            return HTML
        return next((hint for hint in hints if hint.endswith(("/xml", "+xml"))), "application/xml")
    fitting = next((hint for hint in hints if _fits(hint, text)), None)
    return fitting or (JSON if not cut and _is_json(text) else PLAIN)


def _behind_comments(text: str) -> str:
    rest = text.lstrip()
    while rest.startswith("<!--"):
        _, closed, rest = rest.partition("-->")
        rest = rest.lstrip() if closed else ""
    return rest


def _fits(hint: str, text: str) -> bool:
    match hint:
        case "application/json":
            return _JSON_START.match(text) is not None
        case "text/html":
            return "<" in text
        case "image/svg+xml":
            return "<svg" in text
        case _:
            return hint in (MARKDOWN, CSV)


def _is_json(text: str) -> bool:
    """Tell whether the whole of a short text is a JSON object or list; a bare word or number says nothing."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _binary_type(head: bytes, hints: tuple[str, ...]) -> str:
    if is_java_class(head):
        return "application/java-vm"
    sniffed = _signatures(head)
    named = [hint for hint in hints if not _is_textual(hint)]
    agreed = next((hint for hint in named if any(hint == kind for kind, _ in sniffed)), None)
    if head.startswith(ZIP_SIGNATURE):
        agreed = agreed or next((hint for hint in named if hint in OFFICE_SUFFIXES.values()), None)
    shared = next((kind for signature, kind in SHARED_SIGNATURES if head.startswith(signature)), None)
    if agreed or shared:
        return agreed or shared or UNKNOWN
    trusted = next((kind for kind, length in sniffed if length >= TRUSTED_BYTES_MIN), None)
    return trusted or next(iter(named), UNKNOWN)


def _signatures(head: bytes) -> list[tuple[str, int]]:
    """Return (media type, length of the signature) of all that fit, longest first, then by name."""
    if not _may_be_signed(head):
        return []
    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        return []
    found = {
        (match.mime_type, len(match.byte_match))
        for match in matches
        if match.mime_type and match.offset >= 0 and len(match.byte_match) >= SIGNATURE_BYTES_MIN
    }
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _may_be_signed(head: bytes) -> bool:
    """Tell whether any signature at all can fit: much content has none, and the library tries its long list in turn."""
    return any(head[begin:end] in signatures for begin, end, signatures in _signatures_by_place())


@functools.cache
def _signatures_by_place() -> list[tuple[int, int, frozenset[bytes]]]:
    places: dict[tuple[int, int], set[bytes]] = {}
    for row in puremagic.magic_header_array:
        places.setdefault((row.offset, row.offset + len(row.byte_match)), set()).add(row.byte_match)
    return [(begin, end, frozenset(signatures)) for (begin, end), signatures in places.items()]


def _is_textual(hint: str) -> bool:
    return hint.startswith("text/") or hint.endswith(("json", "xml"))
