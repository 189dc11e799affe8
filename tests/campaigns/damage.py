"""Rot on real files: what a disk, a hand or a bad copy does to them, and what an agent's answers are worth then."""

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from schemas.fixity import FoundBy
from tests.agents import Plane, path_of
from tests.campaigns.flips import Outcome, Tally
from tests.campaigns.papers import Stored, remove

NAMED = frozenset({"seal_broken", "body_damaged"})
LOOKED_AT = 0.25
SWAPPED, GONE, ANOTHERS, OF_ANOTHER_VERSION = "swapped", "gone", "another's", "of another version"

# New bytes from those that were stored, those of another version, and chance.
Change = Callable[[bytes, bytes, random.Random], bytes]
# Makes something else at the first path; the second is another file of its kind.
Thing = Callable[[Path, Path], None]

CHANGES: Mapping[str, Change] = {
    "bit flipped": lambda mine, _, chance: _changed(mine, chance, 1 << chance.randrange(8)),
    "byte changed": lambda mine, _, chance: _changed(mine, chance, chance.randrange(1, 256)),
    "cut": lambda mine, _, chance: mine[: chance.randrange(len(mine))] if mine else mine,
    "extended": lambda mine, _, chance: mine + chance.choice((b"\0", b"\n", b" ", mine)),
    "emptied": lambda _mine, _, _chance: b"",
    "zeros": lambda mine, _, _chance: bytes(len(mine)),
    "too deep": lambda _mine, _, _chance: b"[" * 30_000 + b"]" * 30_000,
    ANOTHERS: lambda _mine, other, _: other,
    OF_ANOTHER_VERSION: lambda _mine, other, _: other,
    SWAPPED: lambda _mine, other, _: other,
}
THINGS: Mapping[str, Thing] = {
    "a folder": lambda path, _: path.mkdir(),
    "a link": lambda path, other: path.symlink_to(other),
    "a pipe": lambda path, _: os.mkfifo(path),
    "endless": lambda path, _: _endless(path),
    GONE: lambda _path, _: None,
}


@dataclass(frozen=True)
class Half:
    """One of the two files of a version, and what can be done to it so that the disk alone shows it."""

    name: str
    path: Callable[[Stored], Path]
    data: Callable[[Stored], bytes]
    kinds: tuple[str, ...]


BODY = Half("body", lambda one: one.body_path, lambda one: one.data, (*CHANGES, *THINGS))
# Without its attributes a version is one that never was: that only the log can tell.
ATTR = Half(
    "attr", lambda one: one.attr_path, lambda one: one.attr, (*CHANGES, *(kind for kind in THINGS if kind != GONE))
)
BLOWS = [(half, kind) for half in (ATTR, BODY) for kind in half.kinds]


def strike(half: Half, kind: str, one: Stored, other: Stored, chance: random.Random) -> bool:
    """Damage one half of a version with the help of another one; False when that would change nothing."""
    path, mine = half.path(one), half.data(one)
    if kind in THINGS:
        remove(path)
        THINGS[kind](path, half.path(other))
        return True
    changed = CHANGES[kind](mine, half.data(other), chance)
    path.write_bytes(changed)
    return changed != mine


@dataclass(frozen=True)
class Question:
    """One request: what is asked for, with which range, and the bytes that are the right answer."""

    what: str
    headers: Mapping[str, str]
    right: bytes


def questions(stored: Stored) -> list[Question]:
    """Return the requests that bring bytes of this version: whole, its first and its last byte, its attributes."""
    asked = [Question("attributes", {}, stored.attr), Question("content", {}, stored.data)]
    if stored.data:
        asked.append(Question("content", {"Range": "bytes=0-0"}, stored.data[:1]))
        asked.append(Question("content", {"Range": "bytes=-1"}, stored.data[-1:]))
    return asked


async def rotted_on_disk(plane: Plane, stored: Sequence[Stored], chance: random.Random, tally: Tally) -> None:
    """Strike every version in every way that is possible, ask the agent for it, and put it back."""
    for one in stored:
        for half, kind in BLOWS:
            other = _other(stored, one, kind, chance)
            if other is None or not strike(half, kind, one, other, chance):
                continue
            hit = [one, other] if kind == SWAPPED and strike(half, kind, other, one, chance) else [one]
            await _found_and_mended(plane, hit, half, kind, chance, tally)


