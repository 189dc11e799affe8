"""A real agent at its limits: a disk with room for one, and a stop in the middle of an upload."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from infra.runtime.settings import Settings
from infra.runtime.settings_sections import KafkaSettings
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from tests.agents import path_of, some_bytes, until
from tests.integration.agent_program import Agent, about, an_agent
from tests.stacks import free_ports

MEBIBYTE = 1024 * 1024
STOP_SECONDS = 8  # the budget of a stop, half of which is for requests


def may_mount() -> bool:
    """Tell whether this machine lets an ordinary user have a file system in memory of his own."""
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, timeout=20, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="user namespaces or tmpfs are forbidden here")
async def test_of_two_puts_at_once_to_an_element_with_room_for_one_the_second_is_refused_and_keeps_its_ticket(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka, tmpfs_bytes=12 * MEBIBYTE) as agent:
        bodies = [some_bytes(7 * MEBIBYTE, seed) for seed in (1, 2)]
        tickets = [agent.ticket(data, "half.bin") for data in bodies]
        answers = await asyncio.gather(*map(agent.put, tickets, bodies))
        assert sorted(answer.status_code for answer in answers) == [200, 507]
        won = [answer.status_code for answer in answers].index(200)
        refused = answers[1 - won]
        assert (refused.json()["code"], "room" in refused.json()["detail"]) == ("insufficient_storage", True)
        await until(lambda: not any((agent.root / "staging").iterdir()))
        assert (await agent.get(agent.content_url(tickets[won]))).content == bodies[won]
        assert (await agent.get(agent.content_url(tickets[1 - won]))).status_code == 404
        # Full for it, and not for a smaller one; the refused ticket is not spent.
        small = agent.ticket(b"small", "small.txt")
        assert (await agent.put(small, b"small")).status_code == 200
        assert (await agent.put(tickets[1 - won], bodies[1 - won])).status_code == 507
        assert (await agent.put(tickets[won], bodies[won])).json() == answers[won].json()
        await agent.await_told(DocumentCommitted, about(tickets[won]))


async def test_an_agent_whose_outbox_is_full_tells_clients_to_come_back_and_reads_go_on(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka) as agent:
        assert agent.end() == 0
        nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
        alone = Agent(agent.home, nobody, agent.port)
        await alone.start(ARTSTORE_AGENT__OUTBOX_ENTRIES_MAX="3")
        try:
            waiting = [alone.ticket(b"waits", f"{n}.txt") for n in range(5)]
            answers = [await alone.put(ticket, b"waits") for ticket in waiting]
            taken = sum(answer.status_code == 200 for answer in answers)
            # The element's own announcement may be waiting among them.
            assert taken in {2, 3}
            for refused in answers[taken:]:
                assert (refused.status_code, refused.json()["code"]) == (503, "busy")
                assert int(refused.headers["Retry-After"]) > 0
            assert (await alone.get(alone.content_url(waiting[0]))).content == b"waits"
            assert (await alone.put(waiting[0], b"waits")).json() == answers[0].json()
        finally:
            assert alone.end() == 0
        await agent.start()
        for ticket in waiting[:taken]:
            await agent.await_told(DocumentCommitted, about(ticket))
        assert {(await agent.put(ticket, b"waits")).status_code for ticket in waiting} == {200}


class SlowPut:
    """A PUT that sends its body in two halves, over a connection of its own."""

    def __init__(self, agent: Agent, ticket: UploadTicket, data: bytes) -> None:
        self.agent, self.ticket, self.data = agent, ticket, data
        self.half = len(data) // 2

    async def begin(self) -> None:
        """Send the head and the first half, and wait until it lies in staging."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.agent.port)
        head: Mapping[str, object] = {
            "Host": "agent",
            "Content-Length": len(self.data),
            **self.agent.bearer(self.ticket),
        }
        lines = [f"PUT {path_of(self.ticket)} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + self.data[: self.half])
        await self.writer.drain()
        await until(lambda: any((self.agent.root / "staging").iterdir()))

    async def finish(self) -> bytes:
        """Send the rest and return all that is answered."""
        self.writer.write(self.data[self.half :])
        try:
            async with asyncio.timeout(20):
                await self.writer.drain()
                return await self.reader.read()
        finally:
            await self.leave()

    async def leave(self) -> None:
        """Close the connection."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def refuses_connections(agent: Agent) -> bool:
    try:
        await agent.get(f"{agent.url}/health/live")
    except httpx2.ConnectError:
        return True
    return False


async def test_a_stop_lets_an_upload_in_flight_finish_and_takes_no_new_one(servers: Settings, tmp_path: Path) -> None:
    async with an_agent(tmp_path / "home", servers.kafka, ARTSTORE_AGENT__STOP_SECONDS="60") as agent:
        data = some_bytes(3 * MEBIBYTE)
        ticket, late = agent.ticket(data, "in-flight.bin"), agent.ticket(b"late", "late.txt")
        put = SlowPut(agent, ticket, data)
        await put.begin()
        assert agent.process is not None
        agent.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            while not await refuses_connections(agent):  # noqa: ASYNC110 - a port that closes tells nobody
                await asyncio.sleep(0.05)
        with pytest.raises(httpx2.ConnectError):
            await agent.put(late, b"late")
        answer = await put.finish()
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert await asyncio.to_thread(agent.process.wait, 20) == 0
        assert not any((agent.root / "staging").iterdir())
        await agent.start()
        assert (await agent.get(agent.content_url(ticket))).content == data
        await agent.await_told(DocumentCommitted, about(ticket))
        assert (await agent.put(late, b"late")).status_code == 200


async def test_an_upload_that_outlasts_the_budget_of_a_stop_is_cut_and_leaves_nothing(
    servers: Settings, tmp_path: Path
) -> None:
    async with an_agent(tmp_path / "home", servers.kafka, ARTSTORE_AGENT__STOP_SECONDS=str(STOP_SECONDS)) as agent:
        data = some_bytes(3 * MEBIBYTE)
        ticket = agent.ticket(data, "too-slow.bin")
        put = SlowPut(agent, ticket, data)
        await put.begin()
        assert agent.process is not None
        agent.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(agent.process.wait, 2 * STOP_SECONDS) == 0
        assert not any((agent.root / "staging").iterdir())
        assert not any(agent.root.glob(f"2*/**/*{ticket.document_id}*"))
        await put.leave()
        await agent.start()
        assert (await agent.get(agent.content_url(ticket))).status_code == 404
        assert (await agent.put(ticket, data)).status_code == 200
