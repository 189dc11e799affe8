"""Preconditions of GET and HEAD (RFC 9110 section 13), as pure functions: the fields in, an outcome out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from storage_agent.http_dates import http_date

# All that an answer depends on beside the document; other fields are not read.
ASKING = frozenset(
    {
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-range",
        b"range",
        b"want-repr-digest",
        b"want-content-digest",
    }
)
_TAG = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|\Z)')
WEAK = "W/"

Fields = Mapping[str, str]


class Outcome(Enum):
    """What the preconditions say: answer, 304, or 412."""

    ANSWER = auto()
    NOT_MODIFIED = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Validators:
    """A strong entity tag, and the time of the last change in whole seconds, where one is told."""

    etag: str
    modified: datetime | None = None


def asking_fields(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the fields in ASKING by lower-case name, the lines of one field joined as in RFC 9110 section 5.3."""
    fields: dict[str, str] = {}
    for name, value in raw:
        if name in ASKING:
            key, text = name.decode("ascii"), value.decode("latin-1")
            fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields


def judged(fields: Fields, validators: Validators, now: datetime) -> Outcome:
    """Return what the preconditions of a GET or HEAD say, in the order of section 13.2.2.

    A list of tags that cannot be read names no tag; a date that cannot be read is as good as none.
    """
    if "if-match" in fields:
        if not names_etag(fields["if-match"], validators.etag, weakly=False):
            return Outcome.FAILED
    elif _changed_since(fields.get("if-unmodified-since"), validators, now) is True:
        return Outcome.FAILED
    if "if-none-match" in fields:
        named = names_etag(fields["if-none-match"], validators.etag, weakly=True)
        return Outcome.NOT_MODIFIED if named else Outcome.ANSWER
    unchanged = _changed_since(fields.get("if-modified-since"), validators, now) is False
    return Outcome.NOT_MODIFIED if unchanged else Outcome.ANSWER


def range_stands(if_range: str | None, validators: Validators, now: datetime) -> bool:
    """Tell whether Range is to be heeded: there is no If-Range, or it names exactly this tag or this date.

    The date is as strong as the tag (section 8.8.2.2): the bytes of a version were put once and never changed, so there
    were no two states of them within that second.
    """
    if if_range is None:
        return True
    value = if_range.strip(" \t")
    if value.startswith(('"', WEAK)):
        return value == validators.etag
    date = http_date(value, now)
    return date is not None and date == validators.modified


def names_etag(field: str, etag: str, *, weakly: bool) -> bool:
    """Tell whether a list of tags is `*` or names the strong `etag`, by the comparison of section 8.8.3.2 asked for."""
    return field.strip(" \t") == "*" or any(tag == etag or (weakly and tag == WEAK + etag) for tag in _tags(field))


def _tags(field: str) -> list[str]:
    tags, at = [], 0
    while match := _TAG.match(field, at):
        tags.append(match[1])
        at = match.end()
    return [] if field[at:].strip(" \t,") else tags


def _changed_since(field: str | None, validators: Validators, now: datetime) -> bool | None:
    """Compare with the date of a field; None where there is none to compare, or no time of a change."""
    date = None if field is None else http_date(field.strip(" \t"), now)
    return None if date is None or validators.modified is None else validators.modified > date
