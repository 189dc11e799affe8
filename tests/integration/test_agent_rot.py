"""A real agent on a drive that rots: it gives no wrong byte, tells what is damaged, and takes back what is mended."""

import signal
from pathlib import Path

import httpx2
import pytest

from infra.runtime.settings import Settings
from schemas.events import DocumentDamaged, DocumentMended, ElementScrubbed, ElementStatus
from schemas.ticket import UploadTicket
from storage_agent.giving import CHECKED_BYTES
from tests.agents import some_bytes, until
from tests.integration.agent_program import Agent, about, an_agent
from tests.taking import files_of, is_materialised

SMALL, LARGE = some_bytes(5000), some_bytes(3 * CHECKED_BYTES)


async def stored(agent: Agent, data: bytes) -> tuple[UploadTicket, Path]:
    """Store a document; return its ticket, and where its body lies once it is in place."""
    ticket = agent.ticket(data, "a.bin")
    assert (await agent.put(ticket, data)).status_code == 200
    await until(lambda: is_materialised(agent.root, ticket.document_id))
    return ticket, files_of(agent.root, ticket.document_id)[0]


def rot(body: Path) -> None:
    data = bytearray(body.read_bytes())
    data[len(data) // 2] ^= 1
    body.write_bytes(data)


async def status_of(agent: Agent, ticket: UploadTicket) -> int:
    return (await agent.get(agent.content_url(ticket))).status_code


async def test_rotten_documents_are_never_given_are_told_and_are_given_again_when_they_were_put_back(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        (small, body), (large, large_body) = await stored(agent, SMALL), await stored(agent, LARGE)
        rot(body)
        rot(large_body)
        with pytest.raises(httpx2.RemoteProtocolError):
            await agent.get(agent.content_url(large))
        assert await status_of(agent, small) == 500
        found_by = set()
        for ticket, data in ((small, SMALL), (large, LARGE)):
            fact, _ = await agent.await_told(DocumentDamaged, about(ticket))
            assert (fact.reason, fact.size) == ("digest", len(data))
            assert (agent.root / "quarantine" / fact.quarantined[0]).stat().st_size == len(data)
            found_by.add(fact.found_by)
        # The other one may have been found because it lies beside the first.
        assert "read" in found_by
        await agent.await_told(ElementStatus, lambda status: status.damaged == 2)
        agent.end(signal.SIGKILL)
        await agent.start()
        assert [await status_of(agent, ticket) for ticket in (small, large)] == [500, 500]
        body.write_bytes(SMALL)
        assert await status_of(agent, small) == 500
        await agent.await_told(DocumentMended, about(small))
        assert await status_of(agent, small) == 200


async def test_the_scrub_finds_what_nobody_reads_and_tells_each_pass(servers: Settings, tmp_path: Path) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        agent.end()
        await agent.start(ARTSTORE_AGENT__SCRUB_PAUSE_SECONDS="0.5")
        (hurt, body), (kept, _) = await stored(agent, SMALL), await stored(agent, SMALL)
        rot(body)
        fact, _ = await agent.await_told(DocumentDamaged, about(hurt))
        assert (fact.reason, fact.found_by) == ("digest", "scrub")
        told, _ = await agent.await_told(ElementScrubbed, lambda scrubbed: scrubbed.damaged == 1)
        assert (told.meta.aggregate_id, told.documents) == (agent.element_id, 2)
        assert await status_of(agent, kept) == 200
