"""Giving an upload up: only the agent decides, under the document's lock, and every order of a race has one end."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from producers.publisher import MemoryPublisher
from schemas.envelope import Message
from schemas.errors import Malformed, TypeRefused, UploadAbandonedError, UploadConflict
from schemas.events import DocumentCommitted, TextExtracted
from schemas.identifiers import derive
from schemas.registry import decode
from schemas.replies import ContentCommitted, TextFinished, UploadAbandoned, UploadInProgress, UploadRefused
from storage_agent.documents import Documents
from storage_agent.files import LocalDisk
from tests.builders import NOW
from tests.elements import (
    a_ticket_for,
    an_abandon,
    an_element,
    an_extract,
    faults,
    hours,
    put,
    put_in_place,
    relay_all,
    stage,
)

DATA = b"bytes of a document"
PROBLEM = {"code": "digest_mismatch", "detail": "other bytes"}


def told(documents: Documents) -> list[Message]:
    """Return what waits in the outbox behind the element's own announcement."""
    waiting = documents._parts.memory.waiting.values()
    return [decode(record.value) for entry in waiting for record in entry.records][1:]


async def test_an_upload_without_bytes_is_given_up_durably_and_later_puts_are_refused(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        documents.note_refusal(ticket, PROBLEM)
        command = an_abandon(ticket)
        assert await documents.accept_command(command)
        await documents.abandon(command)
        (reply,) = told(documents)
        assert documents.pending_commands() == []
    assert isinstance(reply, UploadAbandoned)
    assert json.loads(reply.last_refusal or "") == PROBLEM
    assert (reply.meta.causation_id, reply.meta.aggregate_id) == (command.message.meta.event_id, ticket.operation_id)
    async with an_element(None, tmp_path) as documents:
        with pytest.raises(UploadAbandonedError):
            documents.admit(ticket)
        file, staged = await stage(documents, ticket, DATA)
        with pytest.raises(UploadAbandonedError):
            await documents.commit(ticket, staged, "text/plain", None)
        await file.discard()
    assert faults(LocalDisk(), tmp_path) == []


async def test_while_bytes_arrive_the_upload_goes_on(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        file = await documents.stage(ticket)
        await file.write(DATA[:5])
        clock.advance(14)
        first, second = an_abandon(ticket), an_abandon(ticket, n=1, offset=1)
        for command in (first, second):
            await documents.accept_command(command)
            await documents.abandon(command)
        replies = told(documents)
        await file.write(DATA[5:])
        await documents.commit(ticket, await file.finish(), "text/plain", None)
    assert all(isinstance(reply, UploadInProgress) and reply.received_bytes == 5 for reply in replies)
    assert len({reply.meta.event_id for reply in replies}) == 2


@pytest.mark.parametrize("silence", [15.1, None])
async def test_bytes_that_stopped_or_outlived_the_last_deadline_do_not_hold_it(
    tmp_path: Path, silence: float | None
) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        if silence is None:
            ticket = ticket.model_copy(update={"deadline_at_max": NOW})
        file = await documents.stage(ticket)
        await file.write(DATA[:5])
        clock.advance(silence or 0)
        command = an_abandon(ticket)
        await documents.accept_command(command)
        await documents.abandon(command)
        assert isinstance(told(documents)[-1], UploadAbandoned)
        assert faults(LocalDisk(), tmp_path) == []
        with pytest.raises(UploadAbandonedError):
            await file.write(DATA[5:])
        await file.discard()


async def test_an_abandon_after_the_commit_is_answered_with_the_commit(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put(documents, ticket, DATA)
        command = an_abandon(ticket)
        await documents.accept_command(command)
        await documents.abandon(command)
        fact, first, again = told(documents)
        assert documents.admit(ticket) == receipt
    assert isinstance(fact, DocumentCommitted)
    assert isinstance(first, ContentCommitted)
    assert again == first


@pytest.mark.parametrize("abandon_first", [True, False])
async def test_an_abandon_that_races_a_commit_has_one_winner_in_both_orders(
    tmp_path: Path, *, abandon_first: bool
) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        _, staged = await stage(documents, ticket, DATA)
        clock.advance(20)
        command = an_abandon(ticket)
        await documents.accept_command(command)
        abandon = documents.abandon(command)
        commit = documents.commit(ticket, staged, "text/plain", None)
        racers = (abandon, commit) if abandon_first else (commit, abandon)
        outcomes = await asyncio.gather(*racers, return_exceptions=True)
        kinds = [type(message) for message in told(documents)]
        found = documents.find(ticket.document_id, 1)
    if abandon_first:
        assert kinds == [UploadAbandoned]
        assert found is None
        assert isinstance(outcomes[1], UploadAbandonedError)
        assert hours(LocalDisk(), tmp_path) == []
    else:
        assert kinds == [DocumentCommitted, ContentCommitted, ContentCommitted]
        assert found is not None
    assert faults(LocalDisk(), tmp_path) == []


async def test_a_refusal_by_policy_is_durable_told_once_and_answers_an_abandon(tmp_path: Path) -> None:
    error, problem = TypeRefused("ELF is refused here."), {"code": "type_refused", "detail": "ELF is refused here."}
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        file, staged = await stage(documents, ticket, DATA)
        await documents.refuse(ticket, error, problem, None)
        with pytest.raises(TypeRefused):
            await documents.refuse(ticket, error, problem, None)
        with pytest.raises(TypeRefused):
            await documents.commit(ticket, staged, "text/plain", None)
        await file.discard()
    async with an_element(None, tmp_path) as documents:
        with pytest.raises(TypeRefused, match="ELF"):
            documents.admit(ticket)
        command = an_abandon(ticket)
        await documents.accept_command(command)
        await documents.abandon(command)
        first, again = told(documents)
    assert isinstance(first, UploadRefused)
    assert isinstance(again, UploadRefused)
    assert (first.meta.event_id, first.code, json.loads(first.problem)) == (again.meta.event_id, again.code, problem)
    assert hours(LocalDisk(), tmp_path) == []


async def test_a_committed_ticket_cannot_be_refused_any_more(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
        with pytest.raises(UploadConflict):
            await documents.refuse(ticket, TypeRefused(), {}, None)


async def test_a_command_is_journalled_once_survives_a_restart_and_is_answered_once(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        command = an_abandon(ticket, offset=41)
        assert documents.command_offset(3) is None
        assert await documents.accept_command(command)
        assert not await documents.accept_command(an_abandon(ticket, offset=42))
    async with an_element(None, tmp_path) as documents:
        assert documents.command_offset(3) == 43
        assert documents.pending_commands() == [command]
        await documents.abandon(command)
        await documents.abandon(command)
        assert len(told(documents)) == 1
        assert not await documents.accept_command(command)


async def test_a_text_is_told_as_fact_and_reply_and_its_command_is_done(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        receipt = await put(documents, ticket, DATA)
        command = an_extract(ticket)
        await documents.accept_command(command)
        fact, reply = a_text(ticket.document_id, documents, receipt.sha256, ticket.operation_id)
        await documents.record_text(command, fact, reply)
        await documents.record_text(command, fact, reply)
        assert told(documents)[2:] == [fact, reply]
        assert documents.pending_commands() == []
        with pytest.raises(Malformed):
            await documents.abandon(command)


async def test_a_record_that_leads_to_no_work_moves_the_offset(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        documents.pass_over(an_abandon(a_ticket_for(documents.identity, DATA), offset=9).position)
    async with an_element(None, tmp_path) as documents:
        assert documents.command_offset(3) == 10


def a_text(
    document_id: str, documents: Documents, sha256: str, operation_id: str
) -> tuple[TextExtracted, TextFinished]:
    actor = documents.identity
    meta = TextExtracted.meta_for(
        event_id=derive(document_id, "text"),
        aggregate_id=document_id,
        aggregate_version=1,
        occurred_at=NOW + timedelta(seconds=1),
        correlation_id=operation_id,
        actor=an_abandon(a_ticket_for(actor, DATA)).message.meta.actor,
        source="agent/hot",
    )
    fact = TextExtracted(
        meta=meta,
        document_version=1,
        element_id=actor.element_id,
        sha256=sha256,
        text_sha256=sha256,
        characters=19,
        truncated=False,
    )
    finished = TextFinished.meta_for(
        event_id=derive(document_id, "text-finished"),
        aggregate_id=operation_id,
        occurred_at=NOW + timedelta(seconds=1),
        correlation_id=operation_id,
        actor=meta.actor,
        source="agent/hot",
    )
    return fact, TextFinished.model_validate(
        {"meta": finished, "document_id": document_id, "document_version": 1, "text_version": 1, "available": True}
    )


async def test_a_commit_whose_body_is_damaged_since_is_still_answered_as_committed(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put_in_place(documents, ticket, DATA)
        found = documents.find(ticket.document_id, 1)
        assert found is not None
        LocalDisk().unlink(found.body)
        command = an_abandon(ticket)
        await documents.accept_command(command)
        await documents.abandon(command)
        assert isinstance(told(documents)[-1], ContentCommitted)


async def test_damaged_attributes_of_one_document_leave_its_saga_asking_and_the_element_at_work(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put_in_place(documents, ticket, DATA)
        (path,) = tmp_path.rglob("*.attr.json")  # noqa: ASYNC240 - a test waits for nobody
        path.write_bytes(path.read_bytes().replace(b'"size"', b'"sise"'))
        command = an_abandon(ticket)
        before = told(documents)
        await documents.accept_command(command)
        await documents.abandon(command)
        assert told(documents) == before
        assert documents.pending_commands() == []
        publisher = MemoryPublisher()
        await relay_all(documents, publisher)
        assert documents.outbox.length == 0
