"""What an operator does by hand to a document's files, and what a kill just before or after leaves in the journal."""

import json
from pathlib import Path

from tests.truth import seal_holds

DAMAGED, BODY, ATTR, BOTH = "body damaged", "body gone", "attributes gone", "both gone"


def files_of(root: Path, document_id: str) -> tuple[Path, Path]:
    """Return where body and attributes of a document lie, or lay when they are in the trash."""
    files = [path for path in root.rglob(f"{document_id}.v1.*") if "derived" not in path.parts]
    (attr,) = [path for path in files if path.name.endswith(".attr.json")]
    assert seal_holds(attr.read_bytes(), "attr_sha256")
    return attr.parent / str(json.loads(attr.read_bytes())["content"]["stored_name"]), attr


def take(root: Path, document_id: str, what: str) -> tuple[Path, Path]:
    """Move a document's files to the trash, or damage its body; return where both have been."""
    body, attr = files_of(root, document_id)
    if what == DAMAGED:
        body.write_bytes(bytes(body.stat().st_size))
    for path, with_it in ((body, {BODY, BOTH}), (attr, {ATTR, BOTH})):
        if what in with_it:
            path.rename(root / "trash" / path.name)
    return body, attr


def forget_what_followed(root: Path, document_id: str) -> None:
    """Cut the journal behind a document's commit, as a kill in that moment leaves it: what follows is lazy."""
    segment, lines = _newest(root)
    commit = max(n for n, line in enumerate(lines) if _tells(line, document_id, "committed"))
    segment.write_bytes(b"".join(lines[: commit + 1]))


def is_materialised(root: Path, document_id: str) -> bool:
    """Tell whether it is durable in the journal that a document's files are in place."""
    return any(_tells(line, document_id, "materialised") for line in _newest(root)[1])


def _newest(root: Path) -> tuple[Path, list[bytes]]:
    segment = max((root / "journal").glob("*.wal"))
    return segment, segment.read_bytes().splitlines(keepends=True)


def _tells(line: bytes, document_id: str, kind: str) -> bool:
    if not line.endswith(b"\n"):
        return False
    entries = json.loads(line[65:])["entries"]
    return any(entry["kind"] == kind and entry.get("document_id") == document_id for entry in entries)
