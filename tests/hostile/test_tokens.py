"""Forged tokens and tickets at the doors of gateway and agent, over their real routes: none is accepted."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from infra.runtime.security import ACCESS_TYPE, TICKET_TYPE, AccessClaims, sign_ticket, sign_token
from schemas.identifiers import DocumentId, ElementId, TicketId, derive, new_id
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket
from tests.agents import SECRET, Plane, a_key, a_plane, path_of
from tests.builders import NOW, a_ticket
from tests.hostile.forgery import Genuine, forgeries
from tests.unit.api_gateway.edge import HOT, Edge, signing_key

ATTACKS_MIN = 40
DATA = b"\x00only this"
PROBLEM = "application/problem+json"


def refused(answer: httpx2.Response) -> bool:
    """Tell whether the door stayed shut for the reason that it must have."""
    return answer.status_code in {401, 403} and answer.headers["Content-Type"] == PROBLEM


async def test_no_forged_token_opens_the_gateway() -> None:
    edge = Edge()
    edge.add_document()
    genuine = Genuine.of(edge.token("administrator"), signing_key(), TICKET_TYPE, HOT.element_id)
    texts = forgeries(genuine) | tickets_as_tokens()
    assert len(texts) >= ATTACKS_MIN
    assert not any(refused(answer) for answer in await asked_at_gateway(edge, genuine.text()))
    before = len(edge.publisher.records)
    accepted = {
        name: [answer.status_code for answer in answers]
        for name, text in texts.items()
        if not all(map(refused, answers := await asked_at_gateway(edge, text)))
    }
    assert accepted == {}
    assert len(edge.publisher.records) == before


def tickets_as_tokens() -> dict[str, str]:
    """Return what the gateway has signed for other doors, and tokens that say nothing or too much about a role."""
    moment, end = NOW, NOW + timedelta(minutes=4)
    upload, download = a_ticket(), a_download(a_ticket())
    who = AccessClaims(subject=derive("eve", "account"), login="eve", full_name="Ева", role="root")
    return {
        "an upload ticket": sign_ticket(signing_key(), upload, moment, end),
        "a download ticket": sign_ticket(signing_key(), download, moment, end),
        "a role that nobody knows": sign_token(signing_key(), who, moment, end),
        "a role in capitals": sign_token(signing_key(), who.model_copy(update={"role": "ADMINISTRATOR"}), moment, end),
        "no role": sign_token(signing_key(), who.model_copy(update={"role": ""}), moment, end),
        "another installation's token": sign_token(signing_key(), who, moment, end, issuer="elsewhere"),
    }


async def asked_at_gateway(edge: Edge, text: str) -> list[httpx2.Response]:
    """Ask every kind of route: lists, one thing, a change, and what leads to bytes."""
    headers = {"Authorization": f"Bearer {text}"}
    document = next(iter(edge.views.documents))
    account = {"login": "mallory", "password": "long enough it is", "full_name": "M", "role": "administrator"}
    asked = [
        *(("GET", f"/api/v1{path}", None) for path in ("/documents", "/elements", "/search?q=опись")),
        *(("GET", f"/api/v1/documents/{document}{rest}", None) for rest in ("", "/content")),
        ("POST", "/api/v1/uploads", {"filename": "a", "size": 1}),
        ("POST", "/api/v1/accounts", account),
    ]
    return [await edge.http.request(method, path, headers=headers, json=body) for method, path, body in asked]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "root") as plane:
        yield plane


def a_download(ticket: UploadTicket, **changes: object) -> DownloadTicket:
    download = DownloadTicket(
        ticket_id=TicketId(new_id(NOW)),
        document_id=ticket.document_id,
        document_version=1,
        element_id=ticket.element_id,
        subject="reader",
    )
    return download.model_copy(update=changes)


async def test_no_forged_ticket_opens_the_agent(plane: Plane) -> None:
    stored = await plane.stored(DATA)
    held, fresh = await plane.leftovers(), plane.ticket(DATA)
    other = new_id(NOW)
    down = Genuine.of(plane.download_ticket(stored), a_key(), ACCESS_TYPE, other)
    up = Genuine.of(plane.signed(fresh), a_key(), ACCESS_TYPE, other)
    readings = forgeries(down) | wrong_downloads(stored, plane.signed(fresh))
    writings = forgeries(up) | wrong_uploads(plane, fresh, plane.download_ticket(stored))
    assert min(len(readings), len(writings)) >= ATTACKS_MIN
    assert not any(map(refused, await asked_to_give(plane, stored, down.text())))

    given = [name for name, text in readings.items() if not all(map(refused, await asked_to_give(plane, stored, text)))]
    taken = [name for name, text in writings.items() if not refused(await plane.put(fresh, DATA, bearer=text))]
    assert (given, taken) == ([], [])
    assert await plane.leftovers() == held
    assert (await plane.put(fresh, DATA, bearer=up.text())).status_code == 200


async def asked_to_give(plane: Plane, stored: UploadTicket, text: str) -> list[httpx2.Response]:
    """Ask for content and attributes, with the ticket in the address and in the header."""
    header = {"Authorization": f"Bearer {text}"}
    return [
        answer
        for what in ("content", "attributes")
        for answer in (
            await plane.client.get(path_of(stored, what), params={"ticket": text}),
            await plane.client.get(path_of(stored, what), headers=header),
        )
    ]


def a_token() -> str:
    who = AccessClaims(subject=derive("anna", "account"), login="anna", full_name="Анна", role="administrator")
    return sign_token(a_key(), who, NOW, NOW + timedelta(minutes=15))


def wrong_downloads(stored: UploadTicket, upload: str) -> dict[str, str]:
    """Return tickets that are genuine and not for this."""
    other = DocumentId(new_id(NOW))

    def signed(minutes: int = 1, **changes: object) -> str:
        return sign_ticket(a_key(), a_download(stored, **changes), NOW, NOW + timedelta(minutes=minutes))

    return {
        "an access token": a_token(),
        "an upload ticket": upload,
        "the secret of programs": SECRET,
        "a ticket for another document": signed(document_id=other),
        "a ticket for another version": signed(document_version=2),
        "a ticket for another element": signed(element_id=ElementId(new_id(NOW))),
        "a ticket of another installation": sign_ticket(
            a_key(), a_download(stored), NOW, NOW + timedelta(minutes=1), issuer="elsewhere"
        ),
        "a ticket that says it is for an upload": signed(use=TicketUse.UPLOAD),
        "a ticket that lives an hour": signed(minutes=60),
    }


def wrong_uploads(plane: Plane, fresh: UploadTicket, download: str) -> dict[str, str]:
    """Return tickets that are genuine and not for this."""

    def signed(hours: int = 1, **changes: object) -> str:
        return sign_ticket(a_key(), fresh.model_copy(update=changes), NOW, NOW + timedelta(hours=hours))

    return {
        "an access token": a_token(),
        "a download ticket": download,
        "a ticket for another document": signed(document_id=DocumentId(new_id(NOW))),
        "a ticket for another version": signed(document_version=2),
        "a ticket for another element": signed(element_id=ElementId(new_id(NOW))),
        "a ticket that says it is for a download": signed(use=TicketUse.DOWNLOAD),
        "a ticket that lives a month": signed(hours=720),
        "a ticket of another installation": sign_ticket(
            a_key(), fresh, plane.clock.now(), NOW + timedelta(hours=1), issuer="elsewhere"
        ),
    }


async def test_a_ticket_or_token_is_no_secret_of_a_program(plane: Plane) -> None:
    stored = await plane.stored(DATA)
    texts = (plane.download_ticket(stored), plane.signed(stored), a_token(), "", SECRET[:-1], f"{SECRET} ")
    asked = [{"Authorization": f"Bearer {text}"} for text in texts[:-1]]
    answers = [await plane.client.get(path_of(stored, "text"), headers=header) for header in asked]
    assert all(map(refused, answers))
