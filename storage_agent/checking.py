"""Checking versions: seal, name and place of their attributes, size and digest of their bytes. Changes nothing."""

import functools
import hashlib
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.attributes import HARD_LIMIT_BYTES, Attributes
from schemas.errors import Malformed, SealBroken
from schemas.fixity import DamagedPart, DamageReason, misplacement
from storage_agent.files import Disk
from storage_agent.gate import raise_if_exhausted
from storage_agent.layout import SUMS, attr_name, directory_of

PIECE_BYTES = 1024 * 1024
# Where a version lies follows from its name alone, and what is read once is often read again.
PATHS_KEPT = 1024
_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.v([1-9][0-9]{0,8})\.(.+)", re.DOTALL)

Key = tuple[str, int]
"""Document id and version."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one version. `path`: the file it is about; `sha256` and `size` (bytes) as promised, if known.

    `detail` is a sentence for people.
    """

    key: Key
    part: DamagedPart
    reason: DamageReason
    path: Path
    detail: str
    sha256: str | None = None
    size: int | None = None

    def is_of_content(self) -> bool:
        """Tell whether only reading the bytes shows it: what lies there looks right from outside."""
        return self.part == DamagedPart.BODY and self.reason in {DamageReason.DIGEST, DamageReason.UNREADABLE}


@dataclass(frozen=True)
class Read:
    """An attribute file that is what it should be: parsed, and its exact bytes."""

    attributes: Attributes
    attr: bytes


@dataclass(frozen=True)
class Whole:
    """A version that is what it should be; `body` is its file, with SHA-256 and size in bytes."""

    key: Key
    body: Path
    sha256: str
    size: int


Finding = Fault | Whole
Check = Generator[int, None, Finding]
"""A check at work: reads a piece at each step, yields how many bytes that were, and returns what it found.

Whoever drives it decides the pace.
"""


@dataclass
class Hour:
    """The names in one folder of documents: by version, and those that are no document's."""

    versions: dict[Key, list[str]] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, names: Iterable[str]) -> "Hour":
        """Sort names by what they belong to."""
        hour = cls()
        for name in names:
            key = key_of(name)
            if name == SUMS:
                continue
            if key is None:
                hour.strays.append(name)
            else:
                hour.versions.setdefault(key, []).append(name)
        return hour

    def in_order(self) -> list[Key]:
        """Return the versions in the order in which they are walked."""
        return sorted(self.versions)

    def gaps(self) -> dict[str, int]:
        """Return documents of which a version is missing that a later one presupposes, and how many are there."""
        numbers: dict[str, list[int]] = {}
        for document_id, version in self.versions:
            numbers.setdefault(document_id, []).append(version)
        return {document_id: len(found) for document_id, found in numbers.items() if len(found) < max(found)}


def key_of(name: str) -> Key | None:
    """Return the version to which a file's name belongs; None for a name that no version has."""
    match = _NAME.fullmatch(name)
    return None if match is None else (match[1], int(match[2]))


def home_of(key: Key) -> str | None:
    """Return the hour's directory in which a version lies; None when its id is no UUIDv7."""
    try:
        return directory_of(key[0])
    except Malformed:
        return None


def check(disk: Disk, root: Path, key: Key) -> Check:
    """Check a version where it belongs; OSError without handles. What the drive cannot read is found `unreadable`."""
    found = read_attributes(disk, root, key)
    if isinstance(found, Fault):
        return found
    yield len(found.attr)
    body = find_body(disk, root, found.attributes)
    if isinstance(body, Fault):
        return body
    content = found.attributes.content
    disk.forget_cached(body)
    try:
        digest = yield from _hashed(disk, body)
    except OSError as error:
        return _body_fault(found.attributes, body, DamageReason.UNREADABLE, _cannot_be_read(error))
    finally:
        # What nobody has asked for must not push out of memory what people read.
        disk.forget_cached(body)
    if digest != content.sha256:
        return _body_fault(found.attributes, body, DamageReason.DIGEST, f"has the SHA-256 {digest}")
    return Whole(key, body, content.sha256, content.size)


def go_on(at_work: Check) -> tuple[int, Finding | None]:
    """Let a check read on, one piece at most; return how many bytes that were, and what it found when it is done."""
    read_bytes = 0
    while read_bytes < PIECE_BYTES:
        try:
            read_bytes += next(at_work)
        except StopIteration as end:
            finding: Finding = end.value
            return read_bytes, finding
    return read_bytes, None


