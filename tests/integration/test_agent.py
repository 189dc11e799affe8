"""A real agent process on the real log: what it acknowledges stays, what it cannot do it says."""

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from infra.runtime.settings import Settings
from infra.runtime.settings_sections import KafkaSettings
from infra.runtime.telemetry import trace_id_of
from schemas.events import DocumentCommitted, ElementRegistered, ElementStatus, TextExtracted
from schemas.replies import ContentCommitted, TextFinished, UploadAbandoned, UploadInProgress
from tests.agents import an_abandon_upload, an_extract_text, path_of, sha256, some_bytes, until
from tests.integration.agent_program import Agent, about, an_agent
from tests.stacks import free_ports

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_document_goes_in_its_facts_come_out_and_its_text_follows(servers: Settings, tmp_path: Path) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        data = "Опись дел постоянного хранения".encode("cp1251")
        ticket = agent.ticket(data, "Опись.txt").model_copy(update={"traceparent": TRACEPARENT})
        assert (await agent.put(ticket, data)).status_code == 200
        fact, traceparent = await agent.await_told(
            DocumentCommitted, lambda told: told.meta.aggregate_id == ticket.document_id
        )
        assert (fact.sha256, fact.media_type) == (sha256(data), "text/plain")
        assert trace_id_of(str(traceparent)) == trace_id_of(TRACEPARENT)
        await agent.await_told(ContentCommitted, lambda told: told.ticket_id == ticket.ticket_id)
        await agent.publish(an_extract_text(ticket).message, traceparent)
        text, _ = await agent.await_told(TextExtracted, lambda told: told.meta.aggregate_id == ticket.document_id)
        await agent.await_told(TextFinished, lambda told: told.document_id == ticket.document_id)
        url = f"{agent.url}{path_of(ticket, 'text')}"
        answer = await agent.get(url, {"Authorization": f"Bearer {agent.secret}"})
        assert answer.content == "Опись дел постоянного хранения".encode()
        assert sha256(answer.content) == text.text_sha256
        part = await agent.get(agent.content_url(ticket), {"Range": "bytes=6-9"})
        assert (part.status_code, part.content) == (206, data[6:10])
        status, _ = await agent.await_told(ElementStatus, lambda told: told.meta.aggregate_id == agent.element_id)
        assert status.url == agent.url
        await agent.await_told(ElementRegistered, lambda told: told.meta.aggregate_id == agent.element_id)
        assert agent.end() == 0
        commit = one_span(agent, "commit")
        assert commit["parent_span_id"] == "00f067aa0ba902b7"
        assert len(commit["links"]) == 1


async def test_what_was_answered_outlives_a_kill_and_commands_are_answered_after_it(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        bodies = [some_bytes(50_000, seed) for seed in range(8)]
        tickets = [agent.ticket(data, "a.bin") for data in bodies]
        answers = await asyncio.gather(*map(agent.put, tickets, bodies))
        assert agent.end(signal.SIGKILL) == -signal.SIGKILL
        assert {answer.status_code for answer in answers} == {200}
        abandon = an_abandon_upload(agent.ticket(b"never", "never.txt")).message
        await agent.publish(abandon)
        await agent.start()
        for ticket, data in zip(tickets, bodies, strict=True):
            assert (await agent.get(agent.content_url(ticket))).content == data
        told = {ticket.document_id: await agent.await_told(DocumentCommitted, about(ticket)) for ticket in tickets}
        assert len(told) == len(tickets)
        await agent.await_told(UploadAbandoned, lambda told: told.meta.causation_id == abandon.meta.event_id)


async def test_while_bytes_arrive_an_upload_is_not_given_up_and_a_broken_one_leaves_nothing(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        data = some_bytes(400_000)
        ticket = agent.ticket(data, "slow.bin")
        reader, writer = await asyncio.open_connection("127.0.0.1", agent.port)
        head = [f"PUT {path_of(ticket)} HTTP/1.1", "Host: agent", f"Content-Length: {len(data)}"]
        head += [f"{name}: {value}" for name, value in agent.bearer(ticket).items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + data[:300_000])
        await writer.drain()
        await until(lambda: any((agent.root / "staging").iterdir()))
        await agent.publish(an_abandon_upload(ticket).message)
        told, _ = await agent.await_told(UploadInProgress, lambda told: told.ticket_id == ticket.ticket_id)
        assert told.received_bytes > 0
        writer.close()
        del reader
        await until(lambda: not any((agent.root / "staging").iterdir()))
        assert (await agent.put(ticket, data)).status_code == 200


async def test_an_early_refusal_reaches_a_client_that_is_still_sending(servers: Settings, tmp_path: Path) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        data = some_bytes(6_000_000)
        ticket = agent.ticket(data, "big.bin")
        answer = await asyncio.to_thread(put_all_first, agent, path_of(ticket), data)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b'"code":"invalid_ticket"' in answer.replace(b": ", b":")


async def test_without_the_log_an_agent_starts_reads_and_takes_documents(servers: Settings, tmp_path: Path) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        before = agent.ticket(b"before", "a.txt")
        assert (await agent.put(before, b"before")).status_code == 200
        assert agent.end() == 0
        nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
        alone = Agent(agent.home, nobody, agent.port)
        await alone.start()
        try:
            ready = await alone.get(f"{alone.url}/health/ready")
            assert ready.json()["checks"]["log"].startswith("degraded: ")
            assert (await alone.get(alone.content_url(before))).content == b"before"
            ticket = alone.ticket(b"meanwhile", "b.txt")
            assert (await alone.put(ticket, b"meanwhile")).status_code == 200
        finally:
            assert alone.end() == 0
        await agent.start()
        await agent.await_told(DocumentCommitted, lambda told: told.meta.aggregate_id == ticket.document_id)


@pytest.mark.parametrize("kind", ["java"])
async def test_an_unknown_kind_in_the_policy_keeps_the_agent_from_starting(
    servers: Settings, tmp_path: Path, kind: str
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        assert agent.end() == 0
        with pytest.raises(AssertionError, match="REFUSED_TYPES"):
            await agent.start(ARTSTORE_AGENT__REFUSED_TYPES=f"elf,{kind}")


def put_all_first(agent: Agent, path: str, data: bytes) -> bytes:
    """Send everything before reading anything, as simple clients do."""
    with socket.create_connection(("127.0.0.1", agent.port), timeout=15) as connection:
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: agent\r\nContent-Length: {len(data)}\r\n"
            "Authorization: Bearer forged\r\n\r\n".encode()
        )
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer


def one_span(agent: Agent, name: str) -> dict[str, Any]:
    lines = (agent.home / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    found = [span for span in map(json.loads, lines) if span["name"] == name]
    assert len(found) == 1
    return dict(found[0])
