"""A slice of the campaign of requests, and proof that what it looks for would be seen."""

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import httpx2
import pytest

from storage_agent.layout import Folders
from storage_agent.resting import PROGRESS, Progress
from tests.answers import Answer, NotAnAnswerError, fault, read_answer
from tests.builders import NOW, a_ticket, an_upload_request
from tests.campaigns.fuzzing import Canary, Tally, Understood, batch, throw
from tests.campaigns.mutating import Shape, gently_mutated, mutated
from tests.campaigns.requests import Bounds, complaints, failed, files, one
from tests.campaigns.rests import Rests
from tests.campaigns.seeds import body_of, filled, seeds

if TYPE_CHECKING:
    from tests.integration.agent_program import Agent

SEED = 6
REQUESTS = 4000
SECONDS = 20.0
PROBLEM = {"content-type": "application/problem+json"}


@pytest.mark.timeout(300)
async def test_thousands_of_mutated_requests_are_all_answered_and_do_no_harm(tmp_path: Path) -> None:
    campaign, wrong = await one(tmp_path, SEED, Bounds(REQUESTS, SECONDS))
    assert (dict(campaign.tally.kinds), wrong) == ({}, [])
    assert {200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 409, 411, 412, 416} <= set(campaign.tally.statuses)
    assert campaign.tally.canaries > 0


def test_batches_are_drawn_from_the_seed_and_their_number_alone() -> None:
    requests = list(seeds().values())
    assert batch(7, 3, requests) == batch(7, 3, requests)
    assert len({b"".join(batch(7, number, requests)) for number in range(200)}) == 200


def test_a_request_comes_apart_and_together_again_and_mutations_change_it() -> None:
    chance = random.Random(SEED)  # noqa: S311 - a seed, not a secret
    every = list(seeds().values())
    assert [Shape.of(seed).wire() for seed in every] == every
    assert sum(mutated(chance, seed, every) != seed for seed in every) > len(every) * 0.9
    read = [Understood.of(gently_mutated(chance, seeds()["get"])).complete for _ in range(200)]
    assert sum(read) > 100, "hardly any gentle mutation leaves a request that can be read"


def test_places_are_filled_and_an_unknown_one_is_an_error() -> None:
    assert filled(b"<<a b>> <<3 bytes>>", {"a b": "c"}) == b"c " + body_of(3)
    with pytest.raises(KeyError):
        filled(b"<<nobody knows>>", {})


@pytest.mark.parametrize(
    ("answer", "method", "wrong"),
    [
        (Answer(200, {}, b""), "GET", False),
        (Answer(500, {}, b""), "HEAD", True),
        (Answer(503, PROBLEM, b'{"status":503,"code":"busy"}'), "GET", False),
        (Answer(503, {}, b"busy"), "GET", True),
        (Answer(404, PROBLEM, b'{"status":404,"code":"not_found"}'), "GET", False),
        (Answer(404, PROBLEM, b'{"status":400,"code":"not_found"}'), "GET", True),
        (Answer(404, PROBLEM, b"{"), "GET", True),
        (Answer(400, {"content-type": "text/plain"}, b"no"), "GET", True),
        (Answer(400, {"content-type": "text/plain"}, b""), "HEAD", False),
    ],
)
def test_a_fault_is_told_from_a_refusal(answer: Answer, method: str, wrong: bool) -> None:  # noqa: FBT001
    assert (fault(answer, method) is not None) == wrong


async def test_answers_are_read_one_by_one_in_every_form_that_a_body_may_have() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\nrubbish\r\n\r\n"
    )
    reader.feed_eof()
    bodies = [answer.body for method in ("GET", "HEAD", "GET", "GET") if (answer := await read_answer(reader, method))]
    assert bodies == [b"ab", b"", b"", b"abc"]
    with pytest.raises(NotAnAnswerError):
        await read_answer(reader, "GET")
    assert await read_answer(reader, "GET") is None


async def test_an_agent_that_hangs_breaks_off_or_lies_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.campaigns.fuzzing.HANG_SECONDS", 0.2)
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    tally, liars = Tally(), list[asyncio.Task[None]]()

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = (await reader.readuntil(b"\r\n\r\n"))[5:6]
        says = {
            b"f": b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
            b"b": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na",
        }
        writer.write(says.get(told, b""))
        if told == b"h":
            await reader.read()
        writer.close()
        await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        liars.append(asyncio.ensure_future(lie(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for number, what in enumerate((b"/h", b"/f", b"/b", b"/closed")):
            await throw(port, number, [request.replace(b"/ ", what + b" ", 1)], tally)
        await Canary(port, lambda: (request, b"right"), tally).once()
        await asyncio.gather(*liars, return_exceptions=True)
    assert [finding.number for finding in tally.findings] == [0, 1, 2, 3, -1]
    assert tally.answered == 2
    assert tally.closed > 0


def test_what_lies_astray_or_is_complained_of_is_told(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    log.write_text('{"event": "request", "level": "info"}\n{"event": "e", "level": "error"}\nTraceback\n')
    assert len(list(complaints(log))) == 2
    assert list(failed('artstore_http_requests_total{method="GET",status="500"} 1.0\n# x\n')) != []
    assert list(failed('artstore_http_requests_total{method="GET",status="503"} 1.0\n')) == []
    (tmp_path / "made").touch()
    assert files(tmp_path) == {"made"}


def test_files_among_the_uploads_that_belong_to_none_are_told(tmp_path: Path) -> None:
    folder = Folders(tmp_path).uploads
    folder.mkdir()
    ticket, other = (a_ticket(an_upload_request(filename="a.bin", size=1, now=NOW)) for _ in range(2))
    for each in (ticket, other):
        progress = Progress(upload_id=each.ticket_id, ticket=each, is_part=False, size=1, kept=0, sha256=None)
        (folder / f"{each.ticket_id}{PROGRESS}").write_text(progress.model_dump_json(), encoding="utf-8")
    (folder / "stray").touch()
    rests = Rests(cast("Agent", SimpleNamespace(root=tmp_path)), httpx2.AsyncClient())
    assert sorted(rests.left({ticket.document_id: ticket})) == sorted([f"{other.ticket_id}{PROGRESS}", "stray"])
    assert rests.most == 3
