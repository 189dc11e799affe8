"""Workloads of the explorer: short words in an alphabet of all that is done to an element, spelt by the real agent."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher
from schemas.api.uploads import Receipt
from schemas.elements import Mode
from schemas.errors import ArtStoreError, StaleEpoch, TypeRefused, UploadAbandonedError
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.documents import Documents
from storage_agent.element import set_mode
from tests.builders import NOW
from tests.campaigns.standing import numbered
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ROOT, a_ticket_for, an_abandon, an_element

Result = TypeVar("Result")

# Bodies are short, so that states are cheap; what is cut to pieces because it is large is so here all the same.
SMALL = ((staging, "SMALL_BYTES", 16), (staging, "BUFFER_BYTES", 17), (staging, "SYNC_BYTES", 48))
PIECE_BYTES = 16
LARGE_PIECES = 5
LULL_SECONDS = 1.0
IDS_OF_A_TICKET = 8


class Verb(StrEnum):
    """What can be done to an element. `again` repeats the newest ticket; `rotate` makes the next line end a segment."""

    PUT = "put"
    LARGE = "large"
    AGAIN = "again"
    TWO = "two"
    TWICE = "twice"
    REFUSE = "refuse"
    ABANDON = "abandon"
    RACE = "race"
    NOTE = "note"
    LULL = "lull"
    TELL = "tell"
    ROTATE = "rotate"
    RESTART = "restart"
    KILL = "kill"
    CUT = "cut"
    MODE = "mode"


# What brings a ticket that can come again.
SENDING = frozenset({Verb.PUT, Verb.LARGE, Verb.TWO, Verb.TWICE, Verb.REFUSE, Verb.ABANDON, Verb.RACE, Verb.NOTE})
# Nothing reaches the disk before the next verb.
SILENT = frozenset({Verb.NOTE, Verb.ROTATE})

Word = tuple[Verb, ...]


def words(length: int, *, sent: bool = False) -> Iterator[Word]:
    """Yield all words of `length` verbs, except those that do what a shorter one does.

    `sent` tells that something was sent before, so that it can come again.
    """
    for word in itertools.product(Verb, repeat=length):
        if not (word and word[-1] in SILENT) and (sent or _has_sent(word)):
            yield word


def _has_sent(word: Sequence[Verb]) -> bool:
    return all(SENDING.intersection(word[:place]) for place, verb in enumerate(word) if verb is Verb.AGAIN)


@dataclass
class Deed:
    """What was seen from outside up to this moment: everything that a start must not contradict."""

    sent: dict[str, tuple[UploadTicket, bytes]] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    spent: dict[str, type[ArtStoreError]] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    element_id: str = ""
    mode_epoch: int = 0

    def extent(self) -> tuple[object, ...]:
        """Return what differs whenever more is promised than before: within a workload nothing is taken back."""
        counted = len(self.receipts), len(self.spent), len(self.commands), len(self.publisher.records)
        return (*counted, self.element_id, self.mode_epoch)

    def snapshot(self) -> "Deed":
        """Return what is promised by now."""
        publisher = MemoryPublisher()
        publisher.records += self.publisher.records
        return Deed(
            dict(self.sent),
            dict(self.receipts),
            dict(self.spent),
            set(self.commands),
            publisher,
            self.element_id,
            self.mode_epoch,
        )


class WatchedDisk(CrashingDisk):
    """A disk that tells `seen` after each change; once `gone`, nothing of this process reaches it any more."""

    def __init__(self, inner: MemoryDisk, seen: Callable[[str], None]) -> None:
        super().__init__(inner)
        self.seen = seen

    def gone(self) -> None:
        self._dead = True

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        # Torn writes are in the model of the disk.
        self._step("write", lambda: self._inner.write(handle, data, offset))

    def _step(self, name: str, work: Callable[[], Result]) -> Result:
        result = super()._step(name, work)
        self.seen(name)
        return result


class Life:
    """The element's days: one agent after another on one disk, and what is asked of them."""

    def __init__(
        self, disk: MemoryDisk, seen: Callable[[str], None], reserve_bytes: int = 0, before: Deed | None = None
    ) -> None:
        self.deed = Deed() if before is None else before.snapshot()
        self.seen = seen
        self._disk = disk
        self._settings = AgentSettings(reserve_bytes=reserve_bytes)
        self._tickets = itertools.count(len(self.deed.sent) + 1)
        self._offsets = itertools.count(len(self.deed.commands))
        self._relay: asyncio.Task[None] | None = None
        self._watched = WatchedDisk(disk, self._saw)
        self._agent: AbstractAsyncContextManager[Documents] | None = None
        self._documents: Documents | None = None

    async def spell(self, verb: Verb) -> None:
        """Do one verb to its end."""
        spelling: dict[Verb, Callable[[], Awaitable[Any]]] = {
            Verb.PUT: lambda: self._put(self._ticket(1)),
            Verb.LARGE: lambda: self._put(self._ticket(LARGE_PIECES)),
            Verb.AGAIN: self._again,
            Verb.TWO: lambda: asyncio.gather(self._put(self._ticket(1)), self._put(self._ticket(LARGE_PIECES))),
            Verb.TWICE: self._twice,
            Verb.REFUSE: self._refuse,
            Verb.ABANDON: lambda: self._abandon(self._ticket(1)),
            Verb.RACE: self._race,
            Verb.NOTE: self._note,
            Verb.LULL: lambda: asyncio.sleep(LULL_SECONDS),
            Verb.TELL: self._tell,
            Verb.ROTATE: self._rotate,
            Verb.RESTART: self._restart,
            Verb.KILL: self._kill,
            Verb.CUT: self._cut,
            Verb.MODE: self._mode,
        }
        await spelling[verb]()

    async def start(self) -> None:
        """Open the element with a new agent."""
        self._watched = WatchedDisk(self._disk, self._saw)
        self._agent = an_element(self._watched, ROOT, ManualClock(NOW), self._settings)
        self._documents = await self._agent.__aenter__()
        self.deed.element_id = self._documents.identity.element_id
        self.deed.mode_epoch = self._documents.identity.mode_epoch
        for command in self._documents.pending_commands():
            await self._documents.abandon(command)

    async def settle(self) -> None:
        """Wait until all that was committed lies in its place."""
        assert self._documents is not None
        await self._documents.settle()

    async def stop(self) -> None:
        """End the agent in order."""
        await self._hush()
        assert self._agent is not None
        await self._agent.__aexit__(None, None, None)

    async def die(self) -> None:
        """End the agent as SIGKILL does; what it wrote is still with the operating system."""
        self._watched.gone()
        with suppress(Crash, ArtStoreError):
            await self.stop()

    def _saw(self, name: str) -> None:
        self.seen(name)

    def _ticket(self, pieces: int) -> UploadTicket:
        number = next(self._tickets)
        data = f"body {number}".encode().ljust(PIECE_BYTES, b".") * pieces
        first = number * IDS_OF_A_TICKET
        assert self._documents is not None
        ticket = a_ticket_for(self._documents.identity, data).model_copy(
            update={
                name: numbered(first + place) for place, name in enumerate(("ticket_id", "operation_id", "document_id"))
            }
        )
        self.deed.sent[ticket.document_id] = ticket, data
        return ticket

    async def _put(self, ticket: UploadTicket) -> None:
        assert self._documents is not None
        receipt = self._documents.admit(ticket)
        if receipt is None:
            file = await self._documents.stage(ticket)
            try:
                data = self.deed.sent[ticket.document_id][1]
                for start in range(0, len(data), PIECE_BYTES):
                    await file.write(data[start : start + PIECE_BYTES])
                receipt = await self._documents.commit(ticket, await file.finish(), "text/plain", None)
            finally:
                await file.discard()
        assert self.deed.receipts.setdefault(ticket.ticket_id, receipt) == receipt, "one ticket, two receipts"

    async def _again(self) -> None:
        """Bring the newest body once more, whatever became of its ticket."""
        ticket = next(reversed(self.deed.sent.values()))[0]
        with suppress(TypeRefused, UploadAbandonedError, StaleEpoch):
            await self._put(ticket)

    async def _twice(self) -> None:
        ticket = self._ticket(1)
        await asyncio.gather(self._put(ticket), self._put(ticket))

    async def _refuse(self) -> None:
        assert self._documents is not None
        ticket = self._ticket(1)
        file = await self._documents.stage(ticket)
        await file.write(self.deed.sent[ticket.document_id][1])
        await file.finish()
        await self._documents.refuse(ticket, TypeRefused(), {"code": "type_refused"}, None)
        self.deed.spent[ticket.ticket_id] = TypeRefused
        await file.discard()

    async def _abandon(self, ticket: UploadTicket) -> None:
        assert self._documents is not None
        command = an_abandon(ticket, offset=next(self._offsets))
        if await self._documents.accept_command(command):
            self.deed.commands.add(command.message.meta.event_id)
            await self._documents.abandon(command)
        if self._is_given_up(ticket):
            self.deed.spent[ticket.ticket_id] = UploadAbandonedError

    def _is_given_up(self, ticket: UploadTicket) -> bool:
        assert self._documents is not None
        try:
            self._documents.admit(ticket)
        except UploadAbandonedError:
            return True
        return False

    async def _race(self) -> None:
        """Bring a body and give its upload up at the same moment."""
        ticket = self._ticket(1)
        put, gave_up = await asyncio.gather(self._put(ticket), self._abandon(ticket), return_exceptions=True)
        if isinstance(gave_up, BaseException):
            raise gave_up
        if isinstance(put, BaseException) and not isinstance(put, UploadAbandonedError):
            raise put

    async def _note(self) -> None:
        assert self._documents is not None
        self._documents.note_refusal(self._ticket(1), {"code": "size_mismatch"})

    async def _tell(self) -> None:
        """Let the log come back: what waits goes out, and so does all that follows until the agent ends."""
        assert self._documents is not None
        if self._relay is None:
            self._relay = asyncio.create_task(self._documents.outbox.run(self.deed.publisher))
        await asyncio.sleep(LULL_SECONDS)

    async def _hush(self) -> None:
        if self._relay is not None:
            self._relay.cancel()
            await asyncio.wait({self._relay})
            self._relay = None

    async def _rotate(self) -> None:
        assert self._documents is not None
        self._documents._parts.journal._rotate_beyond = 0

    async def _restart(self) -> None:
        await self.stop()
        await self.start()

    async def _kill(self) -> None:
        await self.die()
        await self.start()

    async def _cut(self) -> None:
        """Lose power and everything that was not synced."""
        await self.die()
        self._disk.become(next(self._disk.states()))
        await self.start()

    async def _mode(self) -> None:
        await self.stop()
        assert self._documents is not None
        other = {Mode.EDIT: Mode.READ_WRITE, Mode.READ_WRITE: Mode.EDIT}[self._documents.identity.mode]
        self.deed.mode_epoch = set_mode(ROOT, other, NOW, self._watched).mode_epoch
        await self.start()


def a_disk() -> MemoryDisk:
    """Return an empty disk whose files are old: a segment that nothing waits for is forgotten at once."""
    disk = MemoryDisk()
    disk.now = NOW.replace(year=NOW.year - 1)
    return disk


@contextmanager
def small_parts() -> Iterator[None]:
    """Let short bodies be large ones for a block."""
    before = [getattr(room, name) for room, name, _ in SMALL]
    for room, name, value in SMALL:
        setattr(room, name, value)
    try:
        yield
    finally:
        for (room, name, _), value in zip(SMALL, before, strict=True):
            setattr(room, name, value)
