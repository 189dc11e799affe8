"""A text is asked for at the address that leads to its agent from here, which need not be the one clients use."""

import hashlib

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from projections.texts.fetch import AgentTexts
from projections.texts.queries import Wanted

INNER = {"http://127.0.0.1:8081": "http://agent-hot:8081"}


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("http://127.0.0.1:8081", "http://agent-hot:8081"),
        ("http://archive.example:8081", "http://archive.example:8081"),
    ],
)
async def test_the_inner_address_is_used_where_there_is_one(told: str, asked: str) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(f"{request.url.scheme}://{request.url.netloc}")
        return PlainTextResponse("текст")

    app = Starlette(routes=[Route("/documents/d/versions/1/text", answer)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        source = AgentTexts(client, lambda element_id: f"secret of {element_id}", INNER)
        digest = hashlib.sha256("текст".encode()).hexdigest()
        assert await source.fetch(Wanted("d", 1, "e", 1, digest, 1, told)) == "текст"
    assert seen == [asked]
