"""Files taken away by hand around a kill: the element starts, says what is missing, and brings nothing back."""

import errno
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from producers.publisher import MemoryPublisher
from schemas.errors import BodyDamaged, DiskFailed
from schemas.events import DocumentCommitted, DocumentDamaged
from schemas.fixity import FoundBy
from schemas.registry import decode
from schemas.replies import ContentCommitted
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.files import LocalDisk
from storage_agent.placing import BATCH
from storage_agent.settling import Settler
from tests.agents import until
from tests.elements import ALL_ARE_LARGE, a_ticket_for, an_abandon, an_element, body_in, put, put_in_place, relay_all
from tests.taking import ATTR, BODY, BOTH, DAMAGED, forget_what_followed, take

DATA = b"taken away"


async def two_stored(root: Path) -> tuple[str, str]:
    """Store a document that stays and one that will be taken; return their ids."""
    ids = []
    async with an_element(None, root) as documents:
        for _ in range(2):
            ticket = a_ticket_for(documents.identity, DATA)
            await put_in_place(documents, ticket, DATA)
            ids.append(str(ticket.document_id))
    return ids[0], ids[1]


async def killed_behind_the_commit(root: Path, what: str) -> tuple[str, str, Path, Path]:
    """Store two, take the second, and be killed before the journal knows that its files were in place."""
    async with an_element(None, root) as documents:
        kept, taken = (a_ticket_for(documents.identity, DATA) for _ in range(2))
        await put_in_place(documents, kept, DATA)
        await put_in_place(documents, taken, DATA)
        before = {path: path.read_bytes() for path in (root / "journal").glob("*.wal")}
    for path in (root / "journal").glob("*.wal"):
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)
    forget_what_followed(root, taken.document_id)
    return str(kept.document_id), str(taken.document_id), *take(root, taken.document_id, what)


