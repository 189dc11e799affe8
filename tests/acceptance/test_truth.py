"""Truth on disk: anyone can check it, and the views come back from it, or from the log, as they were."""

import json
import shutil
from pathlib import Path

import pytest

from tests.archive import Archive
from tests.stacks import Stack
from tests.truth import verify
from tests.view_rows import execute, rows_of_views


@pytest.fixture
def element(stack: Stack, archive: Archive, tmp_path: Path) -> Path:
    """Return a copy of an element that holds a document."""
    archive.store("истина.txt", "Истина лежит на диске.".encode(), element_id="hot")
    copy = tmp_path / "copy"
    shutil.copytree(stack.root("hot"), copy)
    return copy


def test_a_copied_element_verifies_without_any_of_our_code(element: Path) -> None:
    assert verify(element) == []


def test_a_flipped_bit_in_an_attribute_file_is_reported(element: Path) -> None:
    path = next(element.glob("2*/**/*.attr.json"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert [fault for fault in verify(element) if path.name in fault]


def test_a_flipped_bit_in_a_body_is_reported(element: Path) -> None:
    attributes = [json.loads(path.read_bytes()) for path in element.glob("2*/**/*.attr.json")]
    content = next(a["content"] for a in attributes if a["content"]["size"])
    path = element / content["relative_path"] / content["stored_name"]
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    assert verify(element) == [f"{path}: damaged"]


def test_a_body_without_attributes_is_reported(element: Path) -> None:
    path = next(element.glob("2*/**/*.attr.json"))
    stray = path.with_name("stray.txt")
    stray.write_bytes(b"stray")
    assert verify(element) == [f"{stray}: no attributes"]


@pytest.mark.parametrize("source", ["log", "attributes"])
def test_dropped_views_come_back_equal_in_every_column(stack: Stack, archive: Archive, source: str) -> None:
    archive.store(f"перестройка-{source}.txt", "Виды перестраиваются.".encode(), tags=["a"], custom={"n": 1})
    archive.store("vault.txt", b"elsewhere", element_id="vault")
    before = rows_of_views(stack)
    assert before["documents"]
    execute(stack, "DROP SCHEMA views CASCADE")
    stack.artstore("rebuild", "--from", source)
    assert rows_of_views(stack) == before
    assert stack.artstore("diff").stdout == ""
    found = archive.search("перестраивается")
    assert found
    after = archive.store("после.txt", "Жизнь продолжается.".encode())
    assert archive.get(f"/documents/{after['document_id']}").status_code == 200


def test_diff_names_a_row_that_somebody_has_changed(stack: Stack, archive: Archive) -> None:
    upload = archive.store("подделка.txt", b"real")

    forge = "UPDATE views.documents SET title = $1 WHERE document_id = $2"
    execute(stack, forge, "forged", upload["document_id"])
    told = stack.artstore("diff", check=False)
    assert told.returncode == 1
    assert upload["document_id"] in told.stdout
    stack.artstore("rebuild", "--from", "log")
    assert stack.artstore("diff").stdout == ""
