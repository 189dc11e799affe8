"""What an element's mode lets be done: the whole matrix, and the one function that is asked on every path."""

from collections.abc import Mapping
from enum import StrEnum

from schemas.elements import Mode
from schemas.errors import ModeForbids


class Verb(StrEnum):
    """Everything that can be asked of an element, with one word each."""

    UPLOAD = "upload"
    READ = "read"
    READ_ATTRIBUTES = "read attributes"
    READ_TEXT = "read text"
    EXTRACT_TEXT = "extract text"
    DELETE = "delete"


# Derived texts can be made again from the bodies, so writing and reading them changes no truth: every mode allows it.
_ALWAYS = frozenset({Verb.READ_ATTRIBUTES, Verb.READ_TEXT, Verb.EXTRACT_TEXT})

MATRIX: Mapping[str, frozenset[str]] = {
    Mode.EDIT: _ALWAYS | {Verb.READ, Verb.UPLOAD, Verb.DELETE},
    Mode.READ_WRITE: _ALWAYS | {Verb.READ, Verb.UPLOAD},
    Mode.READ_ONLY: _ALWAYS | {Verb.READ},
    Mode.ARCHIVE: _ALWAYS,
}

REASONS: Mapping[str, str] = {
    Mode.READ_WRITE: "it takes and gives documents, and deletes none",
    Mode.READ_ONLY: "it gives documents, and takes none",
    Mode.ARCHIVE: "it gives attributes only; content comes back by a restore",
}


def require(mode: str, verb: str) -> None:
    """Return when `mode` allows `verb`; ModeForbids with the reason otherwise, also for unknown modes and verbs."""
    if verb in MATRIX.get(mode, frozenset()):
        return
    reason = REASONS.get(mode, "nothing is known about this mode or verb, so it is refused")
    msg = f"The element is in mode {mode}, which does not allow '{verb}': {reason}."
    raise ModeForbids(msg)
