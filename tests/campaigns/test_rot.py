"""A slice of the campaign of rot: of a few documents every bit in memory, and every kind of damage to their files."""

import random
from pathlib import Path

import pytest

from storage_agent import giving
from tests.campaigns.damage import BLOWS
from tests.campaigns.flips import Outcome, Tally, rotted
from tests.campaigns.papers import Stored, draw, store
from tests.campaigns.rot import on_disk

SEED = 6
DOCUMENTS = 12
STRUCK = 8
WHOLE = 2


@pytest.fixture
async def stored(tmp_path: Path) -> list[Stored]:
    return await store(tmp_path / "element", draw(SEED, DOCUMENTS))


async def test_no_changed_bit_byte_or_length_passes_the_checks_of_the_read_path(stored: list[Stored]) -> None:
    tally = Tally()
    for each in sorted(stored, key=lambda one: len(one.attr))[:WHOLE]:
        tally.merge(rotted(each.name, each.attr, each.data, random.Random(SEED)))  # noqa: S311 - a seed
    assert (tally.examples, tally.sound) == ([], True)
    assert tally.counts["attr bit", Outcome.FOUND] > 8000


async def test_of_damaged_files_nothing_is_served_and_the_log_tells_what_no_disk_can(
    tmp_path: Path, stored: list[Stored]
) -> None:
    tally = await on_disk(tmp_path / "element", stored, STRUCK, SEED)
    assert (tally.examples, tally.sound) == ([], True)
    struck = {f"file: {half.name} {kind}" for half, kind in BLOWS}
    told = {"log: old pair put back", "log: pair gone", "log: attr gone", "scrubbed", "scrubbed, asked"}
    assert set(tally.kinds) == struck | told


async def test_a_check_that_does_not_look_is_seen(stored: list[Stored], monkeypatch: pytest.MonkeyPatch) -> None:
    """And a check that takes anything for the truth does not pass for one that has found everything."""
    monkeypatch.setattr(giving, "_checked", lambda reader, size, _sha256: reader.read(size, 0))
    one = max(stored, key=lambda each: len(each.data))
    tally = rotted(one.name, one.attr, one.data, random.Random(SEED))  # noqa: S311 - a seed, not a secret
    assert not tally.sound
    assert {kind for kind, outcome in tally.counts if outcome is Outcome.MISSED} == {
        *("body byte", "body cut"),
    }


def test_documents_are_drawn_from_the_seed_alone_in_all_their_shapes() -> None:
    papers = draw(SEED, 200)
    assert papers == draw(SEED, 200)
    assert papers != draw(SEED + 1, 200)
    assert {0, 4096} <= {len(paper.data) for paper in papers}
    custom = [value for paper in papers for value in paper.description.custom.values()]
    assert {type(value) for value in custom} == {bool, int, float, str}
