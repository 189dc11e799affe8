"""The disks as a source, and the comparison of sources."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from projections.catalogue import DOCUMENTS, ELEMENTS
from projections.diff import compare
from projections.digests import digest_of
from projections.disk import Broken, Found, count_files, roots_in, scan
from projections.documents.fold import DocumentRow, fold
from projections.elements.fold import ElementRow
from projections.tables import row_as_json
from projections.texts.fold import TextRow
from schemas.attributes import HARD_LIMIT_BYTES
from schemas.errors import ConfigurationInvalid
from storage_agent.derived import text_path
from tests.builders import ELEMENT_ID
from tests.projecting import a_document, an_identity, flipped, next_state, write_element


def test_every_sealed_file_is_read_and_every_broken_one_is_told(tmp_path: Path) -> None:
    root = tmp_path / "elements" / "hot"
    whole, broken, moved = a_document(title="целый"), a_document(title="битый"), a_document(title="чужой")
    write_element(root, an_identity(ELEMENT_ID), (whole, broken, moved))
    files = {path.name.split(".")[0]: path for path in root.rglob("*.attr.json")}
    files[broken.document_id].write_bytes(flipped(broken.sealed()))
    files[moved.document_id].write_bytes(whole.sealed())
    found = list(scan(roots_in(tmp_path)))
    rows = [row for each in found if not isinstance(each, Broken) for row in each]
    assert [row.title for row in rows if isinstance(row, DocumentRow)] == ["целый"]
    assert [row.name for row in rows if isinstance(row, ElementRow)] == ["hot"]
    assert {each.path for each in found if isinstance(each, Broken)} == {
        files[broken.document_id],
        files[moved.document_id],
    }


def test_a_text_that_lies_beside_its_document_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    told, damaged, without = a_document(title="с текстом"), a_document(title="битый"), a_document(title="без текста")
    write_element(tmp_path, an_identity(ELEMENT_ID), (told, damaged, without))
    for document, text in ((told, "Рукописи не горят.".encode()), (damaged, b"\xff")):
        path = text_path(tmp_path, document.document_id, document.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    (row,) = texts_of(scan([tmp_path], texts=True))
    assert (row.document_id, row.version, row.element_id) == (told.document_id, 1, told.element.element_id)
    assert (row.text_sha256, row.characters) == (hashlib.sha256("Рукописи не горят.".encode()).hexdigest(), 18)
    # Whatever the log tells of a text counts more.
    assert row.rank < 1
    assert texts_of(scan([tmp_path])) == []


def texts_of(found: Iterable[Found]) -> list[TextRow]:
    return [row for each in found if not isinstance(each, Broken) for row in each if isinstance(row, TextRow)]


def test_a_file_in_another_folder_than_its_own_is_told(tmp_path: Path) -> None:
    root = tmp_path / "hot"
    write_element(root, an_identity(ELEMENT_ID), (a_document(),))
    path = next(root.rglob("*.attr.json"))
    elsewhere = root / "2001" / "02" / "03" / "04" / path.name
    elsewhere.parent.mkdir(parents=True)
    path.rename(elsewhere)
    (broken,) = [each for each in scan([root]) if isinstance(each, Broken)]
    assert (broken.path, path.parent.relative_to(root).as_posix() in broken.reason) == (elsewhere, True)


@pytest.mark.parametrize("what", ["far too long", "a pipe", "a link", "a folder"])
def test_what_is_no_attribute_file_in_the_place_of_one_is_told_and_holds_nothing_up(tmp_path: Path, what: str) -> None:
    root = tmp_path / "hot"
    write_element(root, an_identity(ELEMENT_ID), (a_document(), a_document()))
    first, second = sorted(root.rglob("*.attr.json"))
    whole = first.read_bytes()
    first.unlink()
    match what:
        case "far too long":
            first.write_bytes(whole + b" " * HARD_LIMIT_BYTES)
        case "a pipe":
            os.mkfifo(first)
        case "a link":
            first.symlink_to(second)
        case _:
            first.mkdir()
    found = list(scan([root]))
    assert [each.path for each in found if isinstance(each, Broken)] == [first]
    assert len(found) == 3


def test_a_document_called_attr_json_is_no_attribute_file(tmp_path: Path) -> None:
    root = tmp_path / "hot"
    document = a_document()
    write_element(root, an_identity(ELEMENT_ID), (document,))
    hour = next(root.rglob("*.attr.json")).parent
    (hour / f"{document.document_id}.v1.my.attr.json").write_bytes(b"a body")
    (root / "staging").mkdir()
    (root / "staging" / f"{document.document_id}.v1.attr.json").write_bytes(b"half")
    assert [each for each in scan([root]) if isinstance(each, Broken)] == []


def test_a_root_without_identity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="--root"):
        roots_in(tmp_path)
    with pytest.raises(ConfigurationInvalid, match=r"element\.json"):
        roots_in(tmp_path, [tmp_path])


def test_equal_sources_have_no_difference() -> None:
    row = row_as_json(fold(a_document().sealed())[0])
    assert compare(DOCUMENTS.tables[0], {"log": {("a",): row}, "disk": {("a",): row}}) == []


def test_a_row_that_one_source_lacks_is_one_line() -> None:
    row = row_as_json(fold(a_document().sealed())[0])
    (line,) = compare(DOCUMENTS.tables[0], {"log": {("a",): row}, "disk": {}, "views": {("a",): row}})
    assert line.startswith("documents a: log has attr_seq 1 attr_sha256 ")
    assert "disk has nothing" in line


def test_another_state_is_told_by_its_number_and_seal() -> None:
    first = a_document()
    rows = [row_as_json(fold(state.sealed())[0]) for state in (first, next_state(first))]
    (line,) = compare(DOCUMENTS.tables[0], {"log": {("a",): rows[1]}, "views": {("a",): rows[0]}})
    assert "log has attr_seq 2" in line
    assert "views has attr_seq 1" in line


def test_a_column_that_differs_under_one_seal_is_told_by_name() -> None:
    row = row_as_json(fold(a_document(title="так").sealed())[0])
    (line,) = compare(DOCUMENTS.tables[0], {"log": {("a",): row}, "views": {("a",): {**row, "title": "иначе"}}})
    assert line == "documents a: title: log has 'так', views has 'иначе'"


def test_elements_are_compared_by_epoch() -> None:
    row = row_as_json(
        ElementRow("e", "hot", "edit", 1, a_document().provenance.created_at, a_document().retention.start)
    )
    (line,) = compare(ELEMENTS.tables[0], {"log": {("e",): row}, "disk": {("e",): {**row, "mode_epoch": 2}}})
    assert line == "elements e: log has mode_epoch 1, disk has mode_epoch 2"


def test_processes_that_share_the_disks_read_every_file_once(tmp_path: Path) -> None:
    root = tmp_path / "hot"
    documents = [a_document(f"{number}") for number in range(40)]
    write_element(root, an_identity(ELEMENT_ID), documents)
    shares = [list(scan([root], number, 3)) for number in range(3)]
    assert all(1 < len(share) < 41 for share in shares)
    assert sorted(map(str, (found for share in shares for found in share))) == sorted(map(str, scan([root])))
    assert count_files([root]) == 40


def test_digests_tell_rows_apart_and_nothing_else() -> None:
    row = row_as_json(fold(a_document().sealed())[0])
    assert digest_of(row) == digest_of(dict(reversed(row.items())))
    assert digest_of(row) != digest_of({**row, "title": "иначе"})
    assert digest_of({"a": None}) != digest_of({"a": "null"})
