"""Files of a document taken away by hand, and a kill: the agent starts, serves the rest, and says what is gone."""

import signal
from pathlib import Path

from infra.runtime.settings import Settings
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from tests.agents import until
from tests.integration.agent_program import Agent, about, an_agent
from tests.taking import ATTR, BODY, BOTH, DAMAGED, forget_what_followed, is_materialised, take

DATA = b"taken away by hand"


async def answer(agent: Agent, ticket: UploadTicket) -> tuple[int, object]:
    got = await agent.get(agent.content_url(ticket))
    return got.status_code, DATA if got.content == DATA else got.json()["code"]


async def stored(agent: Agent) -> UploadTicket:
    ticket = agent.ticket(DATA, "a.txt")
    assert (await agent.put(ticket, DATA)).status_code == 200
    return ticket


async def test_files_taken_within_the_half_second_behind_a_commit_do_not_keep_a_killed_agent_from_starting(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        kept = await stored(agent)
        for what in (BODY, ATTR, BOTH, DAMAGED):
            taken = await stored(agent)
            body, attr = take(agent.root, taken.document_id, what)
            agent.end(signal.SIGKILL)
            forget_what_followed(agent.root, taken.document_id)
            await agent.start()
            assert await answer(agent, kept) == (200, DATA)
            # Who took the attributes alone left what the commit is finished with.
            assert await answer(agent, taken) == ((200, DATA) if what == ATTR else (500, "body_damaged"))
            assert (attr.exists(), body.exists()) == (True, what == ATTR)
            assert (taken.document_id in said(agent)) == (what != ATTR)
            await agent.await_told(DocumentCommitted, about(taken))
            assert await answer(agent, await stored(agent)) == (200, DATA)


async def test_files_taken_once_the_journal_knows_them_in_place_stay_away_over_a_kill(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        kept = await stored(agent)
        for what, told in ((BODY, (500, "body_damaged")), (ATTR, (404, "not_found")), (BOTH, (404, "not_found"))):
            taken = await stored(agent)
            await until(lambda: is_materialised(agent.root, taken.document_id))  # noqa: B023 - awaited at once
            body, attr = take(agent.root, taken.document_id, what)
            there = (body.exists(), attr.exists())
            for _ in range(2):
                agent.end(signal.SIGKILL)
                await agent.start()
                assert await answer(agent, kept) == (200, DATA)
                assert await answer(agent, taken) == told
                assert (body.exists(), attr.exists()) == there
            await agent.await_told(DocumentCommitted, about(taken))


def said(agent: Agent) -> str:
    lines = (agent.home / "agent.log").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "document_damaged" in line)
