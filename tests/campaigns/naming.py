"""What must hold of every name: stored harmlessly, found nowhere else, and given back letter by letter."""

import asyncio
import os
import re
import unicodedata
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from schemas.attributes import Attributes
from schemas.ticket import UploadTicket
from storage_agent.disposition import attachment
from storage_agent.layout import NAME_BYTES_MAX, SUMS, place_of
from tests.agents import Plane, a_plane
from tests.campaigns.traces import TracedDisk
from tests.elements import put

Result = TypeVar("Result")

AT_ONCE = 16
# The others take the way behind the interface, which is the same for all and costs as much again.
HTTP_EVERY = 10
FORBIDDEN = frozenset('/\\:*?"<>|')
CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE | re.DOTALL)
# What Unicode calls ignorable by default: a file system may compare names without it.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ATTACHMENT = re.compile(
    r"""attachment;\ filename="(?P<plain>[^"\\%\x00-\x1f\x7f-\U0010ffff]*)"
    (?:;\ filename\*=UTF-8''(?P<exact>(?:[A-Za-z0-9!\#$&+.^_`|~-]|%[0-9A-F]{2})*))?""",
    re.VERBOSE,
)


async def wrong(root: Path, names: Sequence[str]) -> list[tuple[int, str]]:
    """Put a document under every name through an agent in a new `root`; return what is wrong, by the name's number.

    Number -1: what is wrong with all of them together.
    """
    disk, found = TracedDisk(), list[tuple[int, str]]()
    async with a_plane(root, disk=disk) as plane:
        tickets = await _in_turn(_put(plane, name, number) for number, name in enumerate(names))
    async with a_plane(root, disk=disk) as plane:
        answers = await _in_turn(_asked(plane, ticket, number) for number, ticket in enumerate(tickets))
        found += [(number, complaint) for number, complaints in enumerate(answers) for complaint in complaints]
    places = [place_of(ticket.document_id, 1, ticket.filename) for ticket in tickets]
    found += [(number, complaint) for number, place in enumerate(places) for complaint in harms(place.body)]
    expected = {f"{place.directory}/{name}" for place in places for name in (place.body, place.attr)}
    found += [(-1, complaint) for complaint in (*astray(root, expected), *outside(root, disk.paths))]
    return found


async def _in_turn(work: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    rest, done = iter(work), list[Result]()
    while some := list(islice(rest, AT_ONCE)):
        done += await asyncio.gather(*some)
    return done


def harms(stored: str) -> Iterator[str]:
    """Yield what is dangerous about a stored name."""
    if len(stored.encode()) > NAME_BYTES_MAX:
        yield f"{len(stored.encode())} bytes"
    if stored != Path(stored).name:
        yield "more than one component"
    for character in sorted(set(stored)):
        kind, turning = unicodedata.category(character), unicodedata.bidirectional(character)
        if character in FORBIDDEN or kind in CATEGORIES or turning in TURNING:
            yield f"has {character!r}"
    if stored.startswith((".", " ")) or stored.endswith((".", " ")):
        yield "begins or ends as not every system keeps it"
    if RESERVED.fullmatch(stored):
        yield "is a device"


def astray(root: Path, expected: set[str]) -> Iterator[str]:
    """Yield what is wrong with the files of documents below `root`: others than expected, or taken for one another."""
    there = {
        os.path.relpath(os.path.join(folder, name), os.fsencode(root)).decode()  # noqa: PTH118 - names as bytes
        for folder, _, names in os.walk(os.fsencode(root))
        for name in names
    }
    documents = {path for path in there if path[0].isdigit() or path.startswith("staging")}
    documents -= {path for path in documents if path.endswith(f"/{SUMS}")}
    yield from (f"missing {path!r}" for path in expected - documents)
    yield from (f"unexpected {path!r}" for path in documents - expected)
    folded: dict[str, str] = {}
    for path in sorted(documents):
        other = folded.setdefault(alike(path), path)
        if other != path:
            yield f"{path!r} may be taken for {other!r}"


def alike(name: str) -> str:
    """Return what is left of a name where cases, forms and what nobody sees are not told apart."""
    return IGNORABLE.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold()))


def outside(root: Path, paths: Iterable[Path]) -> Iterator[str]:
    """Yield the paths that do not lie strictly below `root`, links resolved; the way to it is looked at at a start."""
    real = Path(os.path.realpath(root))
    way = {root, *root.parents, real, *real.parents}
    for path in paths:
        if path not in way and (".." in path.parts or real not in Path(os.path.realpath(path)).parents):
            yield f"outside: {str(path)!r}"


def told_by(disposition: str) -> str | None:
    """Return the file name that a client reads out of Content-Disposition (RFC 6266, RFC 8187); None when it cannot."""
    match = _ATTACHMENT.fullmatch(disposition)
    if match is None:
        return None
    return match["plain"] if match["exact"] is None else unquote(match["exact"], errors="strict")


def served_as(name: str) -> str:
    """Return the name that a client should read: exact, but for what would make a folder at a careless one."""
    return "".join("_" if letter in "/\\\0" else letter for letter in name)


async def _put(plane: Plane, name: str, number: int) -> UploadTicket:
    ticket, data = plane.ticket(_data(number), name), _data(number)
    if number % HTTP_EVERY == 0:
        assert (await plane.put(ticket, data)).status_code == 200, name
    else:
        await put(plane.documents, ticket, data)
    return ticket


async def _asked(plane: Plane, ticket: UploadTicket, number: int) -> list[str]:
    if number % HTTP_EVERY == 0:
        content, attributes = await plane.get(ticket), await plane.get(ticket, what="attributes")
        served, disposition, attr = content.content, content.headers["Content-Disposition"], attributes.content
    else:
        found = plane.documents.find(ticket.document_id, 1)
        assert found is not None
        place = place_of(ticket.document_id, 1, ticket.filename)
        served, attr = (plane.root / place.directory / place.body).read_bytes(), found.attr
        disposition = attachment(found.attributes.content.original_filename)
    kept = Attributes.from_sealed(attr).content.original_filename
    return [
        *([] if served == _data(number) else ["other bytes are served"]),
        *([] if kept == ticket.filename else [f"attr.json tells {kept!r}"]),
        *([] if told_by(disposition) == served_as(ticket.filename) else [f"Content-Disposition tells {disposition}"]),
    ]


def _data(number: int) -> bytes:
    return f"Документ {number}".encode()
