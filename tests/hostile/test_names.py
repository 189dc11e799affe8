"""Ten thousand generated names on a real disk: each comes back exactly, and none leaves the element's root."""

import os
import random
from pathlib import Path

from schemas.attributes import Attributes
from schemas.elements import ElementIdentity, Mode
from storage_agent import facts
from storage_agent.layout import NAME_BYTES_MAX, place_of
from tests.builders import ELEMENT_ID, NOW, a_ticket, an_upload_request
from tests.campaigns.namings import soup

NAMES = 10_000
IDENTITY = ElementIdentity(
    element_id=ELEMENT_ID, name="hot", mode=Mode.EDIT, mode_epoch=1, open_epoch=1, created_at=NOW, changed_at=NOW
)


def test_ten_thousand_names_come_back_exactly_and_none_leaves_the_root(tmp_path: Path) -> None:
    """Body and attribute file of each are written where the layout says, as files of this machine, and read back."""
    chance, root = random.Random(5), tmp_path / "element"  # noqa: S311 - a seed, not a secret
    names = [soup(chance) for _ in range(NAMES)]
    wrong = [name for name in names if stored_and_read(root, name) != name]
    assert (len(names), wrong) == (NAMES, [])
    assert [path.name for path in tmp_path.iterdir()] == ["element"]
    assert sum(len(files) for _, _, files in os.walk(root)) == 2 * NAMES


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
