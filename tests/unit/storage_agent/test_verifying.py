"""Verifying a folder with nothing else running: every fault is named, nothing is written, an agent at work is none."""

import asyncio
import os
from pathlib import Path

import pytest

from schemas.errors import ConfigurationInvalid
from storage_agent.files import LocalDisk
from storage_agent.verifying import Verdict, verify
from tests import rotting
from tests.elements import ROOT, a_scrub, a_ticket_for, an_element, put
from tests.rotting import SickDisk
from tests.taking import files_of, forget_what_followed

DATA = b"the bytes of a document"


async def stored(root: Path, count: int = 3) -> list[str]:
    """Store documents and end in order; return their ids."""
    ids = []
    async with an_element(None, root) as documents:
        for _ in range(count):
            ticket = a_ticket_for(documents.identity, DATA)
            await put(documents, ticket, DATA)
            ids.append(str(ticket.document_id))
    return ids


def faults(root: Path) -> dict[str, str]:
    return dict(verify(LocalDisk(), root).faults)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


async def test_a_whole_element_has_no_fault_and_is_not_touched(tmp_path: Path) -> None:
    await stored(tmp_path)
    before, read = tree(tmp_path), list[int]()
    verdict = verify(LocalDisk(), tmp_path, read.append)
    assert verdict.identity is not None
    assert verdict == Verdict(verdict.identity, documents=3, bytes=3 * len(DATA))
    assert sum(read) > verdict.bytes
    assert tree(tmp_path) == before


async def test_each_fault_is_named_with_its_file(tmp_path: Path) -> None:
    rotten, cut, bodiless, broken, orphan, doubled, whole = await stored(tmp_path, 7)
    body, _ = files_of(tmp_path, rotten)
    body.write_bytes(DATA[::-1])
    cut_body, _ = files_of(tmp_path, cut)
    cut_body.write_bytes(DATA[:-1])
    gone, _ = files_of(tmp_path, bodiless)
    gone.unlink()
    _, sealed = files_of(tmp_path, broken)
    sealed.write_bytes(sealed.read_bytes().replace(b'"edit"', b'"rw"'))
    _, lost = files_of(tmp_path, orphan)
    lost.unlink()
    hour = body.parent
    (hour / f"{doubled}.v1.another.txt").write_bytes(DATA)
    (hour / "notes.txt").write_bytes(b"?")
    _, copied = files_of(tmp_path, whole)
    hour.with_name("23").mkdir()
    (hour.with_name("23") / copied.name).write_bytes(copied.read_bytes())
    found = {path.split("/")[-2] + "/" + path.split("/")[-1]: sentence for path, sentence in faults(tmp_path).items()}
    expected = {
        body.name: "has the SHA-256",
        cut_body.name: f"has {len(DATA) - 1} bytes",
        gone.name: "is missing",
        sealed.name: "are damaged",
        lost.name: "are missing",
        f"{doubled}.v1.another.txt": "another body",
        "notes.txt": "no document",
    }
    for name, sentence in expected.items():
        assert sentence in found.pop(f"{hour.name}/{name}"), name
    assert list(found) == [f"23/{copied.name}"]


async def test_a_document_of_which_both_files_are_gone_is_missed_by_its_folders_list(tmp_path: Path) -> None:
    taken, *_ = await stored(tmp_path)
    there = files_of(tmp_path, taken)
    for path in there:
        path.unlink()
    sentence = "The file is missing, and SHA256SUMS has it."
    assert faults(tmp_path) == {path.relative_to(tmp_path).as_posix(): sentence for path in there}


async def test_a_missing_version_before_the_last_one_is_a_fault_however_high_the_last_one_is(tmp_path: Path) -> None:
    one, *_ = await stored(tmp_path)
    body, _ = files_of(tmp_path, one)
    (body.parent / f"{one}.v999999999.a.txt").write_bytes(DATA)
    found = faults(tmp_path)
    assert "version is missing" in found.pop(f"{body.parent.relative_to(tmp_path).as_posix()}/{one}")
    assert [path.rpartition("/")[2] for path in found] == [f"{one}.v999999999.attr.json"]


async def test_a_broken_element_file_and_a_journal_with_a_hole_are_faults(tmp_path: Path) -> None:
    await stored(tmp_path)
    identity = tmp_path / "element.json"
    identity.write_bytes(identity.read_bytes().replace(b'"hot"', b'"cold"'))
    newest = max((tmp_path / "journal").glob("*.wal"))
    oldest = min((tmp_path / "journal").glob("*.wal"))
    data = oldest.read_bytes()
    oldest.write_bytes(data[:90] + b"!" + data[91:])
    assert set(faults(tmp_path)) == {"element.json", f"journal/{oldest.name}"}
    oldest.write_bytes(data[: data.index(b"\n") + 1])
    assert "does not continue" in faults(tmp_path)[f"journal/{newest.name}"]


