"""What lies in an element's root for strangers: written once, kept right, and every command in it works."""

import errno
import hashlib
import json
import re
import subprocess
from base64 import urlsafe_b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from schemas import json_schemas
from schemas.errors import ArtStoreError, DiskFailed
from storage_agent.element import IDENTITY, LOCK
from storage_agent.explained import README, explanations
from storage_agent.files import LocalDisk
from storage_agent.layout import SUMS, Folders
from tests.disks import Crash
from tests.elements import a_ticket_for, an_element, hours, put

FILENAMES = ("Отчёт за год.txt", "👩‍👩‍👧 & 'кавычки'; $(rm).txt", "ж" * 200 + ".pdf", "пусто")


def blocks() -> list[str]:
    """Return the commands that the README prints, in the order in which they stand there."""
    text = explanations()[README].decode()
    return [re.sub("(?m)^    ", "", block) for block in re.findall(r"^    \S.*\n(?:^    .*\n)*", text, re.MULTILINE)]


def run(command: str, root: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=root, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8"
    )
    return done.stdout + done.stderr


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    async with an_element(None, tmp_path) as documents:
        for filename in FILENAMES:
            data = b"" if filename == "пусто" else filename.encode()
            await put(documents, a_ticket_for(documents.identity, data, filename=filename), data)
    return tmp_path


async def test_an_element_explains_itself_from_its_first_opening_on(tmp_path: Path) -> None:
    async with an_element(None, tmp_path):
        found = {name: (tmp_path / name).read_bytes() for name in (README, *json_schemas.NAMES)}
    assert found == explanations()


async def test_what_another_release_has_written_is_replaced_and_what_is_right_is_left_alone(tmp_path: Path) -> None:
    async with an_element(None, tmp_path):
        pass
    right, wrong = (tmp_path / name for name in json_schemas.NAMES)
    wrong.write_bytes(b"of another release")
    (tmp_path / README).unlink()
    before = right.stat()
    async with an_element(None, tmp_path):
        pass
    assert {name: (tmp_path / name).read_bytes() for name in explanations()} == explanations()
    assert (right.stat().st_ino, right.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


class RefusingDisk(LocalDisk):
    """Does not take what is for people."""

    def __init__(self, error: int) -> None:
        self._error = error

    def create(self, path: Path) -> int:
        if path.name in explanations():
            raise OSError(self._error, "refused")
        return super().create(path)


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS])
async def test_a_drive_that_does_not_take_them_has_failed(tmp_path: Path, error: int) -> None:
    with pytest.raises(DiskFailed):
        async with an_element(RefusingDisk(error), tmp_path):
            pass


async def test_a_disk_without_room_for_them_keeps_no_element_from_opening(tmp_path: Path) -> None:
    async with an_element(RefusingDisk(errno.ENOSPC), tmp_path) as documents:
        await put(documents, a_ticket_for(documents.identity, b"taken"), b"taken")
    assert not (tmp_path / README).exists()
    assert list((tmp_path / "staging").iterdir()) == []


def test_the_readme_names_everything_in_the_root_in_both_languages(root: Path) -> None:
    text = explanations()[README].decode()
    russian, english = text.split("THIS IS A STORE OF DOCUMENTS")
    names = {IDENTITY, LOCK, SUMS, *json_schemas.NAMES, *(f"{folder.name}/" for folder in Folders(root).every())}
    there = {path.name + "/" * path.is_dir() for path in root.iterdir() if not path.name.isdigit()} - {README}
    for language in (russian, english):
        assert [name for name in sorted(names | there) if name not in language] == []


def test_the_readme_fits_a_terminal_except_for_its_longest_commands() -> None:
    wide = [line for line in explanations()[README].decode().splitlines() if len(line) > 80]
    assert all(line.startswith("      ") for line in wide)


def test_both_languages_print_the_same_commands() -> None:
    printed = blocks()
    assert len(printed) == 4
    assert printed[:2] == printed[2:]


def test_the_commands_of_the_readme_find_nothing_wrong_in_a_sound_element(root: Path) -> None:
    assert [run(command, root) for command in blocks()] == [""] * 4


@pytest.mark.parametrize("at", [0, 100, -1])
def test_the_commands_of_the_readme_find_a_flipped_bit_in_attributes(root: Path, at: int) -> None:
    [hour] = hours(LocalDisk(), root)
    path = next(hour.glob("*.attr.json"))
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    sums, seals = (run(command, root) for command in blocks()[:2])
    assert f"DAMAGED: {hour.relative_to(root)}/" in sums
    assert seals == f"BROKEN SEAL: {path.relative_to(root)}\n"


class DiesBeforePlacing(LocalDisk):
    """A process that is gone before any file of a document is in its place."""

    def make_directory(self, path: Path) -> None:
        if path.name.isdigit():
            raise Crash
        super().make_directory(path)


async def test_a_document_that_stands_in_the_journal_alone_can_be_taken_out_as_the_readme_says(tmp_path: Path) -> None:
    data = "Рукописи не горят.\n".encode()
    with suppress(Crash, ArtStoreError):
        async with an_element(DiesBeforePlacing(), tmp_path) as documents:
            await put(documents, a_ticket_for(documents.identity, data), data)
    assert hours(LocalDisk(), tmp_path) == []
    entries = chained_entries(tmp_path)
    held = [unsettled["committed"] for unsettled in entries[0]["unsettled"]]
    [committed] = held or [entry for entry in entries if entry["kind"] == "committed"]
    content = json.loads(committed["attr"])["content"]
    assert (committed["directory"], committed["body_name"]) == (content["relative_path"], content["stored_name"])
    inside = committed.get("body")
    body = (
        urlsafe_b64decode(inside) if inside is not None else (tmp_path / "staging" / committed["staged"]).read_bytes()
    )
    assert body == data


def chained_entries(root: Path) -> list[dict[str, Any]]:
    """Return the entries of the newest segment, its chain followed as the README tells it."""
    lines = max((root / "journal").glob("*.wal")).read_bytes().splitlines()
    previous, entries = json.loads(lines[0][65:])["entries"][0]["previous"], list[dict[str, Any]]()
    for line in lines:
        digest, body = line[:64].decode(), line[65:]
        assert hashlib.sha256(previous.encode() + body).hexdigest() == digest
        entries += json.loads(body)["entries"]
        previous = digest
    return entries


def test_the_commands_of_the_readme_find_a_body_that_is_damaged_or_gone(root: Path) -> None:
    [hour] = hours(LocalDisk(), root)
    damaged, gone = [path for path in sorted(hour.iterdir()) if path.suffix == ".txt"]
    damaged.write_bytes(damaged.read_bytes() + b"!")
    gone.unlink()
    told = run(blocks()[0], root)
    assert f"{damaged.name}: FAILED" in told
    assert f"{gone.name}: FAILED open or read" in told