async def _found_and_mended(  # noqa: PLR0913, PLR0917 - what was done, to which, and who tells of it
    plane: Plane, hit: Sequence[Stored], half: Half, kind: str, chance: random.Random, tally: Tally
) -> None:
    """Ask for what was damaged; sometimes let the agent look at it as well, which tells it and puts it aside."""
    looked = chance.random() < LOOKED_AT
    for each in hit:
        tally.add(f"file: {half.name} {kind}", await judged(plane, each, half, chance), each.name)
        if looked:
            is_news = await look(plane, each)
            tally.add("scrubbed", Outcome.FOUND if is_news else Outcome.MISSED, f"{each.name} {half.name} {kind}")
            tally.add("scrubbed, asked", await judged(plane, each, None, chance), f"{each.name} {half.name} {kind}")
    for each in hit:
        each.put_back()
        await look(plane, each)
        # Or what comes next would be refused for what was, and nothing be learnt from it.
        assert await served(plane, each) == {"whole"}, f"{each.name} after {half.name} {kind}"
    for path in plane.documents.folders.quarantine.iterdir():
        remove(path)


async def look(plane: Plane, stored: Stored) -> bool:
    """Let the agent read a version as its scrub does; True when it has found new damage."""
    return await plane.documents.fixity.look((stored.ticket.document_id, stored.ticket.document_version), FoundBy.SCRUB)


async def judged(plane: Plane, stored: Stored, half: Half | None, chance: random.Random) -> Outcome:
    """Return what an agent's answers about a damaged version are worth.

    Attributes whose body is damaged may be given, if they are right; with None for the half nothing may be.
    """
    outcomes, asked = {Outcome.FOUND}, questions(stored)
    # After the first one the agent may know; each has to be the first one sometimes.
    chance.shuffle(asked)
    async for question, answer in answers(plane, stored, asked):
        if answer == question.right and half is BODY and question.what == "attributes":
            continue
        if isinstance(answer, bytes):
            return Outcome.MISSED
        outcomes.add(Outcome.FOUND if answer in NAMED else Outcome.UNNAMED)
    return max(outcomes, key=[Outcome.FOUND, Outcome.UNNAMED].index)


async def served(plane: Plane, stored: Stored) -> set[str]:
    """Return what becomes of all questions about a version: `whole` where the right bytes come, else the code."""
    answered = answers(plane, stored, questions(stored))
    return {"whole" if answer == question.right else str(answer) async for question, answer in answered}


async def answers(
    plane: Plane, stored: Stored, asked: Sequence[Question]
) -> AsyncIterator[tuple[Question, bytes | str]]:
    """Yield to every question the bytes that are served, or the code of the refusal; empty when it has none."""
    ticket = plane.download_ticket(stored.ticket)
    for question in asked:
        path, params = path_of(stored.ticket, question.what), {"ticket": ticket}
        try:
            answer = await plane.client.get(path, params=params, headers=dict(question.headers))
        except Exception as error:  # noqa: BLE001 - what the application does not answer is the finding
            yield question, type(error).__name__
            continue
        yield question, answer.content if answer.status_code in {200, 206} else _code(answer)


def _code(answer: httpx2.Response) -> str:
    return str(answer.json().get("code", ""))


def _other(stored: Sequence[Stored], one: Stored, kind: str, chance: random.Random) -> Stored | None:
    """Return another version: of the same document where the kind says so, else with a body of the same size."""
    document_id = one.ticket.document_id
    if kind == OF_ANOTHER_VERSION:
        fitting = [each for each in stored if each.ticket.document_id == document_id and each is not one]
    else:
        fitting = [each for each in stored if each.ticket.document_id != document_id]
        fitting = [each for each in fitting if len(each.data) == len(one.data) and each.data != one.data] or fitting
    return chance.choice(fitting) if fitting else None


def _endless(path: Path) -> None:
    """Make a file of a tebibyte that takes no room."""
    path.touch()
    os.truncate(path, 2**40)


def _changed(data: bytes, chance: random.Random, mask: int) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]
