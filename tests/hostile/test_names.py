"""Ten thousand generated names on a real disk: each comes back exactly, and none leaves the element's root."""

import os
import random
from pathlib import Path

from schemas.attributes import Attributes
from schemas.elements import ElementIdentity, Mode
from storage_agent import facts
from storage_agent.layout import NAME_BYTES_MAX, place_of
from tests.builders import ELEMENT_ID, NOW, a_ticket, an_upload_request

NAMES = 10_000
LETTERS_MAX = 300
IDENTITY = ElementIdentity(
    element_id=ELEMENT_ID, name="hot", mode=Mode.EDIT, mode_epoch=1, open_epoch=1, created_at=NOW, changed_at=NOW
)
TRAPS = (
    *'/\\.:\0\n\t*?"<>|\x7f\x85\u2028\u202e\u2066\u200b\u200d\ufeff _~$',
    *("..", "../", "..\\", "👩\u200d👩\u200d👧", "е\u0308", "attr.json", "CON", "NUL.txt", ".", "%2e%2e%2f", "-rf"),
    *("עברית", "\U000e0041", "ё" * 130, "👍" * 70, "a" * 255, ".pdf", ".tar.gz", ". "),
)
RANGES = ((0x20, 0x7F), (0x400, 0x460), (0, 0x250), (0x590, 0x700), (0x4E00, 0x9FFF), (0xE000, 0x110000))


def test_ten_thousand_names_come_back_exactly_and_none_leaves_the_root(tmp_path: Path) -> None:
    """Body and attribute file of each are written where the layout says, as files of this machine, and read back."""
    chance, root = random.Random(5), tmp_path / "element"  # noqa: S311 - a seed, not a secret
    names = [a_name(chance) for _ in range(NAMES)]
    wrong = [name for name in names if stored_and_read(root, name) != name]
    assert (len(names), wrong) == (NAMES, [])
    assert [path.name for path in tmp_path.iterdir()] == ["element"]
    assert sum(len(files) for _, _, files in os.walk(root)) == 2 * NAMES


def a_name(chance: random.Random) -> str:
    """Return a name of traps, of letters of some script, or of both."""
    first, last = chance.choice(RANGES)
    letters = [chr(chance.randrange(first, last)) for _ in range(chance.choice((0, 3, 20, LETTERS_MAX)))]
    traps = chance.choices(TRAPS, k=chance.choice((0, 1, 5, 30)))
    pieces = letters + traps
    chance.shuffle(pieces)
    return "".join(pieces)


def stored_and_read(root: Path, filename: str) -> str:
    """Store an empty document under this name; return the name that its attribute file tells."""
    ticket = a_ticket(an_upload_request(filename=filename))
    place = place_of(ticket.document_id, 1, filename)
    attributes = facts.attributes_of(ticket, facts.Body(0, "0" * 64, "text/plain"), place, IDENTITY, NOW)
    folder = root / place.directory
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((place.body, b""), (place.attr, attributes.sealed())):
        assert len(name.encode()) <= NAME_BYTES_MAX
        with (folder / name).open("xb") as file:
            file.write(data)
    found = Attributes.from_sealed((folder / place.attr).read_bytes()).content
    assert (found.stored_name, found.relative_path) == (place.body, place.directory)
    return found.original_filename
