"""Names on disk: arithmetic from ids, harmless, short enough, and never outside the root."""

import os
import random
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.attributes import Attributes
from schemas.elements import ElementIdentity, Mode
from schemas.errors import Malformed
from schemas.identifiers import derive
from storage_agent import facts
from storage_agent.layout import NAME_BYTES_MAX, attr_name, directory_of, is_attr_name, place_of
from storage_agent.manifests import is_listable
from tests.builders import ELEMENT_ID, NOW, a_ticket, an_upload_request
from tests.elements import a_document_id

DOCUMENT_ID = "01a20f68-1234-7abc-8def-0123456789ab"
IDENTITY = ElementIdentity(
    element_id=ELEMENT_ID, name="hot", mode=Mode.EDIT, mode_epoch=1, open_epoch=1, created_at=NOW, changed_at=NOW
)
NASTY = st.sampled_from([*"/\\.\0\n\u202e\u200dё_ :", "..", "👩\u200d👩\u200d👧", "е\u0308", "attr.json"])
ANY = st.characters(exclude_categories=["Cs"])
NAMES = st.one_of(
    st.text(ANY, max_size=300),
    st.lists(NASTY, max_size=60).map("".join),
    st.tuples(st.text(ANY, max_size=200), st.sampled_from([".pdf", ".tar.gz"])).map("".join),
)


@settings(max_examples=500)
@given(NAMES)
def test_any_name_becomes_one_short_component_inside_the_root(filename: str) -> None:
    check(filename)


def test_ten_thousand_random_names_become_short_components_inside_the_root() -> None:
    chance = random.Random(2026)  # noqa: S311 - a seed, not a secret
    alphabet = [*"/\\.:\0\n_ abcЖёй中é\u0308\u202e\u200d👍", "..", ".pdf", "attr.json"]
    for _ in range(10_000):
        check("".join(chance.choices(alphabet, k=chance.randint(0, 200))))


def check(filename: str) -> None:
    place = place_of(DOCUMENT_ID, 1, filename)

    assert len(place.body.encode()) <= NAME_BYTES_MAX
    assert len(place.attr.encode()) <= NAME_BYTES_MAX
    assert PurePosixPath(place.body).name == place.body
    assert os.path.normpath(f"{place.directory}/{place.body}") == f"{place.directory}/{place.body}"
    assert "\0" not in place.body
    assert place.body.casefold() != place.attr
    assert place.body.startswith(f"{DOCUMENT_ID}.v1.")
    assert (is_attr_name(place.attr), is_attr_name(place.body)) == (True, False)
    assert is_listable(place.body)


@settings(max_examples=300)
@given(NAMES)
def test_the_full_name_comes_back_from_sealed_attributes_exactly(filename: str) -> None:
    ticket = a_ticket(an_upload_request(filename=filename))
    place = place_of(ticket.document_id, 1, filename)
    attributes = facts.attributes_of(ticket, facts.Body(0, "0" * 64, "text/plain"), place, IDENTITY, NOW)

    assert Attributes.from_sealed(attributes.sealed()).content.original_filename == filename


def test_the_directory_is_the_hour_inside_the_identifier() -> None:
    assert directory_of(a_document_id()) == "2026/11/24/10"


def test_a_name_is_cut_on_a_character_border_and_keeps_its_extension() -> None:
    body = place_of(DOCUMENT_ID, 1, "ё" * 200 + ".pdf").body

    assert body.endswith("ё.pdf")
    assert len(body.encode()) in {NAME_BYTES_MAX, NAME_BYTES_MAX - 1}


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("отчёт_2026 👍.pdf", "отчёт_2026 👍.pdf"),
        ("עברית.txt", "עברית.txt"),
        ("a/b\\c:d.txt", "a_b_c_d.txt"),
        ("..", "__"),
        ("", "_"),
        (".profile", "_profile"),
        ("a\0b\n.txt", "a_b_.txt"),
        ("evil\u202etxt.exe", "evil_txt.exe"),
        ("dots...", "dots___"),
        ("attr.json", "_ttr.json"),
        ("ATTR.JSON", "_TTR.JSON"),
        ("attr.j\u200dson", "_ttr.j\u200dson"),
        ("\ufeffAttr.json", "_Attr.json"),
        ("attr.json\ufe0f", "_ttr.json\ufe0f"),
        ("ａｔｔｒ.json", "_ｔｔｒ.json"),
        ("attr.j\u017fon", "_ttr.j\u017fon"),
        ("my.attr.json", "my.attr.json"),
    ],
)
def test_dangerous_characters_are_replaced_and_others_stay(filename: str, stored: str) -> None:
    assert place_of(DOCUMENT_ID, 1, filename).body == f"{DOCUMENT_ID}.v1.{stored}"


@pytest.mark.parametrize(
    "document_id",
    [
        derive("a", "b"),
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        DOCUMENT_ID.upper(),
        f"{{{DOCUMENT_ID}}}",
        "../../etc/passwd",
        "",
        "ffffffff-ffff-7fff-8fff-ffffffffffff",
    ],
)
def test_an_identifier_that_is_no_uuid7_is_refused(document_id: str) -> None:
    with pytest.raises(Malformed):
        place_of(document_id, 1, "a.txt")


def test_versions_are_counted_from_one() -> None:
    assert attr_name(DOCUMENT_ID, 2) == f"{DOCUMENT_ID}.v2.attr.json"
    with pytest.raises(Malformed):
        attr_name(DOCUMENT_ID, 0)