def documents_in(root: Path) -> dict[Path, bytes]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if "journal" not in path.parts and path.parent != root}


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every body be one that does not ride in the journal."""
    monkeypatch.setattr(staging, "SMALL_BYTES", ALL_ARE_LARGE)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("what", [BODY, BOTH, DAMAGED])
async def test_a_body_that_is_gone_before_its_commit_was_finished_is_told_as_missing_and_stops_nothing(
    tmp_path: Path, what: str
) -> None:
    kept, taken, body, attr = await killed_behind_the_commit(tmp_path, what)
    publisher = MemoryPublisher()
    for _ in range(2):
        async with an_element(None, tmp_path) as documents:
            assert documents.find(kept, 1) is not None
            with pytest.raises(BodyDamaged, match=f"{taken}, version 1, is damaged"):
                documents.find(taken, 1)
            await relay_all(documents, publisher)
    told = [decode(record.value) for record in publisher.records]
    facts = [message.meta.aggregate_id for message in told if isinstance(message, DocumentCommitted)]
    assert facts == [kept, taken]
    damaged = [message for message in told if isinstance(message, DocumentDamaged)]
    assert [(fact.meta.aggregate_id, fact.reason, fact.found_by) for fact in damaged] == [(taken, "missing", "start")]
    assert damaged[0].quarantined == ((body.name,) if what == DAMAGED else ())
    assert (attr.exists(), body.exists()) == (True, False)
    assert (tmp_path / ("quarantine" if what == DAMAGED else "trash") / body.name).exists()
    assert list((tmp_path / "staging").iterdir()) == []


@pytest.mark.parametrize("what", [BODY, BOTH, DAMAGED])
async def test_a_small_body_that_is_gone_before_its_commit_was_finished_comes_back_from_the_journal(
    tmp_path: Path, what: str
) -> None:
    _, taken, body, attr = await killed_behind_the_commit(tmp_path, what)
    async with an_element(None, tmp_path) as documents:
        found = documents.find(taken, 1)
    assert found is not None
    assert (body.read_bytes(), attr.read_bytes()) == (DATA, found.attr)
    assert (tmp_path / "quarantine" / body.name).exists() == (what == DAMAGED)


@pytest.mark.parametrize("folder", ["staging", "uploads"])
async def test_a_folder_or_a_link_among_what_is_swept_is_put_aside_and_keeps_no_element_from_starting(
    tmp_path: Path, folder: str
) -> None:
    kept, _ = await two_stored(tmp_path)
    (tmp_path / folder / "strange").mkdir()
    (tmp_path / folder / "elsewhere").symlink_to(tmp_path / "element.json")
    async with an_element(None, tmp_path) as documents:
        assert documents.find(kept, 1) is not None
    assert list((tmp_path / folder).iterdir()) == []
    assert {path.name for path in (tmp_path / "quarantine").iterdir()} == {"strange", "elsewhere"}


@pytest.mark.usefixtures("large")
async def test_of_many_interrupted_commits_those_that_are_gone_or_rotten_hold_up_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, tickets = tmp_path / "killed", []
    async with an_element(None, tmp_path / "alive") as documents:
        with monkeypatch.context() as nothing_settles:
            nothing_settles.setattr(Settler, "_next_batch", lambda _: [])
            for _ in range(BATCH + 3):
                tickets.append(a_ticket_for(documents.identity, DATA))
                await put(documents, tickets[-1], DATA)
            shutil.copytree(tmp_path / "alive", killed)
        # An orderly end waits for what it is woken for.
        await put_in_place(documents, a_ticket_for(documents.identity, DATA), DATA)
    gone, rotten = tickets[1], tickets[BATCH]
    _staged(killed, gone).unlink()
    _staged(killed, rotten).write_bytes(bytes(len(DATA)))
    async with an_element(None, killed) as documents:
        for ticket in tickets:
            if ticket not in (gone, rotten):
                assert body_in(documents, ticket) == DATA
                continue
            with pytest.raises(BodyDamaged):
                documents.find(ticket.document_id, 1)
    assert [path.read_bytes() for path in (killed / "quarantine").iterdir()] == [bytes(len(DATA))]


def _staged(root: Path, ticket: UploadTicket) -> Path:
    (path,) = (root / "staging").glob(f"{ticket.ticket_id}.*")
    return path


async def test_attributes_that_are_gone_before_their_commit_was_finished_are_written_again(tmp_path: Path) -> None:
    _, taken, body, attr = await killed_behind_the_commit(tmp_path, ATTR)
    async with an_element(None, tmp_path) as documents:
        found = documents.find(taken, 1)
    assert found is not None
    assert (found.body.read_bytes(), found.body, found.attr) == (DATA, body, attr.read_bytes())


@pytest.mark.parametrize("what", [BODY, ATTR, BOTH])
async def test_what_is_taken_once_the_journal_knows_its_files_in_place_is_never_brought_back(
    tmp_path: Path, what: str
) -> None:
    kept, taken = await two_stored(tmp_path)
    take(tmp_path, taken, what)
    before = documents_in(tmp_path)
    for _ in range(2):
        async with an_element(None, tmp_path) as documents:
            assert documents.find(kept, 1) is not None
            if what == BODY:
                with pytest.raises(BodyDamaged, match=f"{taken} is missing"):
                    documents.find(taken, 1)
            else:
                assert documents.find(taken, 1) is None
        assert documents_in(tmp_path) == before


class TakenFromStaging(LocalDisk):
    """Somebody empties `staging/` between the commit point and the move into place."""

    root: Path | None = None

    def make_directory(self, path: Path) -> None:
        super().make_directory(path)
        if self.root is not None:
            for staged in (self.root / "staging").iterdir():
                staged.unlink()


@pytest.mark.usefixtures("large")
async def test_a_body_taken_out_of_staging_is_told_to_the_operator_and_the_element_goes_on(tmp_path: Path) -> None:
    disk, publisher = TakenFromStaging(), MemoryPublisher()
    async with an_element(disk, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        disk.root = tmp_path
        with capture_logs() as logs:
            await put_in_place(documents, ticket, DATA)
            await until(lambda: documents.fixity.damaged == 1)
        assert [(log["event"], log["log_level"]) for log in logs] == [("document_damaged", "critical")]
        with pytest.raises(BodyDamaged):
            documents.find(ticket.document_id, 1)
        disk.root = None
        await put_in_place(documents, a_ticket_for(documents.identity, DATA), DATA)
        await relay_all(documents, publisher)
    assert sum(isinstance(decode(record.value), DocumentCommitted) for record in publisher.records) == 2
    async with an_element(None, tmp_path) as documents:
        with pytest.raises(BodyDamaged, match="is damaged"):
            documents.find(ticket.document_id, 1)


async def test_an_upload_whose_files_were_taken_since_its_commit_is_not_given_up(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put_in_place(documents, ticket, DATA)
        take(tmp_path, ticket.document_id, BOTH)
        await documents.accept_command(an_abandon(ticket))
        await documents.abandon(an_abandon(ticket))
        assert documents.pending_commands() == []
        assert documents.admit(ticket) == receipt
        publisher = MemoryPublisher()
        await relay_all(documents, publisher)
    told = [type(decode(record.value)) for record in publisher.records]
    assert told[-2:] == [DocumentCommitted, ContentCommitted]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("half", ["body", "attributes"])
@pytest.mark.parametrize("kind", ["link", "folder"])
async def test_what_is_no_file_in_the_place_of_a_just_committed_one_never_keeps_the_element_from_starting(
    tmp_path: Path, kind: str, half: str
) -> None:
    kept, taken, body, attr = await killed_behind_the_commit(tmp_path, BODY if half == "body" else ATTR)
    place = body if half == "body" else attr
    if kind == "link":
        place.symlink_to(tmp_path / "element.json")
    else:
        place.mkdir()
    for _ in range(2):
        async with an_element(None, tmp_path) as documents:
            assert documents.find(kept, 1) is not None
            if half == "body":
                with pytest.raises(BodyDamaged):
                    documents.find(taken, 1)
            else:
                assert documents.find(taken, 1) is not None
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == [place.name]


@pytest.mark.parametrize("kind", ["link", "folder"])
async def test_a_small_body_in_whose_place_is_no_file_comes_back_from_the_journal(tmp_path: Path, kind: str) -> None:
    _, taken, body, _ = await killed_behind_the_commit(tmp_path, BODY)
    if kind == "link":
        body.symlink_to(tmp_path / "element.json")
    else:
        body.mkdir()
    async with an_element(None, tmp_path) as documents:
        assert documents.find(taken, 1) is not None
    assert (body.read_bytes(), body.is_symlink()) == (DATA, False)
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == [body.name]


class SickDisk(LocalDisk):
    """The drive gives an error instead of one file's bytes."""

    bad: Path | None = None

    def sha256(self, path: Path) -> str | None:
        if path == self.bad:
            raise OSError(errno.EIO, "Input/output error")
        return super().sha256(path)


