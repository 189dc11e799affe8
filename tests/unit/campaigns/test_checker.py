"""The campaign's checker is tried on damage made by hand: it must report each, and be silent about a sound world."""

from dataclasses import replace
from pathlib import Path

import pytest

from producers.publisher import MemoryPublisher
from schemas.envelope import Record
from schemas.events import DocumentCommitted, Output, SagaAdvanced, TextExtracted
from schemas.identifiers import derive, new_id
from schemas.registry import decode, encode
from schemas.topics import SAGA_INBOX
from tests.builders import NOW, an_actor, an_upload_request
from tests.campaigns.checker import Acknowledged, judge
from tests.campaigns.evidence import Disk, Entry, Evidence, Stand, Views, decoded, read_disk
from tests.elements import a_ticket_for, an_element, an_extract, put, relay_all

DATA = "Ёлка горит.".encode()


def entries(records: list[Record]) -> tuple[Entry, ...]:
    """Return the records as they would be read back from one partition a topic."""
    return tuple(Entry(r.topic, 0, n, r.key, r.value, *decoded(r.value)) for n, r in enumerate(records))


def a_saga(fact: DocumentCommitted, version: int, status: str, outputs: tuple[Output, ...] = ()) -> Record:
    operation_id = fact.meta.correlation_id
    meta = SagaAdvanced.meta_for(
        event_id=derive(operation_id, "saga", version),
        aggregate_id=operation_id,
        aggregate_version=version,
        occurred_at=NOW,
        correlation_id=operation_id,
        actor=an_actor(),
        source="processor",
    )
    return encode(
        SagaAdvanced(
            meta=meta,
            kind="upload",
            status=status,
            step="text",
            state="{}",
            cause_id=operation_id,
            cause_type="artstore.ContentCommitted",
            steps=(),
            outputs=outputs,
            document_id=fact.meta.aggregate_id,
            problem='{"code": "upload_abandoned"}' if status == "failed" else None,
            started_at=NOW,
        )
    )


class World:
    """One element with one document, the log of its upload, and views that agree with both."""

    def __init__(self, root: Path, records: list[Record], command: Record) -> None:
        self.root = root
        self.fact = next(m for m in (decode(r.value) for r in records) if isinstance(m, DocumentCommitted))
        self.document_id, self.saga = self.fact.meta.aggregate_id, self.fact.meta.correlation_id
        output = Output(topic=command.topic, key=command.key, value=command.value)
        begun, ended = a_saga(self.fact, 1, "running", (output,)), a_saga(self.fact, 2, "succeeded")
        self.records = [*records, command, begun, ended]
        self.attr = next(root.glob("2*/**/*.attr.json"))
        self.body = next(root.glob("2*/**/*.txt"))
        versions, stand = read_disk(root).versions, {self.saga: Stand(2, "succeeded")}
        names = {self.document_id: "Отчёт.txt"}
        self.views = Views(versions, versions, names, frozenset(), stand, stand)

    def judged(self, served: str | None = "as it was sent", disks: tuple[Disk, ...] | None = None) -> list[str]:
        sent = Acknowledged(
            self.document_id,
            self.fact.sha256,
            len(DATA),
            self.fact.sha256 if served == "as it was sent" else served,
        )
        evidence = Evidence(disks or (read_disk(self.root),), entries(self.records), self.views)
        return [f"{fault.invariant}: {fault.seen}" for fault in judge(evidence, [sent])]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    publisher = MemoryPublisher()
    async with an_element(None, tmp_path / "hot") as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
        await relay_all(documents, publisher)
    return World(tmp_path / "hot", publisher.records, encode(an_extract(ticket).message))


