"""`artstore zip`: the documents asked for, under names of their own, right or not at all."""

import zipfile
from pathlib import Path

import pytest

from infra.cli.zipping import distinct
from tests.unit.cli.archive_double import Command, World, as_lines

WORDS = "Ледоход на реке. ".encode() * 100
PICTURE = bytes(range(256)) * 40


@pytest.fixture
def ids(artstore: Command, tmp_path: Path) -> list[str]:
    """Put two texts of one name and a picture; their document ids."""
    files = [tmp_path / "a" / "Отчёт.txt", tmp_path / "b" / "отчёт.txt", tmp_path / "лёд.png"]
    for file, data in zip(files, (WORDS, b"other", PICTURE), strict=True):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    return [str(as_lines(artstore("put", file, "--json").stdout)[0]["document_id"]) for file in files]


def test_the_documents_lie_in_the_file_under_names_of_their_own(
    artstore: Command, tmp_path: Path, ids: list[str]
) -> None:
    target = tmp_path / "all.zip"
    result = artstore("zip", *ids, ids[0], "-o", target)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (0, f"{target}: 3 documents, all verified.")
    with zipfile.ZipFile(target) as packed:
        assert packed.testzip() is None
        assert {name: packed.read(name) for name in packed.namelist()} == {
            "Отчёт.txt": WORDS,
            "отчёт (2).txt": b"other",
            "лёд.png": PICTURE,
        }
        kinds = {entry.filename: entry.compress_type for entry in packed.infolist()}
        assert kinds["Отчёт.txt"] == zipfile.ZIP_DEFLATED
        assert kinds["лёд.png"] == zipfile.ZIP_STORED
        # Bit 11: the name is UTF-8.
        assert all(entry.flag_bits & 0x800 for entry in packed.infolist())


def test_a_wrong_id_or_wrong_bytes_leave_nothing(
    artstore: Command, world: World, tmp_path: Path, ids: list[str]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert artstore("zip", *ids, "0" * 8, "-o", folder / "all.zip").exit_code == 1
    assert world.credentials_at_agent == []
    world.flipped_bit_in.add("лёд.png")
    result = artstore("zip", *ids, "-o", folder / "all.zip")
    assert (result.exit_code, list(folder.iterdir())) == (1, [])
    assert "Content damaged" in result.stderr


def test_a_file_that_is_there_is_replaced_only_when_forced(artstore: Command, tmp_path: Path, ids: list[str]) -> None:
    target = tmp_path / "mine.zip"
    target.write_text("mine")
    assert artstore("zip", ids[0], "-o", target).exit_code == 1
    assert target.read_text() == "mine"
    assert artstore("zip", ids[0], "-o", target, "--force").exit_code == 0
    assert zipfile.ZipFile(target).namelist() == ["Отчёт.txt"]


def test_names_are_told_apart_whatever_they_are() -> None:
    assert distinct(["a.txt", "A.TXT", "a (2).txt", "a.txt", ".x", ".X"]) == [
        *("a.txt", "A (2).TXT", "a (2) (2).txt", "a (3).txt", ".x", ".X (2)"),
    ]
