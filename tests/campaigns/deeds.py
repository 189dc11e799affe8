"""What a life does: eight writers who draw one verb after another, and commands that are read in their order."""

import asyncio
import base64
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from infra.runtime.clock import Clock
from schemas.commands import ElementCommand, ExtractText
from schemas.envelope import Position, Received
from schemas.errors import (
    ArtStoreError,
    Busy,
    InsufficientStorage,
    ModeForbids,
    SizeMismatch,
    StaleEpoch,
    Stopping,
    TypeRefused,
    UploadAbandonedError,
    UploadConflict,
)
from schemas.registry import decode, encode
from schemas.ticket import UploadTicket
from schemas.topics import ELEMENT_COMMAND
from storage_agent.documents import Documents
from storage_agent.text_facts import Asked, text_finished, text_unavailable
from tests.agents import an_abandon_upload, an_extract_text
from tests.builders import a_ticket, an_upload_request
from tests.campaigns.orders import Order, body_of, say
from tests.elements import body_in, put

PARTITION = 0
SMALL_BYTES = 128 * 1024
PROBLEM: Mapping[str, object] = {"code": "type_refused", "status": 415}
# How a ticket may end; each ending is for ever.
ENDINGS: Mapping[type[ArtStoreError], str] = {
    TypeRefused: "refused",
    UploadAbandonedError: "abandoned",
    UploadConflict: "conflict",
}
NOT_NOW = (ModeForbids, StaleEpoch, Busy, InsufficientStorage, Stopping)
ANSWERS: tuple[type[ArtStoreError], ...] = (*ENDINGS, *NOT_NOW)
NAMES = ("Отчёт.pdf", "заметка", "a" * 200 + ".txt", "Ё" * 140 + ".docx", "שלום 🙂.txt", "_._", "чек.tar.gz")


