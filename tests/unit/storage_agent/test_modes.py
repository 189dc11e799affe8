"""The matrix of modes and verbs, cell by cell; whatever is not in it is refused."""

import pytest

from schemas.elements import Mode
from schemas.errors import ModeForbids
from storage_agent.modes import MATRIX, Verb, require

ALLOWED = {
    Mode.EDIT: {"upload", "read", "read attributes", "read text", "extract text", "delete"},
    Mode.READ_WRITE: {"upload", "read", "read attributes", "read text", "extract text"},
    Mode.READ_ONLY: {"read", "read attributes", "read text", "extract text"},
    Mode.ARCHIVE: {"read attributes", "read text", "extract text"},
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("verb", Verb)
def test_every_cell_of_the_matrix_is_as_the_rules_say(mode: Mode, verb: Verb) -> None:
    if verb in ALLOWED[mode]:
        require(mode, verb)
    else:
        with pytest.raises(ModeForbids, match=f"mode {mode}"):
            require(mode, verb)


@pytest.mark.parametrize(("mode", "verb"), [("", "read"), ("EDIT", "read"), ("edit", "format"), ("future", "upload")])
def test_unknown_modes_and_verbs_are_refused(mode: str, verb: str) -> None:
    with pytest.raises(ModeForbids, match="refused"):
        require(mode, verb)


def test_the_matrix_speaks_of_every_mode() -> None:
    assert set(MATRIX) == set(Mode)
