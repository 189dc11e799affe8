"""Texts that lie beside the documents on a disk: what the log does not tell of any more is searched all the same."""

import hashlib
from pathlib import Path

from projections.documents.fold import DocumentRow
from projections.texts.fetch import TEXT_BYTES_MAX
from projections.texts.fold import PENDING, TextRow

FOLDER = "derived"
# Below every fact: where the log tells of a text, that counts.
TEXT_VERSION = 0


def text_beside(root: Path, document: DocumentRow) -> TextRow | None:
    """Return the text of a document as it lies below an element's root; None when there is none that can be read.

    The row waits to be fetched from the agent, as one of a fact does. A text can be made again, so damage is no fault.
    """
    path = root / FOLDER / document.relative_path / f"{document.document_id}.v{document.version}.txt"
    try:
        if path.lstat().st_size > TEXT_BYTES_MAX:
            return None
        data = path.read_bytes()
        characters = len(data.decode())
    except (OSError, UnicodeDecodeError):
        return None
    return TextRow(
        document_id=document.document_id,
        version=document.version,
        element_id=document.element_id,
        text_version=TEXT_VERSION,
        sha256=document.sha256,
        text_sha256=hashlib.sha256(data).hexdigest(),
        characters=characters,
        truncated=False,
        state=PENDING,
        final=False,
        reason=None,
    )
