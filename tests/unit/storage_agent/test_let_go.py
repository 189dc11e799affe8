"""Answers of commits that memory has let go: nobody who asks again is told otherwise."""

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.api.uploads import Receipt
from storage_agent import memory
from storage_agent.ledger import AbandonedAnswer, Answer, CommittedAnswer, Ledger, expiry
from tests.agents import Plane, a_plane, some_bytes
from tests.builders import NOW, a_ticket, an_upload_request
from tests.resuming import ask, create, resting

ELF = b"\x7fELF" + bytes(60)


@pytest.fixture(autouse=True)
def _keeps_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "COMMITTED_KEPT", 1)


def committed(number: int) -> CommittedAnswer:
    expires_at = NOW + timedelta(minutes=number)
    receipt = Receipt(document_id=f"d{number}", version=1, size=number, sha256="0" * 64)
    return CommittedAnswer(ticket_id=f"t{number}", expires_at=expires_at, receipt=receipt)


def test_of_commits_the_newest_are_kept_and_of_everything_else_all() -> None:
    abandoned = AbandonedAnswer(ticket_id="given up", expires_at=NOW)
    ledger = Ledger([abandoned, *map(committed, range(5))])
    ledger.let_go(2, held={"t1"})
    assert [answer.ticket_id for answer in ledger.answers()] == ["given up", "t1", "t3", "t4"]
    assert ledger.let_go_until == NOW + timedelta(minutes=2)


def test_only_of_tickets_that_last_no_longer_than_what_was_let_go_anything_is_unknown() -> None:
    ticket = a_ticket(an_upload_request())

    def of(answer: Answer) -> Ledger:
        ledger = Ledger([answer])
        ledger.let_go(0, held=())
        return ledger

    other = committed(0).model_copy(update={"expires_at": expiry(ticket)})
    assert of(other).may_have_let_go(ticket)
    assert not of(other.model_copy(update={"expires_at": expiry(ticket) - timedelta(seconds=1)})).may_have_let_go(
        ticket
    )
    known = of(other)
    known.record(other.model_copy(update={"ticket_id": ticket.ticket_id}))
    assert not known.may_have_let_go(ticket)
    assert not Ledger().may_have_let_go(ticket)


async def test_a_commit_that_was_let_go_is_answered_as_before_whatever_comes(tmp_path: Path) -> None:
    data = some_bytes(3000)
    async with a_plane(tmp_path / "hot") as plane:
        tickets = [plane.ticket(data) for _ in range(3)]
        answers = [await plane.put(ticket, data) for ticket in tickets]
        assert {answer.status_code for answer in answers} == {200}
    first, receipt = tickets[0], answers[0].json()
    async with a_plane(tmp_path / "hot") as plane:
        assert not is_known(plane, first.ticket_id)
        assert (await plane.put(first, ELF.ljust(3000))).status_code == 409
        assert (await plane.put(first, data)).json() == receipt
        assert is_known(plane, first.ticket_id)
    async with a_plane(tmp_path / "hot") as plane:
        assert not is_known(plane, first.ticket_id)
        head = await ask(plane, first, "HEAD")
        assert (head.status_code, head.headers["Upload-Offset"]) == (200, "3000")
        assert (await create(plane, first)).headers["ETag"] == answers[0].headers["ETag"]
        assert resting(plane) == []
    async with a_plane(tmp_path / "hot", mode="ro") as plane:
        assert not is_known(plane, first.ticket_id)
        assert (await plane.put(first, data)).json() == receipt
        assert (await plane.get(first)).content == data


def is_known(plane: Plane, ticket_id: str) -> bool:
    return plane.documents._parts.memory.ledger.get(ticket_id) is not None