async def test_commits_that_stand_in_the_journal_alone_are_counted_and_are_no_faults(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        kept, pending = (a_ticket_for(documents.identity, DATA) for _ in range(2))
        await put(documents, kept, DATA)
        await put(documents, pending, DATA)
        await documents.settle()
        journal = {path: path.read_bytes() for path in (tmp_path / "journal").glob("*.wal")}
    for path in (tmp_path / "journal").glob("*.wal"):
        path.unlink()
    for path, data in journal.items():
        path.write_bytes(data)
    forget_what_followed(tmp_path, pending.document_id)
    body, attr = files_of(tmp_path, pending.document_id)
    attr.unlink()
    verdict = verify(LocalDisk(), tmp_path)
    assert (verdict.faults, verdict.unsettled, verdict.documents) == ([], 1, 1)
    async with an_element(None, tmp_path):
        pass
    verdict = verify(LocalDisk(), tmp_path)
    assert (verdict.faults, verdict.unsettled, verdict.documents) == ([], 0, 2)
    assert body.read_bytes() == DATA


async def test_what_was_told_as_damaged_and_put_aside_is_said(tmp_path: Path) -> None:
    rotten, *_ = await stored(tmp_path)
    body, _ = files_of(tmp_path, rotten)
    body.write_bytes(DATA[::-1])
    async with an_element(None, tmp_path) as documents:
        await a_scrub(documents).walk()
    (tmp_path / "staging" / "left.part").write_bytes(b"half")
    verdict = verify(LocalDisk(), tmp_path)
    assert (verdict.damaged, verdict.quarantine, verdict.staging) == (1, (body.name,), ("left.part",))
    assert [path for path, _ in verdict.faults] == [body.relative_to(tmp_path).as_posix()]


async def test_while_an_agent_works_on_the_element_it_has_no_faults(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        work = asyncio.gather(*(put(documents, a_ticket_for(documents.identity, DATA), DATA) for _ in range(40)))
        found = []
        while not work.done():
            found.append(await asyncio.to_thread(verify, LocalDisk(), tmp_path))
        await work
    assert [fault for verdict in found for fault in verdict.faults] == []


async def test_a_copy_that_may_only_be_read_and_has_no_journal_is_verified(tmp_path: Path) -> None:
    await stored(tmp_path)
    for folder in ("journal", "staging", "quarantine", "derived", "trash"):
        for path in (tmp_path / folder).iterdir():
            path.unlink()
        (tmp_path / folder).rmdir()
    forbid_writing(tmp_path, yes=True)
    try:
        verdict = verify(LocalDisk(), tmp_path)
    finally:
        forbid_writing(tmp_path, yes=False)
    assert (verdict.documents, verdict.faults) == (3, [])


def forbid_writing(root: Path, *, yes: bool) -> None:
    for path in (root, *root.rglob("*")):
        path.chmod((0o555 if yes else 0o755) if path.is_dir() else 0o644)


async def test_a_link_and_a_pipe_are_faults_and_keep_nobody_waiting(tmp_path: Path) -> None:
    linked, piped, *_ = await stored(tmp_path)
    body, _ = files_of(tmp_path, linked)
    body.rename(tmp_path / "elsewhere")
    body.symlink_to(tmp_path / "elsewhere")
    _, attr = files_of(tmp_path, piped)
    attr.unlink()
    os.mkfifo(attr)
    found = faults(tmp_path)
    assert "is no file" in found[body.relative_to(tmp_path).as_posix()]
    assert attr.relative_to(tmp_path).as_posix() in found


def test_a_folder_that_is_no_element_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="is not the root"):
        verify(LocalDisk(), tmp_path)


async def test_a_folder_that_the_drive_does_not_list_is_a_fault_and_the_rest_is_verified() -> None:
    disk = SickDisk()
    async with an_element(disk) as documents:
        far, _ = await rotting.stored(documents, hours_ago=30), await rotting.stored(documents)
    day = rotting.body_of(far).parent.parent
    for bad in (day, rotting.body_of(far).parent, ROOT):
        disk.bad = {bad}
        verdict = verify(disk, ROOT)
        path = bad.relative_to(ROOT).as_posix()
        assert verdict.faults == [(path, "The folder cannot be read: Input/output error.")]
        assert verdict.documents == (0 if bad == ROOT else 1)
