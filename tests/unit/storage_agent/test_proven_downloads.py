"""Large bodies read whole a moment ago go out unread: only in the same state, not for long, and not once damaged."""

import os
from collections.abc import AsyncIterator
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from schemas.errors import BodyDamaged
from schemas.events import DocumentDamaged
from schemas.ticket import UploadTicket
from storage_agent import giving
from storage_agent.giving import PIECE_BYTES, CarriedReader, FileReader, Stretch, checked_pieces
from storage_agent.proofs import PROVEN_SECONDS_MAX, TICK_SECONDS, FileState, Proofs
from tests.agents import SETTINGS, Plane, a_plane, sha256, some_bytes
from tests.builders import NOW
from tests.elements import a_scrub, told_by
from tests.serving import serving
from tests.unit.storage_agent.test_damaged_downloads import body_of, flip, told

LARGE = some_bytes(2 * PIECE_BYTES + 1)
DIGEST = "aa"


class Served:
    """One large document at an agent that listens, and what of its files was read by which way."""

    def __init__(self, plane: Plane, port: int, ticket: UploadTicket, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plane, self.port, self.ticket = plane, port, ticket
        self.body = body_of(plane, ticket)
        self._read = 0
        read = FileReader.read

        def counted(reader: FileReader, count: int, offset: int) -> bytes:
            piece = read(reader, count, offset)
            self._read += len(piece)
            return piece

        monkeypatch.setattr(FileReader, "read", counted)

    async def get(self, headers: str = "") -> tuple[bytes, int]:
        """Return the bytes that came, and how many the agent has read itself."""
        before = self._read
        content = (await told(self.port, self.plane, self.ticket, headers)).partition(b"\r\n\r\n")[2]
        return content, self._read - before


def settle(plane: Plane) -> None:
    """Let all that was written up to now be no news any more; the clock of the files is that of the machine."""
    ahead = (datetime.now(UTC) - plane.clock.now()).total_seconds()
    plane.clock.advance(max(ahead, 0) + 2 * TICK_SECONDS)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with a_plane(tmp_path / "hot") as plane, serving(plane.app) as port:
        ticket = await plane.stored(LARGE)
        settle(plane)
        yield Served(plane, port, ticket, monkeypatch)


async def test_a_body_that_was_given_whole_is_not_read_again(served: Served) -> None:
    assert await served.get() == (LARGE, len(LARGE))
    for headers in ("", "Range: bytes=0-\r\n"):
        assert await served.get(headers) == (LARGE, 0)


async def test_a_part_proves_nothing(served: Served) -> None:
    assert await served.get("Range: bytes=1-\r\n") == (LARGE[1:], 0)
    assert await served.get() == (LARGE, len(LARGE))


async def test_a_byte_that_is_changed_afterwards_is_found(served: Served) -> None:
    await served.get()
    times = served.body.stat()
    flip(served.body, len(LARGE) // 2)
    os.utime(served.body, ns=(times.st_atime_ns, times.st_mtime_ns))
    settle(served.plane)
    assert len((await served.get())[0]) == 2 * PIECE_BYTES
    assert (await told(served.port, served.plane, served.ticket)).startswith(b"HTTP/1.1 500 ")


async def test_a_file_that_takes_its_place_is_read_and_then_known(served: Served, tmp_path: Path) -> None:
    await served.get()
    other = tmp_path / "other"
    other.write_bytes(LARGE)
    other.replace(served.body)
    settle(served.plane)
    assert [(await served.get())[1] for _ in range(2)] == [len(LARGE), 0]


async def test_after_a_day_a_body_is_read_again(served: Served) -> None:
    await served.get()
    served.plane.clock.advance(PROVEN_SECONDS_MAX - 1)
    assert (await served.get())[1] == 0
    # Being given unread does not make it any younger.
    served.plane.clock.advance(1)
    assert [(await served.get())[1] for _ in range(2)] == [len(LARGE), 0]


async def test_what_the_scrub_finds_damaged_is_known_no_more(served: Served) -> None:
    await served.get()
    documents, key = served.plane.documents, (served.ticket.document_id, 1)
    with closing(FileReader(served.body)) as reader:
        before = reader.opened
    assert documents.proofs.of(key, sha256(LARGE), before).holds()
    flip(served.body, 5)
    await a_scrub(documents).walk()
    assert [fact.reason for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)] == ["digest"]
    assert not documents.proofs.of(key, sha256(LARGE), before).holds()


async def test_what_is_suspected_is_known_no_more(served: Served) -> None:
    await served.get()
    served.plane.documents.fixity.suspect((served.ticket.document_id, 1))
    await a_scrub(served.plane.documents).look_at_suspects()
    assert await served.get() == (LARGE, len(LARGE))


def a_state(clock: ManualClock, age: float, inode: int = 7) -> FileState:
    changed_ns = int((clock.now().timestamp() - age) * 1e9)
    return FileState(1, inode, 100, changed_ns, changed_ns)


def learned(proofs: Proofs, state: FileState, document: str = "a") -> None:
    proofs.of((document, 1), DIGEST, state).found_right(state)


@pytest.mark.parametrize(("age", "is_known"), [(TICK_SECONDS + 0.1, True), (TICK_SECONDS - 0.1, False), (-60, False)])
def test_a_file_that_has_just_changed_may_change_again_unseen_and_is_not_remembered(age: float, is_known: bool) -> None:  # noqa: FBT001
    clock = ManualClock(NOW)
    proofs, state = Proofs(clock), a_state(clock, age)
    learned(proofs, state)
    clock.advance(60)
    assert proofs.of(("a", 1), DIGEST, state).holds() == is_known


def test_how_old_a_change_is_counts_when_the_reading_begins() -> None:
    clock = ManualClock(NOW)
    proofs, state = Proofs(clock), a_state(clock, 0)
    reading = proofs.of(("a", 1), DIGEST, state)
    clock.advance(60)
    reading.found_right(state)
    assert not proofs.of(("a", 1), DIGEST, state).holds()


def test_a_proof_is_of_one_version_one_digest_and_every_part_of_the_state() -> None:
    clock = ManualClock(NOW)
    proofs, state = Proofs(clock), a_state(clock, 60)
    learned(proofs, state)
    assert proofs.of(("a", 1), DIGEST, state).holds()
    others = [state._replace(**{field: value + 1}) for field, value in state._asdict().items()]
    assert not [other for other in others if proofs.of(("a", 1), DIGEST, other).holds()]
    assert not proofs.of(("a", 2), DIGEST, state).holds()
    assert not proofs.of(("a", 1), "other", state).holds()


def test_a_file_that_changes_while_it_is_read_is_not_remembered() -> None:
    clock = ManualClock(NOW)
    proofs, before = Proofs(clock), a_state(clock, 60)
    after = before._replace(changed_ns=before.changed_ns + 1)
    proofs.of(("a", 1), DIGEST, before).found_right(after)
    assert not [state for state in (before, after) if proofs.of(("a", 1), DIGEST, state).holds()]


async def test_a_proof_is_as_old_as_the_beginning_of_its_reading_and_no_older_than_the_pause_of_the_scrub(
    tmp_path: Path,
) -> None:
    async with a_plane(tmp_path, settings=SETTINGS.model_copy(update={"scrub_pause_seconds": 30})) as plane:
        proofs, state = plane.documents.proofs, a_state(plane.clock, 60)
        reading = proofs.of(("a", 1), DIGEST, state)
        plane.clock.advance(29)
        reading.found_right(state)
        assert proofs.of(("a", 1), DIGEST, state).holds()
        plane.clock.advance(1)
        assert not proofs.of(("a", 1), DIGEST, state).holds()


def test_only_so_many_are_remembered_those_that_were_asked_for_last() -> None:
    clock = ManualClock(NOW)
    proofs, state = Proofs(clock, names_max=len("a.v1") * 2), a_state(clock, 60)
    for document in "aba":
        learned(proofs, state, document)
    assert proofs.of(("b", 1), DIGEST, state).holds()
    learned(proofs, state, "c")
    assert [name for name in "abc" if proofs.of((name, 1), DIGEST, state).holds()] == ["b", "c"]


class Changing(CarriedReader):
    """A body in memory whose file has states, and which tells what of it was read."""

    def __init__(self, data: bytes, state: FileState) -> None:
        super().__init__(data)
        self.opened = self.now = state
        self.read_bytes = 0

    def read(self, count: int, offset: int) -> bytes:
        self.read_bytes += count
        return super().read(count, offset)

    def state(self) -> FileState:  # type: ignore[override]
        return self.now


DATA = b"0123456789"


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> tuple[Proofs, Changing]:
    """Return a body in three stretches, and where its proofs are."""
    monkeypatch.setattr(giving, "PIECE_BYTES", 4)
    clock = ManualClock(NOW)
    return Proofs(clock), Changing(DATA, a_state(clock, 60))


def given(proofs: Proofs, reader: Changing, digest: str = sha256(DATA)) -> AsyncIterator[Stretch]:
    return checked_pieces(reader, reader.size, digest, proofs.of(("a", 1), digest, reader.opened))


async def test_what_another_reader_proves_meanwhile_spares_the_rest(begun: tuple[Proofs, Changing]) -> None:
    proofs, reader = begun
    going = given(proofs, reader)
    await anext(going)
    # The second is being hashed while the first is sent.
    proofs.of(("a", 1), sha256(DATA), reader.opened).found_right(reader.opened)
    assert (len([each async for each in going]), reader.read_bytes) == (2, 8)


async def test_a_proof_that_grows_too_old_on_the_way_is_good_to_the_end(begun: tuple[Proofs, Changing]) -> None:
    proofs, reader = begun
    proofs.of(("a", 1), sha256(DATA), reader.opened).found_right(reader.opened)
    going = given(proofs, reader)
    await anext(going)
    proofs.seconds = 0
    assert (len([each async for each in going]), reader.read_bytes) == (2, 0)


@pytest.mark.parametrize("sent", [1, 2])
@pytest.mark.parametrize("what", ["forgotten", "changed"])
@pytest.mark.parametrize("is_right", [True, False])
async def test_a_proof_that_is_lost_on_the_way_is_made_up_for_before_the_last_stretch(
    begun: tuple[Proofs, Changing], what: str, sent: int, *, is_right: bool
) -> None:
    proofs, reader = begun
    digest = sha256(DATA) if is_right else DIGEST
    proofs.of(("a", 1), digest, reader.opened).found_right(reader.opened)
    going = given(proofs, reader, digest)
    got = [await anext(going) for _ in range(sent)]
    assert reader.read_bytes == 0
    if what == "forgotten":
        proofs.forget(("a", 1))
    else:
        assert reader.opened is not None
        reader.now = reader.opened._replace(changed_ns=reader.opened.changed_ns + 1)
    with nullcontext() if is_right else pytest.raises(BodyDamaged):
        async for each in going:
            got.append(each)  # noqa: PERF401 - what came before it broke off counts
    assert (len(got), reader.read_bytes) == (3 if is_right else 2, len(DATA))
