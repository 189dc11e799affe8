"""Ranges and preconditions on a socket: the agent answers the whole table as RFC 9110 says, and nginx is beside it."""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.runtime.settings_sections import KafkaSettings
from tests.agents import some_bytes
from tests.contracts.rfc9110 import nginx
from tests.contracts.rfc9110.asking import Seen, Server
from tests.contracts.rfc9110.nginx_differences import DIFFERENCES, Pair
from tests.contracts.rfc9110.table import EMPTY, LONG, ONE, SHORT, Case, cases
from tests.integration.agent_program import an_agent
from tests.stacks import free_ports

DOCUMENTS = {size: some_bytes(size) for size in (EMPTY, ONE, SHORT, LONG)}
# Up to here the agent knows what it sends before it begins.
KNOWN_BYTES = 2**20


@asynccontextmanager
async def agent_server(home: Path) -> AsyncIterator[Server]:
    """Yield an agent with the documents, in a process of its own. It needs no log for this."""
    nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    async with an_agent(home, nobody, log_is_there=False) as agent:
        tickets = {size: agent.ticket(data, f"{size}.bin") for size, data in DOCUMENTS.items()}
        for size, ticket in tickets.items():
            assert (await agent.put(ticket, DOCUMENTS[size])).status_code == 200
        paths = {size: agent.content_url(ticket).removeprefix(agent.url) for size, ticket in tickets.items()}
        server = Server(agent.port, paths, DOCUMENTS)
        yield server
        server.close()


@pytest.fixture
def nginx_server(tmp_path: Path) -> Iterator[Server]:
    """Yield nginx with the documents as files, changed a while ago."""
    if nginx.program() is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light): nothing to compare the agent with")
    files = tmp_path / "files"
    files.mkdir()
    for size, data in DOCUMENTS.items():
        (files / str(size)).write_bytes(data)
        os.utime(files / str(size), (time.time() - 9,) * 2)
    with nginx.running_nginx(tmp_path / "nginx", files) as port:
        server = Server(port, {size: f"/{size}" for size in DOCUMENTS}, DOCUMENTS)
        yield server
        server.close()


async def test_the_agent_answers_every_request_of_the_table_as_the_rfc_says(tmp_path: Path) -> None:
    async with agent_server(tmp_path / "home") as server:
        wrong = await asyncio.to_thread(lambda: [case for case in cases() if not right(server, case)])
    assert wrong == []


def test_nginx_differs_from_the_rfc_only_as_is_written_down(nginx_server: Server) -> None:
    pairs = [pair for pair in (pair_of(nginx_server, case) for case in cases()) if pair.expected != pair.got]
    explained = {difference for pair in pairs for difference in DIFFERENCES if difference.explains(pair)}
    assert [pair for pair in pairs if not any(difference.explains(pair) for difference in DIFFERENCES)] == []
    assert explained == set(DIFFERENCES)


def right(server: Server, case: Case) -> bool:
    """Whether status, bytes and fields are the expected ones."""
    seen, document = server.ask(case), DOCUMENTS[case.size]
    assert fields_are_right(seen, document), (case, seen.status, seen.fields)
    return seen.answer(document) == server.expected(case)


def fields_are_right(seen: Seen, document: bytes) -> bool:
    """Whether the answer has what section 15 asks for at its status, and the digests of RFC 9530."""
    fields = seen.fields
    if seen.status == 416:
        return fields["content-range"] == f"bytes */{len(document)}"
    if seen.status == 412:
        return "content-range" not in fields
    kept = (
        fields["etag"] == f'"sha256:{hashlib.sha256(document).hexdigest()}"' and "immutable" in fields["cache-control"]
    )
    if seen.status == 304:
        return kept and not fields.keys() & {"content-type", "content-range", "repr-digest", "last-modified"}
    content_digest = None if seen.method == "HEAD" or len(seen.content) > KNOWN_BYTES else digest(seen.content)
    if seen.method == "GET" and seen.content == document:
        content_digest = digest(document)
    lengths = {"GET": len(seen.content), "HEAD": len(document)}
    return (
        kept
        and fields["repr-digest"] == digest(document)
        and fields.get("content-digest") == content_digest
        and int(fields["content-length"]) == lengths[seen.method]
        and fields["accept-ranges"] == "bytes"
        and "last-modified" in fields
    )


def pair_of(server: Server, case: Case) -> Pair:
    lines = case.filled(server.resource(case.size))
    return Pair(
        case.method,
        case.size,
        dict(lines),
        len(lines) > len(dict(lines)),
        server.expected(case),
        server.ask(case).answer(DOCUMENTS[case.size]),
        datetime.now(UTC),
    )


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
