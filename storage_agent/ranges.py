"""Which bytes a GET asks for: Range and If-Range (RFC 9110 sections 13.1.5 and 14), as pure functions."""

import re
from dataclasses import dataclass

# A position of more digits lies behind every file there can be.
DIGITS_MAX = 18
_SPEC = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")
_LISTED = re.compile(r'(?:W/)?"[^"]*"|\*')


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Return how many bytes these are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Unsatisfiable:
    """The range is well formed, and no byte of the document lies in it: 416."""


def wanted(range_header: str | None, if_range: str | None, etag: str, size: int) -> Span | Unsatisfiable | None:
    """Return the bytes to send of `size`; None for all of them.

    All of them are sent for a range that is malformed, in another unit, or one of several, and when If-Range names
    anything but this strong `etag`: a date says too little about bytes.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    unit, equals, specs = range_header.partition("=")
    listed = [spec.strip(" \t") for spec in specs.split(",") if spec.strip(" \t")]
    if unit.strip().lower() != "bytes" or not equals or len(listed) != 1:
        return None
    match = _SPEC.fullmatch(listed[0])
    return None if match is None else _span(match[1], match[2], size)


def content_range(span: Span | None, size: int) -> str:
    """Return the value of Content-Range: of a part, or of what cannot be satisfied (`bytes */size`)."""
    return f"bytes */{size}" if span is None else f"bytes {span.first}-{span.last}/{size}"


def names_etag(header: str | None, etag: str) -> bool:
    """Tell whether If-None-Match names `etag`, by weak comparison (RFC 9110 section 8.8.3.2), or is `*`."""
    return any(tag in ("*", etag, f"W/{etag}") for tag in _LISTED.findall(header or ""))


def _span(first: str, last: str, size: int) -> Span | Unsatisfiable | None:
    if not first:
        return _suffix(last, size)
    begin = _position(first)
    if last and _position(last) < begin:
        return None
    if begin >= size:
        return Unsatisfiable()
    return Span(begin, min(_position(last), size - 1) if last else size - 1)


def _suffix(length: str, size: int) -> Span | Unsatisfiable | None:
    if not length:
        return None
    if _position(length) == 0:
        return Unsatisfiable()
    # Of an empty document every suffix is the whole, and there is no Content-Range that could say so.
    return Span(max(size - _position(length), 0), size - 1) if size else None


def _position(digits: str) -> int:
    short = digits.lstrip("0") or "0"
    return int(short) if len(short) <= DIGITS_MAX else 10**DIGITS_MAX
