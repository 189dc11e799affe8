"""Kills of the whole program: eight clients over HTTP, who believe an answer when they have read it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx2

from infra.runtime.settings_sections import KafkaSettings
from schemas.ticket import UploadTicket
from tests.agents import path_of
from tests.campaigns.case import Case
from tests.campaigns.deeds import ENDINGS, NAMES
from tests.campaigns.drawing import ELF
from tests.campaigns.evidence import Fault
from tests.campaigns.nursery import Nursery
from tests.campaigns.orders import Order, body_of
from tests.campaigns.tally import Tally
from tests.integration.agent_program import Agent, prepare_home

CLIENTS = 8
# Nobody listens there: an agent starts without the log, and keeps what it has to tell.
NO_LOG = "127.0.0.1:1"
START_SECONDS = 120.0
ANSWER_SECONDS = 10.0
WORKING_SECONDS = 0.3
PAUSE_SECONDS = 0.02
BY_CODE = {kind.code: how for kind, how in ENDINGS.items()}
KILLED = -9


class BrokenOff(Exception):
    """The client goes away in the middle of its bytes."""


class Storm:
    """Strikes one root's program again and again."""

    def __init__(self, case: Case, nursery: Nursery, tally: Tally) -> None:
        self._case = case
        self._nursery = nursery
        self._tally = tally
        self._dice = case.dice
        self._agent = Agent(case.root.parents[1], KafkaSettings(bootstrap_servers=NO_LOG))
        self._held: list[UploadTicket] = []
        self._over = False
        self._answered = asyncio.Event()
        self._verbs: Mapping[Callable[[httpx2.AsyncClient], Awaitable[None]], int] = {
            self._whole: 45,
            self._again: 12,
            self._two_at_once: 12,
            self._refused: 8,
            self._broken_off: 8,
            self._read: 15,
        }

    def strike(self, kills: int) -> None:
        """Start, storm, kill and examine, so many times."""
        prepare_home(self._agent.home)
        for _ in range(kills):
            asyncio.run(self._once())
            if self._case.examine():
                return

    async def _once(self) -> None:
        self._over, self._answered = False, asyncio.Event()
        order = Order(root=str(self._case.root), program=self._agent.variables)
        # What the program itself says goes to its log; nobody is told anything but by an answer.
        await asyncio.to_thread(self._nursery.begin, order)
        async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
            writers = [asyncio.create_task(self._write(client)) for _ in range(CLIENTS)]
            early = await self._instant()
            status = await asyncio.to_thread(self._nursery.kill)
            self._over = True
            # Answers that are on their way already count as well.
            await asyncio.gather(*writers)
        if status != KILLED:
            self._case.witness.faults.append(Fault("agent", "the program", f"ended with {status} before it was killed"))
        self._tally.of_program += 1
        self._tally.died(early=early)

    async def _instant(self) -> bool:
        """Wait for the moment of the kill; tell whether that is in the start."""
        if self._dice.random() < 0.25:
            await asyncio.sleep(self._dice.uniform(0.3, 1.5))
            return not self._answered.is_set()
        async with asyncio.timeout(START_SECONDS):
            await self._answered.wait()
        await asyncio.sleep(self._dice.uniform(0, WORKING_SECONDS))
        return False

    async def _write(self, client: httpx2.AsyncClient) -> None:
        while not self._over:
            try:
                if not (self._case.root / "element.json").exists():
                    raise httpx2.ConnectError("There is no element yet.")
                (verb,) = self._dice.choices(list(self._verbs), list(self._verbs.values()))
                await verb(client)
            except httpx2.TransportError:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _whole(self, client: httpx2.AsyncClient) -> None:
        await self._put(client, self._begun())

    async def _again(self, client: httpx2.AsyncClient) -> None:
        ticket = self._begun()
        await self._put(client, ticket)
        await self._put(client, ticket, self._dice.choice((0, 1)))

    async def _two_at_once(self, client: httpx2.AsyncClient) -> None:
        ticket = self._begun()
        await asyncio.gather(self._put(client, ticket), self._put(client, ticket, self._dice.choice((0, 1))))

    async def _refused(self, client: httpx2.AsyncClient) -> None:
        ticket = self._begun(at_least=len(ELF))
        await self._send(client, ticket, ELF + bytes(ticket.size - len(ELF)))

    async def _broken_off(self, client: httpx2.AsyncClient) -> None:
        ticket = self._begun(at_least=4096)

        async def half() -> AsyncIterator[bytes]:
            yield body_of(ticket.document_id, ticket.size)[: ticket.size // 2]
            await asyncio.sleep(self._dice.random() * 0.01)
            raise BrokenOff

        headers = {**self._agent.bearer(ticket), "Content-Length": str(ticket.size)}
        try:
            await client.put(f"{self._agent.url}{path_of(ticket)}", content=half(), headers=headers)
        except BrokenOff:
            return

    async def _read(self, client: httpx2.AsyncClient) -> None:
        if not self._held:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        ticket = self._dice.choice(self._held)
        answer = await client.get(self._agent.content_url(ticket))
        right = [body_of(ticket.document_id, ticket.size, variant) for variant in (0, 1)]
        is_right = answer.status_code == httpx2.codes.OK and answer.content in right
        self._case.witness.hear({"told": "served", "document_id": ticket.document_id, "right": is_right})

    async def _put(self, client: httpx2.AsyncClient, ticket: UploadTicket, variant: int = 0) -> None:
        await self._send(client, ticket, body_of(ticket.document_id, ticket.size, variant))

    async def _send(self, client: httpx2.AsyncClient, ticket: UploadTicket, data: bytes) -> None:
        answer = await client.put(
            f"{self._agent.url}{path_of(ticket)}", content=data, headers=self._agent.bearer(ticket)
        )
        self._answered.set()
        told = answer.json()
        if answer.status_code == httpx2.codes.OK:
            receipt = {"sha256": told["sha256"], "size": told["size"]}
            self._case.witness.hear({"told": "ended", "ticket_id": ticket.ticket_id, "how": "committed", **receipt})
            self._held.append(ticket)
        elif told["code"] in BY_CODE:
            self._case.witness.hear({"told": "ended", "ticket_id": ticket.ticket_id, "how": BY_CODE[told["code"]]})
        else:
            self._case.witness.faults.append(Fault("agent", ticket.ticket_id, json.dumps(told)))

    def _begun(self, at_least: int = 0) -> UploadTicket:
        bounds = ((0, 200), (200, 8192), (8192, 131_073), (131_073, self._case.bytes_max))
        size = max(at_least, self._dice.randint(*self._dice.choices(bounds, (20, 40, 25, 15))[0]))
        ticket = self._agent.ticket(bytes(size), self._dice.choice(NAMES))
        self._case.witness.hear({"told": "begun", "ticket": ticket.model_dump(mode="json")})
        return ticket