class Deeds:
    """The verbs. Each is told before it is begun and again when it is answered; nothing is told that was not."""

    def __init__(self, documents: Documents, clock: Clock, dice: random.Random, order: Order) -> None:
        self._documents = documents
        self._clock = clock
        self._dice = dice
        self._bytes_max = order.bytes_max
        self._old = [UploadTicket.model_validate(ticket) for ticket in order.tickets]
        self._unread = [(offset, base64.b64decode(value)) for offset, value in order.commands]
        self._next_command = order.next_command
        self._reading = asyncio.Lock()
        self._caught_up = asyncio.Event()
        self._commands: list[ElementCommand] = []
        self._texts: asyncio.Queue[Received] = asyncio.Queue()
        self._held: list[UploadTicket] = []
        self._verbs: Mapping[Callable[[], Awaitable[None]], int] = {
            self._whole: 40,
            self._again: 8,
            self._two_at_once: 10,
            self._refused: 5,
            self._broken_off: 4,
            self._noted: 4,
            self._given_up: 8,
            self._text_asked_for: 8,
            self._command_again: 3,
            self._read: 8,
            self._earlier: 8,
        }

    async def write(self) -> None:
        """Do one deed after another."""
        while True:
            (verb,) = self._dice.choices(list(self._verbs), list(self._verbs.values()))
            await verb()
            # A verb that needs nothing of the disk must not keep the others from it.
            await asyncio.sleep(0)

    async def read_commands(self) -> None:
        """Answer what an earlier life left unanswered, then read the rest of the topic."""
        for received in self._documents.pending_commands():
            await self._work(received)
        begin = self._documents.command_offset(PARTITION) or 0
        say("offset", offset=begin)
        for offset, value in self._unread:
            if offset >= begin:
                work = await self._obey(Received(decode(value), Position(ELEMENT_COMMAND, PARTITION, offset)))
                if work is not None:
                    await self._work(work)
        self._caught_up.set()

    async def work_on_texts(self) -> None:
        """Answer what asks for a text, each after a while: so commands are open while segments begin, and at a kill."""
        while True:
            received = await self._texts.get()
            await asyncio.sleep(self._dice.random() * 0.1)
            await self._work(received)

    async def _whole(self) -> None:
        await self._put(self._begun())

    async def _again(self) -> None:
        ticket = self._begun()
        await self._put(ticket)
        await self._put(ticket)

    async def _two_at_once(self) -> None:
        ticket = self._begun()
        await asyncio.gather(self._put(ticket), self._put(ticket, self._dice.choice((0, 1))))

    async def _refused(self) -> None:
        ticket = self._begun()
        try:
            await self._documents.refuse(ticket, TypeRefused("A program."), PROBLEM, None)
        except ANSWERS as error:
            self._tell_ending(ticket, error)
        else:
            say("ended", ticket_id=ticket.ticket_id, how="refused")
            await self._put(ticket)

    async def _broken_off(self) -> None:
        await self._half(self._begun())

    async def _noted(self) -> None:
        ticket = self._begun()
        self._documents.note_refusal(ticket, {"code": SizeMismatch.code, "status": 422})
        if self._dice.random() < 0.5:
            await self._put(ticket)

    async def _given_up(self) -> None:
        """Have an upload given up: before its bytes, in the middle of them, or when it is too late."""
        ticket = self._begun()
        command = an_abandon_upload(ticket, self._clock.now()).message
        assert isinstance(command, ElementCommand)
        when = self._dice.randrange(3)
        if when == 0:
            await self._put(ticket)
        await asyncio.gather(self._command(command), *([self._half(ticket)] if when == 1 else []))
        await self._put(ticket)

    async def _text_asked_for(self) -> None:
        ticket = self._begun()
        await self._put(ticket)
        command = an_extract_text(ticket, self._clock.now()).message
        assert isinstance(command, ElementCommand)
        await self._command(command)

    async def _command_again(self) -> None:
        if self._commands:
            await self._command(self._dice.choice(self._commands))

    async def _read(self) -> None:
        """Read back what this life has acknowledged, and tell what was served."""
        if self._held:
            ticket = self._dice.choice(self._held)
            body = await asyncio.to_thread(body_in, self._documents, ticket)
            right = [body_of(ticket.document_id, ticket.size, variant) for variant in (0, 1)]
            say("served", document_id=ticket.document_id, right=body in right)

    async def _earlier(self) -> None:
        """Bring an upload of an earlier life again, while its ticket is good."""
        if self._old:
            ticket = self._old.pop()
            if ticket.deadline_at_max > self._clock.now() + timedelta(minutes=5):
                await self._put(ticket, self._dice.choice((0, 0, 1)))

    async def _put(self, ticket: UploadTicket, variant: int = 0) -> None:
        data = body_of(ticket.document_id, ticket.size, variant)
        try:
            receipt = await put(self._documents, ticket, data)
        except ANSWERS as error:
            self._tell_ending(ticket, error)
        else:
            say("ended", ticket_id=ticket.ticket_id, how="committed", sha256=receipt.sha256, size=receipt.size)
            self._held.append(ticket)

    async def _half(self, ticket: UploadTicket) -> None:
        """Send the half of a body, and go away."""
        try:
            file = await self._documents.stage(ticket)
        except NOT_NOW:
            return
        try:
            await file.write(body_of(ticket.document_id, ticket.size)[: ticket.size // 2])
            await asyncio.sleep(self._dice.random() * 0.01)
        except ANSWERS as error:
            self._tell_ending(ticket, error)
        finally:
            await file.discard()

    def _tell_ending(self, ticket: UploadTicket, error: ArtStoreError) -> None:
        how = ENDINGS.get(type(error))
        if how is not None:
            say("ended", ticket_id=ticket.ticket_id, how=how)

    def _begun(self) -> UploadTicket:
        size = self._size()
        request = an_upload_request(filename=self._dice.choice(NAMES), size=size, now=self._clock.now())
        identity = self._documents.identity
        ticket = a_ticket(request, element_id=identity.element_id, mode_epoch=identity.mode_epoch)
        say("begun", ticket=ticket.model_dump(mode="json"))
        return ticket

    def _size(self) -> int:
        bounds = (0, 0, 200, 8192, SMALL_BYTES, SMALL_BYTES + 1, max(self._bytes_max, SMALL_BYTES + 1))
        (drawn,) = self._dice.choices(list(itertools.pairwise(bounds)), (4, 20, 40, 20, 4, 12))
        return self._dice.randint(*drawn)

    async def _command(self, command: ElementCommand) -> None:
        await self._caught_up.wait()
        async with self._reading:
            offset = self._next_command
            self._next_command += 1
            value = base64.b64encode(encode(command).value).decode()
            say("command", offset=offset, value=value, command_id=command.meta.event_id)
            work = await self._obey(Received(command, Position(ELEMENT_COMMAND, PARTITION, offset)))
        if work is not None:
            self._commands.append(command)
            await (self._texts.put(work) if isinstance(command, ExtractText) else self._work(work))

    async def _obey(self, received: Received) -> Received | None:
        """Accept a command; return it when there is work for it."""
        is_new = await self._documents.accept_command(received)
        command_id, offset = received.message.meta.event_id, received.position.offset
        say("accepted", command_id=command_id, offset=offset, is_new=is_new)
        return received if is_new else None

    async def _work(self, received: Received) -> None:
        command = received.message
        if not isinstance(command, ExtractText):
            await self._documents.abandon(received)
            return
        found = await asyncio.to_thread(self._documents.find, command.document_id, command.document_version)
        asked, reason = Asked(command, self._documents.identity, self._clock.now()), "no_extractor"
        fact = None if found is None else text_unavailable(asked, found.attributes.content.sha256, reason)
        version = 0 if fact is None else fact.meta.aggregate_version
        await self._documents.record_text(received, fact, text_finished(asked, text_version=version, reason=reason))
