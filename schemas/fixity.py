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
