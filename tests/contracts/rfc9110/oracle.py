"""What RFC 9110 says a GET or HEAD of stored bytes is answered with, worked out byte by byte, far from the product.

Where the RFC leaves a choice, this is what the archive has chosen:
- a Range that is not valid, or names more than 64 ranges, is ignored (14.2 allows ignoring and refusing);
- ranges that overlap, or have fewer than 80 bytes between them, are one part (15.3.7.2 allows it);
- where the parts with their heads are no shorter than the whole, the whole is sent (14.2 allows it);
- a list of tags that is not valid names no tag.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MANY = 64
NEAR = 80
OWS = " \t"
DIGITS = frozenset("0123456789")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Line = tuple[str, str]
Ends = tuple[int, int]


@dataclass(frozen=True)
class Resource:
    """What is asked for: its size, its strong tag, the second of its last change, and its media type."""

    size: int
    etag: str
    modified: datetime
    media_type: str


@dataclass(frozen=True)
class Answer:
    """A status; for 206 the first and last bytes of each part in order, and whether it is a multipart."""

    status: int
    parts: tuple[Ends, ...] = ()
    multipart: bool = False


def answer_to(method: str, lines: Sequence[Line], resource: Resource, now: datetime) -> Answer:
    """Return the answer that the RFC asks for, by the steps of section 13.2.2."""
    found = _combined(lines)
    if (status := _status_by_conditions(found, resource, now)) != 200:
        return Answer(status)
    if method != "GET" or "range" not in found:
        return Answer(200)
    if "if-range" in found and not _same(found["if-range"], resource, now):
        return Answer(200)
    return _ranged(found["range"], resource)


def asked_ranges(value: str, size: int) -> list[Ends] | None:
    """Return the satisfiable ranges of a valid Range in bytes, as they stand; None when it is not valid."""
    unit, equals, rest = value.partition("=")
    if unit.lower() != "bytes" or not equals:
        return None
    specs = [piece.strip(OWS) for piece in rest.split(",")]
    specs = [piece for piece in specs if piece]
    if not specs:
        return None
    found = []
    for spec in specs:
        first, dash, last = spec.partition("-")
        if not dash or not set(first + last) <= DIGITS or not first + last:
            return None
        if not first:
            if int(last) > 0:
                found.append((max(0, size - int(last)), size - 1))
            continue
        if last and int(last) < int(first):
            return None
        if int(first) < size:
            found.append((int(first), min(int(last), size - 1) if last else size - 1))
    return found


def read_date(value: str, now: datetime) -> datetime | None:
    """Return the time of an HTTP-date in any of its three forms, word by word; None when it is none of them."""
    words = value.split(" ")
    if len(words) == 6 and words[5] == "GMT" and words[0][-1:] == "," and words[0][:-1] in DAYS:
        return _moment(words[3], words[2], words[1], words[4], {4})
    if len(words) == 4 and words[3] == "GMT" and words[0][-1:] == "," and words[0][:-1] in LONG_DAYS:
        return _moment_of_short_year(words[1], words[2], now)
    if len(words) == 6 and words[2] == "":
        words = [*words[:2], "0" + words[3], *words[4:]]
    if len(words) == 5 and words[0] in DAYS:
        return _moment(words[4], words[1], words[2], words[3], {4})
    return None


def _status_by_conditions(found: dict[str, str], resource: Resource, now: datetime) -> int:
    if "if-match" in found:
        if not _names(found["if-match"], {resource.etag}):
            return 412
    elif "if-unmodified-since" in found:
        date = read_date(found["if-unmodified-since"], now)
        if date is not None and not resource.modified <= date:
            return 412
    if "if-none-match" in found:
        return 304 if _names(found["if-none-match"], {resource.etag, "W/" + resource.etag}) else 200
    if "if-modified-since" in found:
        date = read_date(found["if-modified-since"], now)
        return 304 if date is not None and resource.modified <= date else 200
    return 200


def _combined(lines: Sequence[Line]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in lines:
        found.setdefault(name.lower(), []).append(value.strip(OWS))
    return {name: ", ".join(values) for name, values in found.items()}


def _names(value: str, tags: set[str]) -> bool:
    if value == "*":
        return True
    listed: list[str] = []
    rest = value
    while rest.strip(OWS + ","):
        rest = rest.lstrip(OWS + ",")
        weak = "W/" if rest.startswith("W/") else ""
        opening = rest.removeprefix(weak)
        end = opening.find('"', 1)
        if not opening.startswith('"') or end < 0 or set(opening[1:end]) & set(" \t"):
            return False
        listed.append(weak + opening[: end + 1])
        rest = opening[end + 1 :].lstrip(OWS)
        if rest and not rest.startswith(","):
            return False
    return not tags.isdisjoint(listed)


def _same(value: str, resource: Resource, now: datetime) -> bool:
    if value[:1] == '"' or value[:3] == 'W/"':
        return value == resource.etag
    # The bytes never change, so that the date is a strong validator (8.8.2.2).
    return read_date(value, now) == resource.modified


def _ranged(value: str, resource: Resource) -> Answer:
    size = resource.size
    asked = asked_ranges(value, size)
    specs = [piece for piece in value.partition("=")[2].split(",") if piece.strip(OWS)]
    if asked is None or len(specs) > MANY:
        return Answer(200)
    if not asked:
        return Answer(416)
    if size == 0:
        return Answer(200)
    parts = _joined(asked, size)
    if len(parts) == 1:
        return Answer(206, parts)
    return Answer(206, parts, multipart=True) if _multipart_length(parts, resource) < size else Answer(200)


def _joined(asked: list[Ends], size: int) -> tuple[Ends, ...]:
    """Colour every byte that is asked for, and every gap that is too short; what is in one colour is one part."""
    wanted = bytearray(size)
    for first, last in asked:
        wanted[first : last + 1] = b"\x01" * (last - first + 1)
    runs = [(len(run), run[:1] == b"\x01") for run in _runs(bytes(wanted))]
    parts: list[Ends] = []
    position = 0
    for length, is_wanted in runs:
        if is_wanted and parts and position - parts[-1][1] - 1 < NEAR:
            parts[-1] = parts[-1][0], position + length - 1
        elif is_wanted:
            parts.append((position, position + length - 1))
        position += length
    place = {part: min(n for n, (first, _) in enumerate(asked) if part[0] <= first <= part[1]) for part in parts}
    return tuple(sorted(parts, key=lambda part: place[part]))


def _runs(marks: bytes) -> list[bytes]:
    runs: list[bytes] = []
    while marks:
        rest = marks.lstrip(marks[:1])
        runs.append(marks[: len(marks) - len(rest)])
        marks = rest
    return runs


def _multipart_length(parts: tuple[Ends, ...], resource: Resource) -> int:
    boundary = "b" * 32
    length = len(f"\r\n--{boundary}--\r\n") - len("\r\n")
    for first, last in parts:
        fields = f"Content-Type: {resource.media_type}\r\nContent-Range: bytes {first}-{last}/{resource.size}\r\n"
        length += len(f"\r\n--{boundary}\r\n{fields}\r\n") + last - first + 1
    return length


def _moment(year: str, month: str, day: str, time: str, year_lengths: set[int]) -> datetime | None:
    clock = time.split(":")
    numbers = [year, day, *clock]
    if month not in MONTHS or len(clock) != 3 or not all(set(number) <= DIGITS for number in numbers):
        return None
    if len(year) not in year_lengths or any(len(number) != 2 for number in (day, *clock)):
        return None
    try:
        begun = datetime(int(year), MONTHS.index(month) + 1, int(day), int(clock[0]), int(clock[1]), tzinfo=UTC)
    except ValueError:
        return None
    return begun + timedelta(seconds=int(clock[2])) if int(clock[2]) <= 60 else None


def _moment_of_short_year(date: str, time: str, now: datetime) -> datetime | None:
    day, _, rest = date.partition("-")
    month, _, short = rest.partition("-")
    if len(short) != 2:
        return None
    century = str(now.year)[:2]
    moment = _moment(century + short, month, day, time, {4})
    if moment is not None and moment > now.replace(year=now.year + 50):
        return _moment(str(int(century) - 1) + short, month, day, time, {4})
    return moment
