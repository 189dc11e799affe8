"""Where Debian's nginx answers otherwise than RFC 9110 asks or than the archive has chosen, and why: the whole list."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.contracts.rfc9110.oracle import Answer, asked_ranges, read_date

POSITION_MAX = 2**63 - 1


@dataclass(frozen=True)
class Pair:
    """One request and two answers: `expected` of the RFC, `got` from nginx. `repeated`: a field stands on two lines."""

    method: str
    size: int
    fields: Mapping[str, str]
    repeated: bool
    expected: Answer
    got: Answer
    now: datetime

    @property
    def asked(self) -> list[tuple[int, int]] | None:
        """Return the ranges as they were asked for; None where Range is not valid."""
        return asked_ranges(self.fields.get("Range", ""), self.size)

    @property
    def specs(self) -> list[str]:
        return self.fields["Range"].partition("=")[2].split(",")

    @property
    def statuses(self) -> tuple[int, int]:
        return self.expected.status, self.got.status

    def dated(self, name: str) -> datetime | None:
        return read_date(self.fields.get(name, ""), self.now)


@dataclass(frozen=True)
class Difference:
    """A way in which nginx differs; `section` of RFC 9110, and what tells whether it explains a pair of answers."""

    section: str
    why: str
    explains: Callable[[Pair], bool]


def _has(pair: Pair, *names: str) -> bool:
    return all(name in pair.fields for name in names)


def _as_asked(pair: Pair) -> bool:
    return pair.got.status == 206 and list(pair.got.parts) == pair.asked


DIFFERENCES = (
    Difference(
        "13.2.2",
        "If-Unmodified-Since is heeded beside If-Match, which should displace it.",
        lambda pair: _has(pair, "If-Match", "If-Unmodified-Since") and pair.statuses == (200, 412),
    ),
    Difference(
        "13.2.2",
        "If-Modified-Since is heeded beside If-None-Match, which should displace it.",
        lambda pair: _has(pair, "If-None-Match", "If-Modified-Since") and pair.statuses == (304, 200),
    ),
    Difference(
        "13.1.4",
        "An If-Unmodified-Since that is no date fails; it should be ignored.",
        lambda pair: (
            _has(pair, "If-Unmodified-Since")
            and not _has(pair, "If-Match")
            and pair.dated("If-Unmodified-Since") is None
            and pair.got.status == 412
        ),
    ),
    Difference(
        "13.1.3",
        "A date later than the last change counts as changed (`if_modified_since exact`, the default).",
        lambda pair: (
            _has(pair, "If-Modified-Since")
            and not _has(pair, "If-None-Match")
            and pair.dated("If-Modified-Since") is not None
            and pair.expected.status == 304
            and pair.got.status in {200, 206, 416}
        ),
    ),
    Difference(
        "5.6.7",
        "A date is read up to where it ends, whatever follows, and with another name of the zone.",
        lambda pair: (
            pair.expected.status == 200
            and pair.got.status in {304, 206, 416}
            and any(
                _has(pair, name) and ", " in pair.fields[name] and pair.dated(name) is None
                for name in ("If-Modified-Since", "If-Range")
            )
        ),
    ),
    Difference(
        "5.3",
        "A precondition on two lines is refused with 400; of a list they are one list, of a date no date.",
        lambda pair: pair.repeated and pair.got.status == 400,
    ),
    Difference(
        "5.3",
        "Of two Range lines the first is heeded; together they are no valid Range.",
        lambda pair: pair.repeated and _has(pair, "Range") and pair.statuses == (200, 206),
    ),
    Difference(
        "14.2",
        "A Range that is not valid is refused with 416; the archive ignores it. Both are allowed.",
        lambda pair: _has(pair, "Range") and pair.asked is None and pair.statuses == (200, 416),
    ),
    Difference(
        "14.1.1",
        "A range whose end precedes its beginning is passed over, and the others are sent; the set is not valid.",
        lambda pair: pair.asked is None and pair.statuses == (200, 206) and "9-1" in pair.fields.get("Range", ""),
    ),
    Difference(
        "14.1.1",
        "Spaces around positions are passed over; the grammar has none there.",
        lambda pair: pair.asked is None and pair.statuses == (200, 206) and " " in pair.fields["Range"].strip(),
    ),
    Difference(
        "5.6.1.2",
        "Empty elements of the list, and tabs around elements, are refused; they should be passed over.",
        lambda pair: (
            pair.statuses == (206, 416)
            and ("\t" in pair.fields["Range"] or not all(spec.strip() for spec in pair.specs))
        ),
    ),
    Difference(
        "14.1.2",
        "A position beyond 63 bits is refused; it lies behind the end like any other.",
        lambda pair: (
            pair.statuses in {(206, 416), (200, 416)}
            and pair.asked is not None
            and any(int(number) > POSITION_MAX for number in re.findall("[0-9]+", pair.fields["Range"]))
        ),
    ),
    Difference(
        "15.3.7.2",
        "Ranges that overlap or are near are sent one by one as asked; the archive joins them. Both are allowed.",
        lambda pair: pair.expected.status == 206 and len(pair.expected.parts) < len(pair.got.parts) and _as_asked(pair),
    ),
    Difference(
        "14.2",
        "Any number of ranges is honoured; the archive sends the whole instead of more than 64. Both are allowed.",
        lambda pair: pair.expected.status == 200 and len(pair.got.parts) > 64 and _as_asked(pair),
    ),
    Difference(
        "14.2",
        "Parts are sent although with their heads they are longer than the whole. Both are allowed.",
        lambda pair: pair.expected.status == 200 and 1 < len(pair.got.parts) <= 64 and _as_asked(pair),
    ),
    Difference(
        "14.2",
        "The whole is sent where the ranges, overlaps counted twice, are longer. The archive joins them first.",
        lambda pair: (
            pair.statuses == (206, 200)
            and sum(last - first + 1 for first, last in pair.asked or ()) > pair.size > 0
        ),
    ),
    Difference(
        "15.5.17",
        "Of an empty file any range is answered with the whole; none is satisfiable.",
        lambda pair: pair.size == 0 and pair.statuses == (416, 200),
    ),
    Difference(
        "14.2",
        "Range is heeded in HEAD; it is defined for GET only.",
        lambda pair: pair.method == "HEAD" and _has(pair, "Range") and pair.got.status in {206, 416},
    ),
)  # fmt: skip
