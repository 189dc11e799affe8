"""A slice of the campaign of names: every kind comes back exactly and harms nothing; half a character is refused."""

import os
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.api.uploads import UploadBody
from storage_agent.disposition import attachment
from tests.agents import a_key, a_plane
from tests.campaigns.naming import alike, astray, harms, outside, told_by, wrong
from tests.campaigns.namings import BYTES_MAX, KINDS, draw, half_a_character
from tests.campaigns.traced_names import traced
from tests.campaigns.traces import strace_works, touched
from tests.hostile.forgery import Genuine

SEED = 6
NAMES = 650
TRACED = 52
HALVES = 200


async def test_names_of_every_kind_come_back_exactly_and_nothing_is_touched_outside_the_root(tmp_path: Path) -> None:
    drawn = draw(SEED, 0, NAMES)
    assert {kind for kind, _ in drawn} == set(KINDS)
    found = await wrong(tmp_path / "element", [name for _, name in drawn])
    assert [(number, ascii(drawn[number][1]), text) for number, text in found] == []
    assert os.listdir(tmp_path) == ["element"]  # noqa: PTH208 - nothing waits for it here


@pytest.mark.skipif(not strace_works(), reason="strace is not here, or not allowed: nobody watches the agent's calls")
async def test_an_agent_whose_every_call_is_watched_writes_below_its_root_only(tmp_path: Path) -> None:
    seen = await traced(tmp_path, draw(SEED, NAMES, TRACED))
    assert (seen.names, seen.faults) == (TRACED, [])
    assert seen.writing > 2 * TRACED


async def test_a_name_with_half_a_character_is_refused_when_announced_and_at_the_agent(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a seed, not a secret
    names = [half_a_character(chance) for _ in range(HALVES)]
    for name in names:
        with pytest.raises(ValidationError):
            UploadBody.model_validate({"filename": name, "size": 1})
    async with a_plane(tmp_path / "element") as plane:
        ticket = plane.ticket(b"1")
        genuine = Genuine.of(plane.signed(ticket), a_key(), "", "")
        for name in names:
            bearer = genuine.text(claims={"ticket": {**genuine.claims["ticket"], "filename": name}})
            answer = await plane.put(ticket, b"1", bearer=bearer)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert await plane.leftovers() == []
        assert (await plane.put(ticket, b"1", bearer=genuine.text())).status_code == 200


def test_a_name_is_judged_by_what_stands_in_it() -> None:
    assert list(harms("01.v1.отчёт 👍.pdf")) == []
    bad = ("a/b", "a\0", "a\n", "a\u202eb", ".a", "a.", "a ", "nul.txt", "ё" * 121, "a:b", "a\u2028")
    assert all(list(harms(name)) for name in bad)
    assert alike("01.v1.ATTR.j\u200dson") == alike("01.v1.attr.json")
    assert alike("Й") == alike("и\u0306")
    assert alike("ё") != alike("е")


def test_what_lies_elsewhere_is_seen(tmp_path: Path) -> None:
    root, link = tmp_path / "element", tmp_path / "element" / "2026"
    root.mkdir()
    link.symlink_to(tmp_path)
    paths = [root / "journal" / "1", root, tmp_path, root / ".." / "a", link / "a", Path("/etc/passwd")]
    assert len(list(outside(root, paths))) == 3
    (root / "staging").mkdir()
    (root / "staging" / "a").touch()
    assert list(astray(root, {"staging/b"})) == ["missing 'staging/b'", "unexpected 'staging/a'"]


def test_a_trace_is_read_as_it_was_written() -> None:
    lines = [
        rb'7 openat(AT_FDCWD</a>, "b/\321\221\n\"", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3</a/b>',
        rb'7 openat(AT_FDCWD</a>, "/c", O_RDONLY|O_NOFOLLOW) = -1 ENOENT (No such file or directory)',
        rb'7 rename("/d", "/e" <unfinished ...>',
        rb'7 unlinkat(5</f \320\266>, "g", 0) = 0',
        rb'7 execve("/h", ["h", "/i"], 0x7ffd /* 9 vars */) = 0',
        rb"7 +++ exited with 0 +++",
    ]
    seen = [(each.call, str(each.path), each.writing) for each in touched(lines)]
    assert seen == [
        ("openat", '/a/b/ё\n"', True),
        ("openat", "/c", False),
        ("rename", "/d", True),
        ("rename", "/e", True),
        ("unlinkat", "/f ж/g", True),
        ("execve", "/h", False),
    ]


@pytest.mark.parametrize("name", ["отчёт 2026.pdf", 'a"b', "plain.txt", "50%", "a;b='c'", "é", "👍", ""])
def test_the_name_in_a_header_is_read_as_a_client_reads_it(name: str) -> None:
    assert told_by(attachment(name)) == name
    assert told_by("attachment; filename=\"a\"; filename*=UTF-8''%d1") is None


def test_names_are_drawn_from_the_seed_and_their_number_alone() -> None:
    assert draw(7, 100, 50) == draw(7, 0, 150)[100:]
    assert draw(7, 0, 50) != draw(8, 0, 50)
    names = [name for kind, name in draw(7, 0, 2000) if kind == "255 bytes of Cyrillic"]
    assert BYTES_MAX in {len(name.encode()) for name in names}
