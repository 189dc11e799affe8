"""Where a document lies on disk: arithmetic from its id, version and name; no index, no database."""

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Malformed
from schemas.identifiers import is_uuid, time_of

# One upload asks for its directory at every check.
IDS_KEPT = 1024
NAME_BYTES_MAX = 240
SUFFIX_BYTES_MAX = 32
ATTR = "attr.json"
# The ending of a body in `uploads/`; no file in `staging/` that a commit names has it.
UPLOADED = ".upload"
# The checksum list of an hour. No document can have this name: every other one there begins with a document's id.
SUMS = "SHA256SUMS"
# A document may itself be called so; then its own name stands between version and ending.
_ATTR_NAME = re.compile(rf"[0-9a-f-]{{36}}\.v[1-9][0-9]*\.{re.escape(ATTR)}")

# What no file system, archive format or terminal may misread: a copied folder is a backup wherever it is copied to.
_FORBIDDEN = frozenset('/\\:*?"<>|')
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_OVERRIDES = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_JOINER = "\u200d"
# Default_Ignorable_Code_Point of Unicode: some file systems compare names without them.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class Place:
    """Names of one version: directory relative to the root (`2026/11/23/22`), and two file names inside it."""

    directory: str
    body: str
    attr: str


@dataclass(frozen=True)
class Folders:
    """The folders of an element's root that do not hold documents."""

    root: Path

    @property
    def staging(self) -> Path:
        """Bodies that arrive, and files on their way into place; swept at every start."""
        return self.root / "staging"

    @property
    def uploads(self) -> Path:
        """Uploads that outlive their requests: what has arrived of each, and how much of that is durable."""
        return self.root / "uploads"

    @property
    def journal(self) -> Path:
        """Segments of the journal, and the reserve."""
        return self.root / "journal"

    @property
    def derived(self) -> Path:
        """Texts and previews: rebuildable, never needed for a restore."""
        return self.root / "derived"

    @property
    def quarantine(self) -> Path:
        """What is not what it should be, kept for whoever looks into it; nothing is served from here."""
        return self.root / "quarantine"

    def every(self) -> tuple[Path, ...]:
        """Return all folders that an element has from its first start on."""
        return (self.staging, self.uploads, self.journal, self.derived, self.root / "trash", self.quarantine)

    def arrived(self, name: str) -> Path:
        """Return where a body that has a file lies until it is put in place; `name` as the journal says it."""
        return (self.uploads if name.endswith(UPLOADED) else self.staging) / name


def place_of(document_id: str, version: int, filename: str) -> Place:
    """Return the names of a version; Malformed when the id is not a UUIDv7 or the version is below 1."""
    prefix = _prefix(document_id, version)
    stored = prefix + safe_name(filename, NAME_BYTES_MAX - len(prefix))
    return Place(directory_of(document_id), stored, prefix + ATTR)


def attr_name(document_id: str, version: int) -> str:
    """Return the name of a version's attribute file; Malformed as in `place_of`."""
    return _prefix(document_id, version) + ATTR


def is_attr_name(name: str) -> bool:
    """Tell whether a file of this name in an hour's folder is an attribute file."""
    return _ATTR_NAME.fullmatch(name) is not None


@functools.lru_cache(IDS_KEPT)
def directory_of(document_id: str) -> str:
    """Return the directory of the hour inside a UUIDv7, `YYYY/MM/DD/HH` in UTC; Malformed for any other id."""
    try:
        if not is_uuid(document_id):
            raise ValueError(document_id)  # noqa: TRY301 - both ways of being wrong are answered alike
        return time_of(document_id).strftime("%Y/%m/%d/%H")
    except (ValueError, OverflowError) as error:
        msg = "A document's id must be a lowercase UUIDv7: its directory is the hour inside it."
        raise Malformed(msg) from error


def safe_name(filename: str, bytes_max: int) -> str:
    """Return `filename` as one harmless path component of 1 to `bytes_max` bytes of UTF-8, its extension kept.

    The full name as given stands in `attr.json`; this one is for people who look at the folder.
    """
    clean = "".join("_" if _dangerous(character) else character for character in filename)
    clean = _guard_ends(clean)
    stem, suffix = _split(clean)
    room = bytes_max - len(suffix.encode())
    short = _cut(stem, room)
    return _guard_ends(short + suffix) if short else _guard_ends(_cut(clean, bytes_max))


def _prefix(document_id: str, version: int) -> str:
    directory_of(document_id)
    if version < 1:
        msg = "Versions of a document are counted from 1."
        raise Malformed(msg)
    return f"{document_id}.v{version}."


def _dangerous(character: str) -> bool:
    return (
        character in _FORBIDDEN
        or character in _DIRECTION_OVERRIDES
        or unicodedata.category(character) in _FORBIDDEN_CATEGORIES
    )


def _guard_ends(name: str) -> str:
    """Replace leading dots and trailing dots and spaces; no name may be empty or be the attribute file's."""
    inner = name.lstrip(".")
    name = "_" * (len(name) - len(inner)) + inner
    inner = name.rstrip(". ")
    name = inner + "_" * (len(name) - len(inner))
    if not name:
        return "_"
    return f"_{name[1:]}" if _may_be_taken_for_attr(name) else name


def _may_be_taken_for_attr(name: str) -> bool:
    """Tell whether some file system takes a name for that of the attributes, under which no body may ever lie.

    There are those that tell neither cases nor normal forms apart, and pass over what nobody sees.
    """
    return _IGNORABLE.sub("", unicodedata.normalize("NFKC", name).casefold()) == ATTR


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix.encode()) >= SUFFIX_BYTES_MAX:
        return name, ""
    return stem, dot + suffix


def _cut(text: str, bytes_max: int) -> str:
    # A cut inside a character is dropped by the decoder; a joiner with nothing to join is dropped too.
    return text.encode()[:bytes_max].decode("utf-8", "ignore").rstrip(_JOINER)
