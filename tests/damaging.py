"""A document of a live stack whose bytes a test damages on the disk, and puts back."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.archive import Archive
from tests.stacks import Stack, eventually


@dataclass(frozen=True)
class DamagedDocument:
    """A document of the element `hot`; `kept` is a copy of its body elsewhere."""

    document_id: str
    body: Path
    kept: Path

    def flip_a_bit(self) -> None:
        data = bytearray(self.body.read_bytes())
        data[len(data) // 2] ^= 1
        self.body.write_bytes(data)

    def put_back(self) -> None:
        """Put the copy in the body's place, as an operator would: whole, and never half of it."""
        copy, folder = self.kept.with_suffix(".again"), self.body.parent.stat()
        shutil.copy2(self.kept, copy)
        os.chown(copy, folder.st_uid, folder.st_gid)
        shutil.move(copy, self.body)


@contextmanager
def damaged_document(stack: Stack, archive: Archive, filename: str, content: bytes) -> Iterator[DamagedDocument]:
    """Store a document, to be damaged; afterwards it is whole, and nothing of it is left in the quarantine."""
    document_id = str(archive.store(filename, content, element_id="hot")["document_id"])
    root = stack.root("hot")
    names = f"2*/*/*/*/{document_id}.v1.*"
    body = eventually(
        lambda: next((path for path in root.glob(names) if not path.name.endswith(".v1.attr.json")), None),
        30,
        "the body is not in its place",
    )
    assert body is not None
    kept = stack.home / f"kept-{document_id}"
    shutil.copy2(body, kept)
    document = DamagedDocument(document_id, body, kept)
    try:
        yield document
    finally:
        document.put_back()
        eventually(lambda: archive.content(document_id).status_code == 200, 30, "the document is not whole again")
        for path in (root / "quarantine").glob(f"{document_id}.*"):
            path.unlink()
        kept.unlink()