def overdue(disk: Disk, root: Path, key: Key, seconds: float) -> Fault | None:
    """Return what is found of a version whose body the drive did not give for so long; None when it has gone."""
    found = read_attributes(disk, root, key)
    body = found if isinstance(found, Fault) else find_body(disk, root, found.attributes)
    if isinstance(body, Fault) or isinstance(found, Fault):
        return None
    return _body_fault(found.attributes, body, DamageReason.UNREADABLE, f"did not come within {seconds:g} seconds")


def glance(disk: Disk, root: Path, key: Key) -> Fault | None:
    """Return what is wrong with a version as far as that shows without reading its body."""
    found = read_attributes(disk, root, key)
    if isinstance(found, Fault):
        return found
    body = find_body(disk, root, found.attributes)
    return body if isinstance(body, Fault) else None


def read_attributes(
    disk: Disk, root: Path, key: Key, parse: Callable[[bytes], Attributes] = Attributes.from_sealed
) -> Read | Fault:
    """Return a version's attributes when seal, name and place are right; Malformed for what no version can be.

    `parse` raises SealBroken unless seal and form are right.
    """
    path = _attr_path(root, *key)
    try:
        # Read whole, a file of gigabytes in its place would take all memory with it.
        if (disk.size(path) or 0) > HARD_LIMIT_BYTES:
            return _attr_fault(key, path, DamageReason.SEAL, f"have more than {HARD_LIMIT_BYTES} bytes")
        data = disk.read(path)
    except OSError as error:
        is_file = _is_file(disk, path)
        reason = DamageReason.UNREADABLE if is_file else DamageReason.NOT_A_FILE
        return _attr_fault(key, path, reason, _cannot_be_read(error) if is_file else "are no file")
    if data is None:
        return _attr_fault(key, path, DamageReason.MISSING, "are missing")
    try:
        attributes = parse(data)
    except SealBroken as error:
        return _attr_fault(key, path, DamageReason.SEAL, f"are damaged: {error.detail}")
    content = attributes.content
    wrong = misplacement(
        attributes.document_id, attributes.version, content.relative_path, path.name, directory_of(key[0])
    )
    if wrong is not None:
        return _attr_fault(key, path, DamageReason.MISPLACED, f"lie wrongly: {wrong}")
    return Read(attributes, data)


def find_body(disk: Disk, root: Path, attributes: Attributes) -> Path | Fault:
    """Return where a version's body lies when it is a file of the promised size; nothing of it is read."""
    body = _body_path(root, attributes.document_id, attributes.content.stored_name)
    try:
        size, is_file = disk.size(body), disk.is_file(body)
    except OSError as error:
        return _body_fault(attributes, body, DamageReason.UNREADABLE, _cannot_be_read(error))
    if size is None:
        return _body_fault(attributes, body, DamageReason.MISSING, "is missing")
    if not is_file:
        return _body_fault(attributes, body, DamageReason.NOT_A_FILE, "is no file")
    if size != attributes.content.size:
        return _body_fault(attributes, body, DamageReason.SIZE, f"has {size} bytes")
    return body


@functools.lru_cache(PATHS_KEPT)
def _attr_path(root: Path, document_id: str, version: int) -> Path:
    return root / directory_of(document_id) / attr_name(document_id, version)


@functools.lru_cache(PATHS_KEPT)
def _body_path(root: Path, document_id: str, stored_name: str) -> Path:
    # A name that says more than a name must lead nowhere.
    return root / directory_of(document_id) / Path(stored_name).name


def _hashed(disk: Disk, path: Path) -> Generator[int, None, str]:
    digest, offset = hashlib.sha256(), 0
    handle = disk.open_to_read(path)
    try:
        while piece := disk.read_at(handle, PIECE_BYTES, offset):
            digest.update(piece)
            offset += len(piece)
            yield len(piece)
    finally:
        disk.close(handle)
    return digest.hexdigest()


def _is_file(disk: Disk, path: Path) -> bool:
    try:
        return disk.is_file(path)
    except OSError:
        # Where not even that can be said, the drive is what fails.
        return True


def _cannot_be_read(error: OSError) -> str:
    raise_if_exhausted(error)
    return f"cannot be read: {error.strerror or error}"


def _attr_fault(key: Key, path: Path, reason: DamageReason, found: str) -> Fault:
    detail = f"The attributes of document {key[0]}, version {key[1]}, {found}."
    return Fault(key, DamagedPart.ATTRIBUTES, reason, path, detail)


def _body_fault(attributes: Attributes, path: Path, reason: DamageReason, found: str) -> Fault:
    content, key = attributes.content, (attributes.document_id, attributes.version)
    detail = (
        f"The body of document {key[0]} {found}; version {key[1]} has {content.size} bytes with the SHA-256 "
        f"{content.sha256}."
    )
    return Fault(key, DamagedPart.BODY, reason, path, detail, content.sha256, content.size)
