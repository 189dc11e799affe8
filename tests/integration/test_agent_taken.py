"""Files of a document taken away by hand, and a kill: the agent starts, serves the rest, and says what is gone."""

import signal
from pathlib import Path

import pytest

from infra.runtime.settings import Settings
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from storage_agent.staging import SMALL_BYTES
from tests.agents import until
from tests.integration.agent_program import Agent, about, an_agent
from tests.taking import ATTR, BODY, BOTH, DAMAGED, forget_what_followed, is_materialised, take

SMALL = b"taken away by hand"
LARGE = SMALL * (SMALL_BYTES // len(SMALL) + 1)


async def answer(agent: Agent, ticket: UploadTicket) -> tuple[int, object]:
    got = await agent.get(agent.content_url(ticket))
    return got.status_code, got.content if got.content in {SMALL, LARGE} else got.json()["code"]


async def stored(agent: Agent, data: bytes) -> UploadTicket:
    """Put a document and wait until its files lie in place."""
    ticket = agent.ticket(data, "a.txt")
    assert (await agent.put(ticket, data)).status_code == 200
    await until(lambda: any(agent.root.glob(f"2*/*/*/*/{ticket.document_id}.v1.attr.json")))
    return ticket


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_files_taken_within_the_half_second_behind_a_commit_do_not_keep_a_killed_agent_from_starting(
    servers: Settings, tmp_path: Path, data: bytes
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        kept = await stored(agent, data)
        for what in (BODY, ATTR, BOTH, DAMAGED):
            taken = await stored(agent, data)
            body, attr = take(agent.root, taken.document_id, what)
            agent.end(signal.SIGKILL)
            forget_what_followed(agent.root, taken.document_id)
            await agent.start()
            assert await answer(agent, kept) == (200, data)
            # The commit is finished with what there is: attributes, and a small body, stand in the journal.
            is_there = what == ATTR or data == SMALL
            assert await answer(agent, taken) == ((200, data) if is_there else (500, "body_damaged"))
            assert (attr.exists(), body.exists()) == (True, is_there)
            assert (taken.document_id in said(agent)) == (not is_there)
            await agent.await_told(DocumentCommitted, about(taken))
            assert await answer(agent, await stored(agent, data)) == (200, data)


async def test_files_taken_once_the_journal_knows_them_in_place_stay_away_over_a_kill(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        kept = await stored(agent, SMALL)
        for what, told in ((BODY, (500, "body_damaged")), (ATTR, (404, "not_found")), (BOTH, (404, "not_found"))):
            taken = await stored(agent, SMALL)
            await until(lambda: is_materialised(agent.root, taken.document_id))  # noqa: B023 - awaited at once
            body, attr = take(agent.root, taken.document_id, what)
            there = (body.exists(), attr.exists())
            for _ in range(2):
                agent.end(signal.SIGKILL)
                await agent.start()
                assert await answer(agent, kept) == (200, SMALL)
                assert await answer(agent, taken) == told
                assert (body.exists(), attr.exists()) == there
            await agent.await_told(DocumentCommitted, about(taken))


def said(agent: Agent) -> str:
    lines = (agent.home / "agent.log").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "document_damaged" in line)
