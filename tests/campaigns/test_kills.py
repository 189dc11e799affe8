"""A slice of the campaign of kills, and proof that its examination is not blind."""

import hashlib
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.campaigns.case import Case
from tests.campaigns.kills import Campaign, kill_once, places
from tests.campaigns.ledger import note
from tests.campaigns.nursery import a_nursery
from tests.campaigns.orders import body_of
from tests.campaigns.tally import Tally

KILLS = 300
SEED = 20
SECONDS = 500


@pytest.mark.timeout(600)
def test_three_hundred_kills_lose_nothing_acknowledged_and_leave_nothing_half_done() -> None:
    with places() as folders:
        tally = Campaign(folders, SEED, KILLS, SECONDS).run()
    assert [str(fault) for fault in tally.faults] == []
    assert (tally.deaths, tally.of_program) == (KILLS, KILLS // 150 * (150 // 18))
    assert tally.acknowledged > KILLS, "there was next to nothing to lose"
    assert tally.early > KILLS // 10, "recovery was hardly ever killed"


@pytest.fixture(scope="module")
def survived() -> Iterator[Case]:
    """Yield an element after ten kills, in order; each test wounds it and heals it again."""
    with tempfile.TemporaryDirectory() as folder, a_nursery() as nursery:
        case, tally = Case(Path(folder) / "element", random.Random(SEED)), Tally()  # noqa: S311 - a seed
        while case.witness.acknowledged < 5 or tally.deaths < 10:
            kill_once(nursery, case, tally)
        assert case.close(nursery) == []
        yield case


def an_attr(case: Case) -> Path:
    """Return the attributes of a document that was acknowledged, and whose body is not empty."""
    uploads = [upload for upload in case.witness.uploads.values() if upload.sha256 and upload.ticket["size"]]
    return next(case.root.glob(f"2*/**/{uploads[0].document_id}.v1.attr.json"))


def a_body(case: Case) -> Path:
    attr = an_attr(case)
    return next(path for path in attr.parent.glob(f"{attr.name.split('.')[0]}.*") if path != attr)


def flipped(path: Path) -> bytes:
    data = path.read_bytes()
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:] if len(data) > 3 else b"x" + data[1:]


WOUNDS: dict[str, tuple[Callable[[Case], Path], Callable[[Path], bytes | None], str]] = {
    "attributes gone": (an_attr, lambda _: None, "I2"),
    "body gone": (a_body, lambda _: None, "I3"),
    "body changed": (a_body, flipped, "I5"),
    "attributes changed": (an_attr, flipped, "I5"),
    "a body left over": (lambda case: case.root / "trash" / "x", lambda _: b"x", "I4"),
    "a body of nobody": (lambda case: an_attr(case).with_name("x.v1.txt"), lambda _: b"x", "I2"),
    "another mode": (lambda case: case.root / "element.json", flipped, "I5"),
}


@pytest.mark.parametrize("wound", WOUNDS)
def test_a_wound_is_seen(survived: Case, wound: str) -> None:
    where, become, invariant = WOUNDS[wound]
    path = where(survived)
    before = path.read_bytes() if path.exists() else None
    data = become(path)
    try:
        write(path, data)
        assert invariant in {fault.invariant for fault in survived.examine()}
    finally:
        write(path, before)
    assert survived.examine(whole=True) == []


def write(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("line", "invariant"),
    [
        ({"told": "ended", "how": "abandoned"}, "I8"),
        ({"told": "ended", "how": "committed", "sha256": "0" * 64}, "I1"),
        ({"told": "served", "right": False}, "I6"),
        ({"told": "asked", "landed": [["artstore.document.event.v1", 0, 10**6, "nobody"]]}, "I7"),
        ({"told": "offset", "offset": -1}, "I11"),
        ({"told": "ready", "element_id": "another", "mode": "edit", "mode_epoch": 1}, "I22"),
        ({"told": "changed", "mode": "ar", "mode_epoch": 99}, "I13"),
        ({"told": "failed", "why": "because"}, "agent"),
    ],
)
def test_a_word_against_an_earlier_one_is_heard(survived: Case, line: dict[str, object], invariant: str) -> None:
    upload = next(upload for upload in survived.witness.uploads.values() if upload.sha256)
    before, witness = (upload.how, upload.sha256), survived.witness
    element_id, modes = witness.element_id, witness.modes
    witness.hear({"ticket_id": upload.ticket["ticket_id"], "document_id": upload.document_id, **line})
    heard = {fault.invariant for fault in witness.faults}
    witness.faults = []
    (upload.how, upload.sha256), witness.element_id, witness.modes = before, element_id, modes
    assert invariant in heard


def test_a_fact_that_was_never_told_is_missed(survived: Case) -> None:
    document_id, told = survived.witness.facts.popitem()
    versions = survived._autopsy.versions
    assert [fault.subject for fault in survived.witness.untold(versions)] == [document_id]
    survived.witness.facts[document_id] = told
    assert list(survived.witness.untold(versions)) == []


def test_anybody_can_say_what_a_body_must_be() -> None:
    assert body_of("a", 1000) == body_of("a", 1000)
    assert len({hashlib.sha256(body_of(name, 32, variant)).digest() for name in "ab" for variant in (0, 1)}) == 4


def test_a_row_of_the_ledger_goes_below_its_own_table(tmp_path: Path) -> None:
    ledger = tmp_path / "LEDGER.md"
    ledger.write_text("# L\n\n## One\n\nWords.\n\n| a |\n|---|\n| 1 |\n\n## Two\n\n| b |\n|---|\n")
    note("One", "abc", (2,), ledger)
    note("Two", "abc", (3,), ledger)
    lines = ledger.read_text().splitlines()
    assert [line.split(" | ")[1:] for line in lines if "abc" in line] == [["abc", "2 |"], ["abc", "3 |"]]
    assert lines[9].endswith("| abc | 2 |")
    assert lines[-1].endswith("| abc | 3 |")