def flip(path: Path, at: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_sound_world_has_no_faults(world: World) -> None:
    assert world.judged() == []


def test_a_flipped_bit_in_a_body_is_reported(world: World) -> None:
    flip(world.body)
    assert world.judged() == ["I5: not the bytes that were sealed"]


def test_a_flipped_bit_in_attributes_is_reported(world: World) -> None:
    data = world.attr.read_bytes()
    flip(world.attr, data.index(b"permanent" if b"permanent" in data else b"years-5"))
    assert "I5: seal broken" in world.judged()


def test_attributes_that_cannot_be_read_are_reported(world: World) -> None:
    flip(world.attr)
    assert any(fault.startswith("I5: cannot be read") for fault in world.judged())


def test_a_flipped_bit_in_the_journal_is_reported(world: World) -> None:
    journal = next((world.root / "journal").glob("*.wal"))
    flip(journal, journal.stat().st_size - 10)
    found = world.judged()
    assert "I5: the journal's chain breaks" in found or "I5: a line of the journal cannot be read" in found


def test_a_body_without_attributes_is_reported(world: World) -> None:
    world.body.with_name("stray.txt").write_bytes(b"stray")
    assert world.judged() == ["I2: a body without attributes"]


def test_attributes_without_a_body_are_reported(world: World) -> None:
    world.body.unlink()
    assert world.judged() == ["I3: attributes without a body"]


@pytest.mark.parametrize("folder", ["staging", "trash", "quarantine"])
def test_what_is_left_over_is_reported(world: World, folder: str) -> None:
    (world.root / folder / "left").write_bytes(b"left")
    assert world.judged() == ["I4: left over"]


def test_files_of_what_is_no_document_are_reported(world: World) -> None:
    (world.root / "derived" / f"{new_id(NOW)}.v1.txt").write_bytes(b"text")
    assert world.judged() == ["I4: files of what is no document"]


def test_an_acknowledged_document_that_is_nowhere_is_reported_of_every_source(world: World) -> None:
    world.body.unlink()
    world.attr.unlink()
    world.records = [r for r in world.records if not isinstance(decode(r.value), DocumentCommitted)]
    world.views = Views(sagas=world.views.sagas, decided=world.views.decided)
    lost = [fault for fault in world.judged(served=None) if fault.startswith("I1:")]
    assert lost == [
        "I1: acknowledged, and cannot be read",
        *(f"I1: acknowledged, and nothing in {name}" for name in ("disk", "documents", "log", "versions")),
    ]


def test_other_bytes_served_than_sent_are_reported(world: World) -> None:
    assert world.judged(served="0" * 64) == ["I6: other bytes are served than were sent"]


def test_a_missing_row_is_reported(world: World) -> None:
    world.views = replace(world.views, versions=())
    found = world.judged()
    assert "I1: acknowledged, and nothing in versions" in found
    assert "I7: v1 seq 1 only in ['disk', 'log']" in found


def test_a_row_that_says_something_else_is_reported(world: World) -> None:
    odd = tuple(replace(version, attr_sha256="0" * 64) for version in world.views.versions)
    world.views = replace(world.views, documents=odd, versions=odd)
    assert "I7: v1 seq 1 only in ['views']" in world.judged()


def test_a_document_on_two_disks_is_reported(world: World) -> None:
    disk = read_disk(world.root)
    assert "I8: v1 lies 2 times on disks" in world.judged(disks=(disk, replace(disk, root="vault")))


def test_two_documents_from_one_upload_are_reported(world: World) -> None:
    world.views = replace(world.views, filenames={world.document_id: "Отчёт.txt", "another": "Отчёт.txt"})
    assert world.judged() == ["I8: 2 documents from one upload"]


def test_a_second_and_different_fact_of_one_version_is_reported(world: World) -> None:
    world.records.append(encode(world.fact.model_copy(update={"media_type": "text/html"})))
    assert world.judged() == ["I8: 2 different facts for document version 1"]


def test_the_same_fact_sent_twice_is_no_fault(world: World) -> None:
    world.records.append(encode(world.fact))
    assert world.judged() == []


def test_a_ticket_that_ended_in_two_ways_is_reported(world: World) -> None:
    disk = read_disk(world.root)
    assert list(disk.endings.values()) == [frozenset({"committed"})]
    both = replace(disk, endings={"ticket": frozenset({"committed", "abandoned"})})
    assert world.judged(disks=(both,)) == ["I8: the ticket ended in more than one way: ['abandoned', 'committed']"]


def test_a_saga_that_has_not_ended_is_reported(world: World) -> None:
    del world.records[-1]
    stand = {world.saga: Stand(1, "running")}
    world.views = replace(world.views, sagas=stand, decided=stand)
    assert world.judged() == ["I11: has not ended: running in text"]


def test_a_saga_that_failed_and_left_a_document_is_reported(world: World) -> None:
    world.records[-1] = a_saga(world.fact, 2, "failed")
    stand = {world.saga: Stand(2, "failed")}
    world.views = replace(world.views, sagas=stand, decided=stand)
    assert world.judged() == [f"I11: failed, and {world.document_id} is in the log"]


def test_a_gap_in_a_saga_is_reported(world: World) -> None:
    del world.records[-2]
    assert world.judged() == ["I11: its versions have a gap"]


def test_a_step_that_was_decided_twice_and_differently_is_reported(world: World) -> None:
    world.records.append(a_saga(world.fact, 2, "failed"))
    assert world.judged() == ["I11: the same step of a saga was decided twice, and differently"]


def test_a_command_that_was_never_sent_is_reported(world: World) -> None:
    del world.records[-3]
    assert world.judged() == ["I11: a command that was decided was never sent"]


def test_a_saga_that_the_views_do_not_know_is_reported(world: World) -> None:
    world.views = replace(world.views, sagas={})
    assert world.judged() == ["I7: log has Stand(version=2, status='succeeded'), views None"]


def test_a_request_without_a_saga_is_reported(world: World) -> None:
    world.records.append(encode(an_upload_request()))
    assert world.judged() == ["I11: was asked for and has no saga", "I7: its request is not in the views"]


def test_a_document_without_a_saga_is_reported(world: World) -> None:
    del world.records[-2:]
    world.views = replace(world.views, sagas={}, decided={})
    assert world.judged() == ["I11: a document without a saga"]


def test_a_dead_letter_is_reported(world: World) -> None:
    letter = Entry(f"{SAGA_INBOX}.dlq.v1", 0, 0, b"key", b"poison", "dead letter", {})
    evidence = Evidence((read_disk(world.root),), (*entries(world.records), letter), world.views)
    assert [fault.seen for fault in judge(evidence, ())] == ["a record was given up"]


def test_a_text_that_cannot_be_searched_is_reported(world: World) -> None:
    meta = TextExtracted.meta_for(
        event_id=derive(world.document_id, "text"),
        aggregate_id=world.document_id,
        aggregate_version=1,
        occurred_at=NOW,
        correlation_id=world.saga,
        actor=an_actor(),
        source="agent/hot",
    )
    text = TextExtracted(
        meta=meta,
        document_version=1,
        element_id=world.fact.element_id,
        sha256=world.fact.sha256,
        text_sha256="1" * 64,
        characters=11,
        truncated=False,
    )
    world.records.append(encode(text))
    assert world.judged() == ["I7: the text that the log knows is not in the views"]
    world.views = replace(world.views, texts={(world.document_id, 1): "1" * 64})
    assert world.judged() == []
