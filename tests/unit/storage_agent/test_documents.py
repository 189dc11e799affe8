"""Committing documents: one local transaction, its receipt, its attributes, its facts, and who may not."""

import asyncio
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher
from schemas.errors import (
    BodyDamaged,
    Busy,
    DigestMismatch,
    InsufficientStorage,
    InvalidTicket,
    Malformed,
    SealBroken,
    SizeMismatch,
    TooLarge,
    UploadAbandonedError,
    UploadConflict,
)
from schemas.events import DocumentCommitted
from schemas.identifiers import DocumentId, ElementId, TicketId, derive
from schemas.registry import decode
from schemas.replies import ContentCommitted
from schemas.requests import Description
from storage_agent.files import LocalDisk
from storage_agent.settling import Settler
from tests.builders import NOW, a_ticket, an_upload_request
from tests.elements import a_ticket_for, an_element, faults, hours, put, put_in_place, relay_all, stage

DATA = "Ёлка в архиве".encode()
SHA256 = hashlib.sha256(DATA).hexdigest()
TRACE = f"00-{'1' * 32}-{'2' * 16}-01"


async def test_a_committed_document_is_found_byte_for_byte_with_sealed_attributes(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put(documents, ticket, DATA)
        found = documents.find(ticket.document_id, 1)

    assert (receipt.document_id, receipt.version, receipt.size, receipt.sha256) == (
        ticket.document_id,
        1,
        len(DATA),
        SHA256,
    )
    assert found is not None
    assert found.body.read_bytes() == DATA
    assert found.attributes.content.original_filename == "Отчёт.txt"
    assert found.attributes.provenance.created_by == ticket.actor
    assert found.attributes.vclock == {ticket.element_id: 1}
    assert found.attributes.last_event == derive(ticket.ticket_id, "document-committed")
    assert found.attributes.retention.until == found.attributes.provenance.created_at.replace(year=2031)
    assert found.attr == found.attributes.sealed()
    assert faults(LocalDisk(), tmp_path) == []


async def test_fact_and_reply_go_out_in_this_order_with_the_exact_attributes(tmp_path: Path) -> None:
    publisher = MemoryPublisher()
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        file, staged = await stage(documents, ticket, DATA)
        await documents.commit(ticket, staged, "text/plain", TRACE)
        await file.discard()
        found = documents.find(ticket.document_id, 1)
        await relay_all(documents, publisher)

    records = [r for r in publisher.records if not decode(r.value).meta.type.endswith("ElementRegistered")]
    fact, reply = (decode(record.value) for record in records)
    assert found is not None
    assert isinstance(fact, DocumentCommitted)
    assert isinstance(reply, ContentCommitted)
    assert fact.attr == found.attr
    assert fact.meta.aggregate_version == found.attributes.attr_seq == reply.attr_seq == 1
    assert (fact.meta.event_id, fact.meta.correlation_id) == (found.attributes.last_event, ticket.operation_id)
    assert (reply.meta.aggregate_id, reply.meta.causation_id) == (ticket.operation_id, fact.meta.event_id)
    assert [record.headers["traceparent"] for record in records] == [TRACE, TRACE]


async def test_an_empty_file_is_a_document(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, b"", filename="attr.json")
        receipt = await put(documents, ticket, b"")
        found = documents.find(ticket.document_id, 1)

    assert receipt.size == 0
    assert found is not None
    assert found.body.read_bytes() == b""
    assert faults(LocalDisk(), tmp_path) == []


async def test_a_repeated_put_gets_the_stored_receipt_and_other_bytes_a_conflict(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put(documents, ticket, DATA)
        assert documents.admit(ticket) == receipt
        again, staged = await stage(documents, ticket, DATA)
        assert await documents.commit(ticket, staged, "text/plain", None) == receipt
        other, staged = await stage(documents, ticket, bytes(len(DATA)))
        with pytest.raises(UploadConflict):
            await documents.commit(ticket, staged, "text/plain", None)
        await again.discard()
        await other.discard()
    assert faults(LocalDisk(), tmp_path) == []


async def test_of_ten_puts_at_once_the_first_commit_wins_and_equal_bytes_get_its_receipt(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        same = [put(documents, ticket, DATA) for _ in range(5)]
        other = [put(documents, ticket, bytes(len(DATA))) for _ in range(5)]
        outcomes = await asyncio.gather(*same, *other, return_exceptions=True)
        found = documents.find(ticket.document_id, 1)

    assert found is not None
    won = found.attributes.content.sha256
    for outcome, sent in zip(outcomes, [SHA256] * 5 + [hashlib.sha256(bytes(len(DATA))).hexdigest()] * 5, strict=True):
        assert isinstance(outcome, UploadConflict) != (sent == won)
    assert faults(LocalDisk(), tmp_path) == []


async def test_the_receipt_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put(documents, ticket, DATA)
    async with an_element(None, tmp_path) as documents:
        assert documents.admit(ticket) == receipt


async def test_a_spent_ticket_is_forgotten_a_day_after_its_expiry_and_its_document_is_not(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
    clock = ManualClock(ticket.deadline_at_max + timedelta(days=1, seconds=1))
    async with an_element(None, tmp_path, clock) as documents:
        documents.note_refusal(ticket, {})
    async with an_element(None, tmp_path, clock) as documents:
        assert documents._parts.memory.ledger.get(ticket.ticket_id) is None
        with pytest.raises(UploadAbandonedError):
            documents.admit(ticket)
        assert documents.find(ticket.document_id, 1) is not None


async def test_wrong_size_and_digest_are_refused_nothing_is_kept_and_the_ticket_is_not_spent(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA, sha256=SHA256)
        short, staged = await stage(documents, ticket, DATA[:-1])
        with pytest.raises(SizeMismatch):
            await documents.commit(ticket, staged, "text/plain", None)
        wrong, staged = await stage(documents, ticket, bytes(len(DATA)))
        with pytest.raises(DigestMismatch):
            await documents.commit(ticket, staged, "text/plain", None)
        long = await documents.stage(ticket)
        with pytest.raises(SizeMismatch):
            await long.write(DATA + b"!")
        for file in (short, wrong, long):
            await file.discard()
        assert faults(LocalDisk(), tmp_path) == []
        assert (await put(documents, ticket, DATA)).sha256 == SHA256


async def test_a_ticket_for_another_element_a_strange_id_or_a_later_version_is_refused(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        with pytest.raises(InvalidTicket):
            documents.admit(ticket.model_copy(update={"element_id": ElementId(derive("a", "b"))}))
        with pytest.raises(Malformed):
            documents.admit(ticket.model_copy(update={"document_id": DocumentId("../../x")}))
        with pytest.raises(Malformed):
            documents.admit(ticket.model_copy(update={"document_version": 2}))
        with pytest.raises(Malformed):
            await documents.stage(ticket.model_copy(update={"ticket_id": TicketId("../x")}))


async def test_past_the_last_deadline_nothing_is_committed(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        file, staged = await stage(documents, ticket, DATA)
        clock.advance((ticket.deadline_at_max - NOW).total_seconds())
        with pytest.raises(UploadAbandonedError):
            await documents.commit(ticket, staged, "text/plain", None)
        await file.discard()
    assert hours(LocalDisk(), tmp_path) == []


async def test_attributes_beyond_their_limit_are_refused_with_the_name_of_the_group(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        request = an_upload_request(size=len(DATA), description=Description(custom={"x": "y" * 70_000}))
        ticket = a_ticket(request, element_id=documents.identity.element_id)
        with pytest.raises(TooLarge, match="description"):
            await put(documents, ticket, DATA)
    assert faults(LocalDisk(), tmp_path) == []


@pytest.mark.parametrize("value", [2**53 + 1, float("nan"), float("inf")])
async def test_a_number_without_an_exact_form_is_refused_and_nothing_is_kept(tmp_path: Path, value: float) -> None:
    async with an_element(None, tmp_path) as documents:
        request = an_upload_request(size=len(DATA), description=Description(custom={"x": value}))
        with pytest.raises(Malformed, match="2\\^53"):
            await put(documents, a_ticket(request, element_id=documents.identity.element_id), DATA)
    assert faults(LocalDisk(), tmp_path) == []


async def test_an_unknown_retention_class_is_refused(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA).model_copy(update={"retention_class": "a while"})
        with pytest.raises(Malformed, match="retention"):
            documents.admit(ticket)


async def test_while_kafka_is_away_uploads_stop_at_the_bound_and_reads_go_on(tmp_path: Path) -> None:
    settings = AgentSettings(reserve_bytes=0, outbox_entries_max=3)
    async with an_element(None, tmp_path, settings=settings) as documents:
        tickets = [a_ticket_for(documents.identity, DATA) for _ in range(3)]
        for ticket in tickets[:2]:
            await put(documents, ticket, DATA)
        with pytest.raises(Busy) as refused:
            documents.admit(tickets[2])
        assert refused.value.retry_after_seconds
        assert documents.find(tickets[0].document_id, 1) is not None


async def test_room_is_promised_to_every_open_upload_beside_the_reserve(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        free = LocalDisk().free_bytes(tmp_path)
        big = a_ticket_for(documents.identity, DATA).model_copy(update={"size": int(free * 0.7)})
        file = await documents.stage(big)
        with pytest.raises(InsufficientStorage):
            await documents.stage(big.model_copy(update={"ticket_id": TicketId(derive("another", "ticket"))}))
        await file.discard()
        await (await documents.stage(big)).discard()


async def test_a_caller_who_goes_away_does_not_stop_a_commit_that_has_begun(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        file, staged = await stage(documents, ticket, DATA)
        commit = asyncio.create_task(documents.commit(ticket, staged, "text/plain", None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        await file.discard()
    async with an_element(None, tmp_path) as documents:
        assert documents.find(ticket.document_id, 1) is not None
    assert faults(LocalDisk(), tmp_path) == []


async def test_an_end_that_is_cancelled_leaves_no_writer_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settler, "_next_batch", lambda _: [])
    committed = asyncio.Event()

    async def life() -> None:
        async with an_element(None, tmp_path) as documents:
            await put(documents, a_ticket_for(documents.identity, DATA), DATA)
            committed.set()

    living = asyncio.create_task(life())
    await committed.wait()
    await asyncio.sleep(0)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living
    assert {task.get_name() for task in asyncio.all_tasks()} & {"journal", "settler"} == set()


async def test_damage_is_found_on_reading_and_never_served_as_whole(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put_in_place(documents, ticket, DATA)
        found = documents.find(ticket.document_id, 1)
        assert found is not None
        found.body.write_bytes(DATA[:-1])
        with pytest.raises(BodyDamaged):
            documents.find(ticket.document_id, 1)
        attr = found.body.parent / f"{ticket.document_id}.v1.attr.json"
        attr.write_bytes(found.attr.replace(b"text/plain", b"text/paint"))
        with pytest.raises(SealBroken):
            documents.find(ticket.document_id, 1)


async def test_what_was_never_stored_is_not_found(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        assert documents.find(ticket.document_id, 1) is None
        assert documents.find("not an id", 1) is None


async def test_the_plain_file_is_canonical_json_with_the_human_in_it(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
        found = documents.find(ticket.document_id, 1)
    assert found is not None
    written = json.loads(found.attr)
    assert written["provenance"]["created_by"]["full_name"] == "Анна Ёлкина"
    assert written["content"]["relative_path"] == "2026/11/24/10"
    assert list(written) == sorted(written)