class StuckDisk(LocalDisk):
    """The drive fails when a file is to come to its hour."""

    def rename(self, source: Path, target: Path) -> None:
        if target.parent.name.isdigit():
            raise OSError(errno.EIO, "Input/output error")
        super().rename(source, target)


async def stopped_behind_the_commit(root: Path, tickets: list[UploadTicket]) -> None:
    async with an_element(StuckDisk(), root) as documents:
        tickets.append(a_ticket_for(documents.identity, DATA))
        await put_in_place(documents, tickets[0], DATA)


@pytest.mark.usefixtures("large")
async def test_a_committed_body_in_staging_that_the_drive_does_not_give_at_a_start_is_kept_and_looked_at_again(
    tmp_path: Path,
) -> None:
    tickets: list[UploadTicket] = []
    with pytest.raises(DiskFailed):
        await stopped_behind_the_commit(tmp_path, tickets)
    disk, key = SickDisk(), (tickets[0].document_id, 1)
    (disk.bad,) = (tmp_path / "staging").glob("*.part")
    async with an_element(disk, tmp_path) as documents:
        with pytest.raises(BodyDamaged, match="looked at"):
            documents.find(*key)
        assert not await documents.fixity.look(key, FoundBy.SCRUB)
        assert body_in(documents, tickets[0]) == DATA


@pytest.mark.usefixtures("large")
async def test_a_body_that_the_drive_does_not_give_at_a_start_is_damage_of_one_document_and_stays(
    tmp_path: Path,
) -> None:
    disk = SickDisk()
    kept, taken, body, _ = await killed_behind_the_commit(tmp_path, "nothing")
    disk.bad = body
    async with an_element(disk, tmp_path) as documents:
        assert documents.find(kept, 1) is not None
        with pytest.raises(BodyDamaged):
            documents.find(taken, 1)
    assert body.read_bytes() == DATA
