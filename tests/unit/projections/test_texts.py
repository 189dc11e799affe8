"""Texts: what the log says about them, what is accepted as such, and how long to wait."""

import hashlib
import unicodedata

import pytest

from projections.tables import as_json
from projections.texts.fetch import checked
from projections.texts.fold import TextRow, fold
from projections.texts.patience import ELEMENT_SECONDS, Patience, pause_of_text
from schemas.errors import BodyDamaged
from tests.projecting import a_document, a_text, no_text, received


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_extracted_text_waits_and_a_missing_one_is_final() -> None:
    attributes = a_document()
    (waiting,) = fold(received(a_text(attributes, "слово")))
    (missing,) = fold(received(no_text(attributes)))
    assert isinstance(waiting, TextRow)
    assert isinstance(missing, TextRow)
    assert (waiting.state, waiting.final) == ("pending", False)
    assert (missing.state, missing.final) == ("unavailable", True)


def test_a_text_is_kept_composed_and_without_zero_bytes() -> None:
    data = unicodedata.normalize("NFD", "ё\0лка").encode()
    assert checked(data, digest(data)) == "ёлка"


@pytest.mark.parametrize("data", [b"other bytes", b"\xff\xfe"])
def test_another_text_than_promised_is_refused(data: bytes) -> None:
    promised = digest(data) if data.startswith(b"\xff") else digest(b"promised")
    with pytest.raises(BodyDamaged):
        checked(data, promised)


def test_the_pause_grows_and_has_an_end() -> None:
    pauses = [pause_of_text(attempt).total_seconds() for attempt in range(1, 400)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert max(pauses) == 300.0


def test_an_element_that_is_silent_rests_a_little_longer_each_time() -> None:
    once = Patience().failed("e", 10.0)
    assert once.resting(10.1) == ("e",)
    assert once.resting(10.0 + ELEMENT_SECONDS) == ()
    assert once.failed("e", 10.2) is once
    assert once.failed("e", 11.0).resting(11.9) == ("e",)
    assert once.answered("e").resting(10.1) == ()


def test_what_a_database_cannot_hold_is_left_out_of_texts() -> None:
    assert as_json({"a\0": ["b\0", "\ud800"]}) == {"a": ["b", "?"]}
