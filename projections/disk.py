"""The disks as a source of views: every sealed `attr.json` and `element.json` below the roots, and those that broke."""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from projections.documents import fold as documents
from projections.elements import fold as elements
from projections.tables import Row
from projections.texts.derived import text_beside
from schemas.attributes import HARD_LIMIT_BYTES
from schemas.errors import ConfigurationInvalid, SealBroken
from schemas.fixity import misplacement

ELEMENT_FILE = "element.json"
# A document may itself be called so; then its own name stands between version and ending.
ATTRIBUTES = re.compile(r"[0-9a-f-]{36}\.v[0-9]+\.attr\.json")
# Directories by the hour inside a document's id: year, month, day, hour. Staging, trash and the like are none.
HOURS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]/[0-9][0-9]"


@dataclass(frozen=True)
class Broken:
    """A file that is not what was sealed, or cannot be read: never dropped in silence."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


Found = tuple[Row, ...] | Broken


def roots_in(home: Path, given: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the roots: the given ones, else every folder of `home/elements`. ConfigurationInvalid when one is none."""
    roots = tuple(given) or tuple(sorted(path.parent for path in (home / "elements").glob(f"*/{ELEMENT_FILE}")))
    if not roots:
        message = f"There is no storage element in {home / 'elements'}: name its root with --root."
        raise ConfigurationInvalid(message)
    for root in roots:
        if not (root / ELEMENT_FILE).is_file():
            message = f"{root} is not the root of a storage element: it has no {ELEMENT_FILE}."
            raise ConfigurationInvalid(message)
    return roots


def scan(roots: Iterable[Path], number: int = 0, of: int = 1, *, texts: bool = False) -> Iterator[Found]:
    """Read every sealed file below the roots, each as its rows or as broken, element by element, hour by hour.

    Where several read the same roots at once, each reads the files that fall to its `number`, from 0 on, `of` all.
    With `texts` a document whose text lies there has a row for that too.
    """
    for root in roots:
        if number == 0:
            yield _element(root / ELEMENT_FILE)
        for path, hour in _attributes(root):
            # By the name, not by its place in the list: files come and go while it is read.
            if zlib.crc32(path.name.encode()) % of == number:
                found = _document(path, hour)
                yield _with_text(root, found) if texts else found


def count_files(roots: Iterable[Path]) -> int:
    """Return how many attribute files lie below the roots now."""
    return sum(1 for root in roots for _ in _attributes(root))


def _attributes(root: Path) -> Iterator[tuple[Path, str]]:
    for hour in sorted(root.glob(HOURS)):
        folder = hour.relative_to(root).as_posix()
        for name in sorted(os.listdir(hour)):  # noqa: PTH208 - a path of each costs more than its file
            if ATTRIBUTES.fullmatch(name):
                yield hour / name, folder


def _element(path: Path) -> Found:
    try:
        return (elements.fold(_sealed(path)),)
    except (SealBroken, OSError) as error:
        return Broken(path, _reason(error))


def _with_text(root: Path, found: Found) -> Found:
    if isinstance(found, Broken) or not isinstance(found[0], documents.DocumentRow):
        return found
    text = text_beside(root, found[0])
    return found if text is None else (*found, text)


def _document(path: Path, folder: str) -> Found:
    try:
        rows = documents.fold(_sealed(path))
    except (SealBroken, OSError) as error:
        return Broken(path, _reason(error))
    document = rows[0]
    wrong = misplacement(document.document_id, document.version, document.relative_path, path.name, folder)
    return Broken(path, wrong) if wrong else rows


def _sealed(path: Path) -> bytes:
    """Return the bytes of a sealed file; SealBroken when it is longer than one can be, OSError for a link.

    A file of gigabytes in its place must not take all memory with it, nor a pipe keep a rebuild waiting.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        data = os.read(handle, HARD_LIMIT_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > HARD_LIMIT_BYTES:
        raise SealBroken(f"The file has more than {HARD_LIMIT_BYTES} bytes.")
    return data


def _reason(error: SealBroken | OSError) -> str:
    return error.detail if isinstance(error, SealBroken) else (error.strerror or str(error))
