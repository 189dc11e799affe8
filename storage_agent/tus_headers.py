"""The headers of tus 1.0.0, read and refused: pure functions from their text."""

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import Malformed, TusVersionUnsupported, UnsupportedMediaType
from storage_agent.ledger import Creation

if TYPE_CHECKING:
    # What hashlib's functions return has no public name.
    from hashlib import _Hash

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "checksum", "termination", "expiration", "concatenation")
# SHA-1 is the one that the protocol obliges a server to know; nothing here depends on it.
ALGORITHMS = ("sha256", "sha1")
BODY_TYPE = "application/offset+octet-stream"
DIGITS_MAX = 18
SIZE_MAX = 10**DIGITS_MAX - 1
URLS_MAX = 16
# What is kept is kept for as long as the answer to the ticket: both have a bound.
METADATA_BYTES_MAX = 4 * 1024
CONCAT_BYTES_MAX = 8 * 1024

_KEY = re.compile(r"[!-+\--~]+")

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Checksum:
    """What Upload-Checksum says: one of `ALGORITHMS`, and the digest."""

    algorithm: str
    digest: bytes

    def begin(self) -> "_Hash":
        """Return a digest of the algorithm with nothing in it yet."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


@dataclass(frozen=True)
class Concat:
    """What Upload-Concat says: a part, or the whole made of the parts at `urls`, in their order."""

    urls: tuple[str, ...] = ()

    @property
    def is_part(self) -> bool:
        """Tell whether it is a part."""
        return not self.urls


def require_version(headers: Headers) -> None:
    """Raise TusVersionUnsupported unless the request speaks this version."""
    if headers.get("tus-resumable") != VERSION:
        raise TusVersionUnsupported


def number(headers: Headers, name: str) -> int:
    """Return a header that counts bytes; Malformed without it, or for what is no such number."""
    text = headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        msg = f"{name} is needed, as a number of bytes."
        raise Malformed(msg)
    return int(text)


def content_length(headers: Headers) -> int | None:
    """Return how many bytes the body has, if that is said; Malformed as in `number`."""
    return number(headers, "Content-Length") if "content-length" in headers else None


def has_body(headers: Headers) -> bool:
    """Tell whether a body comes with the request."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def brings_bytes(headers: Headers) -> bool:
    """Tell whether a creation brings bytes as well; UnsupportedMediaType for another kind of body."""
    if not has_body(headers):
        return False
    require_bytes(headers)
    return True


def require_bytes(headers: Headers) -> None:
    """Raise UnsupportedMediaType unless the body is bytes of an upload, as they are."""
    if headers.get("content-type", "").strip().lower() != BODY_TYPE:
        msg = f"The body of an upload has the Content-Type {BODY_TYPE}."
        raise UnsupportedMediaType(msg)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the document's own bytes, without a Content-Encoding.")


def creation(headers: Headers) -> Creation | None:
    """Return what is said of an upload and kept with it, None where that is nothing; Malformed as in `concat`.

    Upload-Metadata must have the form that it must have, and 4 KiB at most.
    """
    text = headers.get("upload-metadata")
    whole = concat(headers)
    said = headers["upload-concat"] if whole is not None and not whole.is_part else None
    if text is not None:
        _require_pairs(text)
    return None if text is None and said is None else Creation(metadata=text, concat=said)


def _require_pairs(text: str) -> None:
    is_kept = len(text) <= METADATA_BYTES_MAX and text.isascii() and text.isprintable()
    pairs = [pair.strip().split(" ") for pair in text.split(",")] if is_kept else [[]]
    keys = [pair[0] for pair in pairs if _is_pair(pair)]
    if len(keys) < len(pairs) or len(set(keys)) < len(keys):
        msg = f"Upload-Metadata is pairs of a name and a value in base64, each name once, {METADATA_BYTES_MAX} bytes."
        raise Malformed(msg)


def checksum(headers: Headers) -> Checksum | None:
    """Return what Upload-Checksum says, None without it; Malformed for an unknown algorithm or no digest of it."""
    text = headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        msg = f"Upload-Checksum names an algorithm that is not known here. Known are: {', '.join(ALGORITHMS)}."
        raise Malformed(msg)
    digest = _decoded(encoded)
    if digest is None or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        msg = f"Upload-Checksum has no {algorithm} in base64."
        raise Malformed(msg)
    return Checksum(algorithm, digest)


def concat(headers: Headers) -> Concat | None:
    """Return what Upload-Concat says, None without it; Malformed for what it cannot say."""
    text = headers.get("upload-concat")
    if text is None:
        return None
    kind, _, rest = text.strip().partition(";")
    urls = tuple(rest.split()) if len(text) <= CONCAT_BYTES_MAX and text.isascii() and text.isprintable() else ()
    if kind == "partial" and not rest:
        return Concat()
    if kind == "final" and 0 < len(urls) <= URLS_MAX and len(set(urls)) == len(urls):
        return Concat(urls)
    msg = f"Upload-Concat is `partial`, or `final;` and the addresses of 1 to {URLS_MAX} different parts."
    raise Malformed(msg)


def _is_pair(pair: list[str]) -> bool:
    return 1 <= len(pair) <= 2 and _KEY.fullmatch(pair[0]) is not None and _decoded("".join(pair[1:])) is not None  # noqa: PLR2004


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
