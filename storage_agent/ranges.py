"""Which bytes a Range header asks for (RFC 9110 section 14), as pure functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# A position of more digits lies behind every file there can be.
DIGITS_MAX = 18
# Who asks for more pieces than this is sent the whole: it is cheaper for both sides.
RANGES_MAX = 64
# What lies between two parts is sent along where it is shorter than the head of a part would be.
NEAR_BYTES = 80
_SET = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")


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
    """The ranges are well formed, and no byte of the document lies in any of them: 416."""


def spans_of(header: str | None, size: int) -> tuple[Span, ...] | Unsatisfiable | None:
    """Return the bytes to send of `size`, in the order asked for; None for all of them.

    The spans neither overlap nor lie near one another: what does so is one span, in the place of the first. All bytes
    are sent where the header is malformed, in another unit, or names more than RANGES_MAX ranges.
    """
    ranges = None if header is None else _SET.fullmatch(header.strip(" \t"))
    if ranges is None:
        return None
    specs = [spec for spec in (element.strip(" \t") for element in ranges[1].split(",", RANGES_MAX * 2)) if spec]
    if not specs or len(specs) > RANGES_MAX:
        return None
    read = [_span(spec, size) for spec in specs]
    if None in read:
        return None
    found = [span for span in read if isinstance(span, Span)]
    if not found:
        return Unsatisfiable()
    # Of an empty document a suffix is the whole, and there is no Content-Range that could say so.
    return coalesced(found) if size else None


def coalesced(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return the same bytes in spans that are more than NEAR_BYTES apart, each in the place of its first."""
    groups: list[tuple[int, Span]] = []
    for place, span in sorted(enumerate(spans), key=lambda placed: placed[1].first):
        if groups and span.first - groups[-1][1].last - 1 < NEAR_BYTES:
            earlier, grown = groups[-1]
            groups[-1] = min(earlier, place), Span(grown.first, max(grown.last, span.last))
        else:
            groups.append((place, span))
    return tuple(span for _, span in sorted(groups, key=lambda group: group[0]))


def content_range(span: Span | None, size: int) -> str:
    """Return the value of Content-Range: of a part, or of what cannot be satisfied (`bytes */size`)."""
    return f"bytes */{size}" if span is None else f"bytes {span.first}-{span.last}/{size}"


def _span(spec: str, size: int) -> Span | Unsatisfiable | None:
    match = _SPEC.fullmatch(spec)
    if match is None or spec == "-":
        return None
    if not match[1]:
        suffix = _position(match[2])
        return Span(max(size - suffix, 0), size - 1) if suffix else Unsatisfiable()
    first, last = _position(match[1]), _position(match[2]) if match[2] else size
    if match[2] and _precedes(match[2], match[1]):
        return None
    return Span(first, min(last, size - 1)) if first < size else Unsatisfiable()


def _precedes(one: str, other: str) -> bool:
    """Compare two positions of any length: Python refuses to read numbers of thousands of digits."""
    plain, against = one.lstrip("0"), other.lstrip("0")
    return (len(plain), plain) < (len(against), against)


def _position(digits: str) -> int:
    short = digits.lstrip("0") or "0"
    return int(short) if len(short) <= DIGITS_MAX else 10**DIGITS_MAX
