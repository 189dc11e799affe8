"""The words of fixity: which half of a version is damaged, how that shows, and who saw it."""

from enum import StrEnum


class DamagedPart(StrEnum):
    """Half of a version: its bytes, or the sealed `attr.json` beside them."""

    BODY = "body"
    ATTRIBUTES = "attributes"


class DamageReason(StrEnum):
    """How damage shows.

    `not_a_file`: a symbolic link, a directory or the like lies in its place; `misplaced`: whole, under a name or in a
    folder that is not its own; `unreadable`: the drive gives an error instead of the bytes.
    """

    MISSING = "missing"
    SIZE = "size"
    DIGEST = "digest"
    SEAL = "seal"
    MISPLACED = "misplaced"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"


class FoundBy(StrEnum):
    """Who looked: the scrub, somebody's read, the recovery at a start, or the commit that put the files in place."""

    SCRUB = "scrub"
    READ = "read"
    START = "start"
    COMMIT = "commit"


def misplacement(document_id: str, version: int, relative_path: str, name: str, folder: str) -> str | None:
    """Return in words why an attribute file called `name` in `folder` lies wrongly; None when it lies right.

    The first three are what stands in it.
    """
    if name != f"{document_id}.v{version}.attr.json":
        return f"it lies under another name than that of document {document_id}"
    return None if folder == relative_path else f"it belongs into {relative_path}, where its agent looks for it"
