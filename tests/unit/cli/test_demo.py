"""The demo's documents and the command that puts them, run against the double."""

import hashlib
import json
from pathlib import Path

import pytest

from infra.cli.demo import body_of
from infra.cli.session import Place
from infra.stack.demo.collection import HERE, DemoDocument, bytes_on_disk, generated_blocks, load_collection
from schemas.retention import RETENTION_CLASSES
from tests.unit.cli.archive_double import Command, World
from tests.unit.cli.hashing import hashed

DOCUMENTS = load_collection().documents
OLDER = {".cp1251.": "cp1251", ".koi8r.": "koi8-r", ".utf16.": "utf-16"}
PACKAGED = [document for document in DOCUMENTS if document.source is not None]


def text_of(document: DemoDocument) -> str:
    """Text of a packaged document, or nothing where it is no text."""
    if not document.media_type.startswith("text/"):
        return ""
    encoding = next((name for mark, name in OLDER.items() if mark in str(document.source)), "utf-8")
    return (HERE / "files" / str(document.source)).read_text(encoding=encoding)


@pytest.mark.parametrize("document", PACKAGED, ids=lambda document: str(document.source))
def test_the_manifest_tells_size_and_digest_of_every_packaged_file(document: DemoDocument) -> None:
    assert hashed([(HERE / "files" / str(document.source)).read_bytes()]) == (document.size, document.sha256)


def test_the_generated_file_is_the_same_everywhere() -> None:
    (large,) = [document for document in DOCUMENTS if document.seed is not None]
    assert large.size >= 200_000_000
    assert hashed(generated_blocks(str(large.seed), large.size)) == (large.size, large.sha256)


def test_every_packaged_file_is_in_the_manifest_and_plainly_named() -> None:
    names = {path.name for path in (HERE / "files").iterdir()}
    assert names == {str(document.source) for document in PACKAGED}
    assert all(name.isascii() for name in names)
    assert sum(document.size for document in PACKAGED) < 1_500_000


def test_names_on_upload_are_as_hard_as_names_are_in_life() -> None:
    names = [document.filename for document in DOCUMENTS]
    assert len(set(names)) == len(names) >= 32
    assert any(sum("а" <= letter.lower() <= "я" for letter in name) > 120 for name in names)
    assert any(name.count("_") > 8 for name in names)
    assert any(ord(letter) > 0xFFFF for name in names for letter in name)
    assert any("«" in name and " " in name for name in names)
    assert any("\u0600" <= letter <= "\u06ff" for name in names for letter in name)


def test_every_document_is_described_as_the_interface_wants_it() -> None:
    for document in DOCUMENTS:
        body = body_of(document)
        assert body.retention_class in RETENTION_CLASSES
        assert len(str(body.document_class).encode()) <= 64
        assert body.tags
        assert body.custom


@pytest.mark.parametrize("mark", OLDER)
def test_one_text_is_written_in_an_older_encoding(mark: str) -> None:
    (document,) = [one for one in PACKAGED if mark in str(one.source)]
    letters = [letter for letter in text_of(document) if letter.isalpha()]
    assert sum("а" <= letter.lower() <= "ё" for letter in letters) > 0.9 * len(letters)


def test_the_searched_words_stand_in_another_form_and_only_inside_one_text() -> None:
    inside = {"астролябия": "астролябиями", "поземка": "позёмкой"}
    described = " ".join(f"{one.filename} {one.title} {one.tags} {dict(one.custom)}" for one in DOCUMENTS)
    for search in load_collection().searches:
        assert [one.filename for one in PACKAGED if inside[search.query] in text_of(one)] == [search.finds]
        assert search.query[:6] not in described.lower().replace("ё", "е")


def test_a_missing_generated_file_is_made_and_a_whole_one_is_left_alone(tmp_path: Path) -> None:
    blocks = b"".join(generated_blocks("seed", 2**20 + 5))
    row = {**vars(DOCUMENTS[-1]), "seed": "seed", "size": len(blocks), "sha256": hashlib.sha256(blocks).hexdigest()}
    document = DemoDocument(**row)
    path = bytes_on_disk(document, tmp_path)
    assert path.read_bytes() == blocks
    made = path.stat().st_mtime_ns
    assert bytes_on_disk(document, tmp_path).stat().st_mtime_ns == made


def test_the_demo_puts_finds_and_verifies_everything(artstore: Command, world: World) -> None:
    result = artstore("demo")
    assert result.exit_code == 0, result.output
    assert "4 put, 0 already there" in result.stdout
    assert "DocumentCommitted" in result.stdout
    assert "attr_sha256" in result.stdout
    assert "4 documents (4 added), 3 MiB, all verified" in result.stdout
    assert len(world.committed()) == 4


def test_a_second_demo_adds_nothing_sends_nothing_and_verifies_again(artstore: Command, world: World) -> None:
    artstore("demo")
    sent = list(world.puts)
    summary = json.loads(artstore("demo", "--json").stdout)
    assert (summary["documents"], summary["already_there"], summary["wrong"]) == (4, 4, [])
    assert world.puts == sent
    assert "nothing added, all were there already" in artstore("demo").stdout


def test_the_demo_ends_with_code_one_when_a_byte_is_wrong(artstore: Command, world: World) -> None:
    world.flipped_bit_in.add("Воспоминания радиста.txt")
    result = artstore("demo")
    assert result.exit_code == 1
    assert "WRONG: Воспоминания радиста.txt: Content damaged" in result.stderr


def test_the_demo_ends_with_code_one_when_a_search_finds_nothing(artstore: Command, world: World) -> None:
    world.deaf = True
    result = artstore("demo")
    assert result.exit_code == 1
    assert "a search for астролябия does not find" in result.stderr


def test_the_demo_leaves_no_scratch_file(artstore: Command, place: Place) -> None:
    artstore("demo")
    assert [path.suffix for path in (place.home / "demo").iterdir()] == [".bin"]


def test_the_demo_names_the_document_that_the_archive_refuses(artstore: Command, world: World) -> None:
    world.failing_names.add("Пустой лист.txt")
    result = artstore("demo")
    assert result.exit_code == 1
    assert "Пустой лист.txt: Upload abandoned" in result.stderr
