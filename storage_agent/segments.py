"""The journal's format: lines chained by SHA-256, and how a torn tail is told from damage."""

# Why a chain and not a checksum per line (CRC32C): a checksum says that *this* line is whole, the chain says as well
# that nothing between it and the head is missing, exchanged or left over from an earlier life of the file. And it is
# checked with `sha256sum`, twenty years from now.
#
# One line holds everything that one sync makes durable, and a line is written only after the line before it is
# synced. So at most the last line can be torn, however the drive orders its sectors.

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from schemas.errors import JournalDamaged
from schemas.sealing import canonical
from storage_agent.entries import Carried, Entry, Line

GENESIS = "0" * 64
_HEAD = re.compile(rb"[0-9a-f]{64} ")
_DIGITS = 64


@dataclass(frozen=True)
class Scan:
    """A segment read: its lines, how many bytes of it are good, and the digest that the next line continues."""

    lines: tuple[Line, ...]
    good_bytes: int
    digest: str

    @property
    def next_number(self) -> int:
        """Return the number that the next entry gets."""
        return self.lines[-1].number + len(self.lines[-1].entries)

    def numbered(self) -> Iterator[tuple[int, Entry]]:
        """Yield all entries with their numbers."""
        for line in self.lines:
            yield from enumerate(line.entries, line.number)


def encode_entry(entry: Entry) -> bytes:
    """Return the canonical JSON (RFC 8785) of one entry."""
    return canonical(entry.model_dump(mode="json"))


def encode_line(previous: str, number: int, entries: Sequence[bytes]) -> tuple[bytes, str]:
    """Return the line that holds the encoded `entries`, numbered from `number` on, and its digest."""
    body = b'{"entries":[' + b",".join(entries) + b'],"number":' + str(number).encode() + b"}"
    digest = chained(previous, body)
    return digest.encode() + b" " + body + b"\n", digest


def chained(previous: str, body: bytes) -> str:
    """Return the hex SHA-256 of the previous line's 64 hex digits followed by this line's JSON."""
    return hashlib.sha256(previous.encode() + body).hexdigest()


def scan(data: bytes) -> Scan:
    """Read a segment; JournalDamaged unless it is whole up to a torn tail, behind which nothing valid may stand."""
    lines: list[Line] = []
    good, digest = 0, _seed(data)
    while (end := data.find(b"\n", good)) >= 0 and _holds(digest, data[good:end]):
        lines.append(_parse(data[good + _DIGITS + 1 : end], lines))
        digest, good = data[good : good + _DIGITS].decode(), end + 1
    if not lines:
        msg = "The newest segment of the journal has no valid head. Restore the element, or ask the operator."
        raise JournalDamaged(msg)
    if not _is_torn(data[good:], digest):
        msg = f"The journal is damaged at byte {good}: a line there, or one before it, was whole once."
        raise JournalDamaged(msg)
    return Scan(tuple(lines), good, digest)


def _seed(data: bytes) -> str:
    """Return what the head continues; it says so itself, because the segments before it may be gone."""
    head = data[_DIGITS + 1 : data.find(b"\n")]
    try:
        first = Line.model_validate_json(head).entries[0]
    except (ValidationError, IndexError):
        return GENESIS
    return first.previous if isinstance(first, Carried) else GENESIS


def _holds(previous: str, line: bytes) -> bool:
    return bool(_HEAD.match(line)) and chained(previous, line[_DIGITS + 1 :]).encode() == line[:_DIGITS]


def _parse(body: bytes, before: Sequence[Line]) -> Line:
    try:
        line = Line.model_validate_json(body)
    except ValidationError as error:
        msg = "A line of the journal has the right digest and a form that this release does not read."
        raise JournalDamaged(msg) from error
    if before and line.number != before[-1].number + len(before[-1].entries):
        msg = f"The journal jumps to entry {line.number}: lines are missing."
        raise JournalDamaged(msg)
    return line


def _is_torn(tail: bytes, digest: str) -> bool:
    """Tell whether `tail` is what an interrupted write leaves: no line in it was ever whole.

    A line was whole when it continues the digest that an earlier one *states* or *should* have, or when it can be read
    to its end and only the digest is wrong. The damaged byte may be a line feed, so lines are looked for everywhere.
    """
    starts = [match.start() for match in _HEAD.finditer(tail)]
    for index, start in enumerate(starts):
        end = tail.find(b"\n", start)
        line = tail[start:end] if end >= 0 else tail[start:]
        if end >= 0 and _is_readable(line):
            return False
        if start and any(_holds(previous, line) for previous in _predecessors(tail, starts[:index], start, digest)):
            return False
    return True


def _is_readable(line: bytes) -> bool:
    try:
        Line.model_validate_json(line[_DIGITS + 1 :])
    except ValidationError:
        return False
    return True


def _predecessors(tail: bytes, earlier: Sequence[int], start: int, digest: str) -> Iterator[str]:
    for place in earlier:
        yield tail[place : place + _DIGITS].decode()
    first = tail[_DIGITS + 1 : start - 1]
    yield chained(digest, first)
