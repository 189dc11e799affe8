"""Documents of real shapes, drawn from a seed, and stored by the agent's own code; where their files lie then."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from schemas.attributes import Attributes
from schemas.requests import CustomValue, Description
from schemas.ticket import UploadTicket
from storage_agent.layout import place_of
from tests.agents import a_plane, sha256, some_bytes

AT_ONCE = 16
BODY_BYTES_MAX = 4096
# Sizes that many share: only a body of the same size can be taken for another one.
SIZES = (0, 1, 2, 64, 512, 2048, BODY_BYTES_MAX)
WORDS = (
    *("договор", "Ёлкина", "акт", "приёмки", "смета", "2026", "№ 17/б", "Ханты-Мансийск", "протокол", "щёлочь"),
    *("invoice", "накладная", "\u00abЗаря\u00bb", "שלום", "中文", "👍", "И\u0306", 'с "кавычками"', "с\tтабуляцией"),
)
CLASSES = ("years-5", "years-10", "years-75", "permanent")


@dataclass(frozen=True)
class Paper:
    """What is to be stored: a name, what a person says about it, and the bytes."""

    filename: str
    description: Description
    retention_class: str
    data: bytes


@dataclass(frozen=True)
class Stored:
    """One version on the disk: the ticket that brought it, its bytes, its sealed attributes, and their two paths."""

    ticket: UploadTicket
    data: bytes
    attr: bytes
    body_path: Path
    attr_path: Path

    @property
    def name(self) -> str:
        return f"{self.ticket.document_id} v{self.ticket.document_version}"

    def put_back(self) -> None:
        """Write both files as they were, whatever lies there now."""
        for path, data in ((self.body_path, self.data), (self.attr_path, self.attr)):
            remove(path)
            path.write_bytes(data)


def remove(path: Path) -> None:
    """Remove what lies there: a file, a link, a pipe, an empty folder, or nothing."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def draw(seed: int, count: int) -> list[Paper]:
    """Return so many papers; each is drawn from the seed and its number alone."""
    return [_drawn(random.Random(f"{seed} {number}")) for number in range(count)]  # noqa: S311 - a seed


async def store(root: Path, papers: Sequence[Paper]) -> list[Stored]:
    """Put the papers through an agent in `root` and end it; return what lies on the disk then."""
    async with a_plane(root) as plane:

        async def put(paper: Paper) -> UploadTicket:
            described = {"description": paper.description, "retention_class": paper.retention_class}
            return await plane.stored(paper.data, paper.filename, **described)

        tickets: list[UploadTicket] = []
        rest = iter(papers)
        while some := list(islice(rest, AT_ONCE)):
            tickets += await asyncio.gather(*map(put, some))
    return [_read(root, paper, ticket) for paper, ticket in zip(papers, tickets, strict=True)]


def second_version(first: Stored, data: bytes) -> Stored:
    """Write a second version beside the first one, as a release that takes such would."""
    before, ticket = Attributes.from_sealed(first.attr), first.ticket.model_copy(update={"document_version": 2})
    place = place_of(ticket.document_id, 2, ticket.filename)
    changes = {"stored_name": place.body, "size": len(data), "sha256": sha256(data)}
    content = before.content.model_copy(update=changes)
    attributes = before.model_copy(update={"version": 2, "supersedes": 1, "attr_seq": 2, "content": content})
    folder = first.attr_path.parent
    second = Stored(ticket, data, attributes.sealed(), folder / place.body, folder / place.attr)
    second.put_back()
    return second


def _read(root: Path, paper: Paper, ticket: UploadTicket) -> Stored:
    place = place_of(ticket.document_id, ticket.document_version, ticket.filename)
    folder = root / place.directory
    assert (folder / place.body).read_bytes() == paper.data
    return Stored(ticket, paper.data, (folder / place.attr).read_bytes(), folder / place.body, folder / place.attr)


def _drawn(chance: random.Random) -> Paper:
    description = Description(
        title=_phrase(chance, 12),
        document_class=_phrase(chance, 2)[:20],
        tags=tuple(_phrase(chance, 2) for _ in range(chance.choice((0, 1, 2, 4, 8)))),
        custom={f"{_phrase(chance, 1)} {index}": _value(chance) for index in range(chance.choice((0, 1, 3, 6)))},
    )
    return Paper(f"{_phrase(chance, 4)}.bin", description, chance.choice(CLASSES), _body(chance))


def _phrase(chance: random.Random, words_max: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, words_max)))


def _value(chance: random.Random) -> CustomValue:
    kinds: tuple[CustomValue, ...] = (
        chance.random() < 0.5,
        chance.randint(-(2**53) + 1, 2**53 - 1),
        chance.uniform(-1e6, 1e6),
        chance.uniform(0, 1) * 1e-9,
        _phrase(chance, 5),
    )
    return chance.choice(kinds)


def _body(chance: random.Random) -> bytes:
    size = chance.choice((chance.randint(0, BODY_BYTES_MAX), chance.choice(SIZES)))
    if chance.random() < 0.5:
        return some_bytes(size, chance.randrange(2**32))
    text = " ".join(chance.choices(WORDS, k=size // 4 + 1)).encode()
    return text[:size]
