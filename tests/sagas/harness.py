"""One harness for every saga: crashes at every point, repeats, stale order; what goes out must always be the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from producers.publisher import MemoryPublisher
from schemas.envelope import Message, Position, Received, Record
from schemas.events import SagaAdvanced
from schemas.signing import SignedRequest
from schemas.topics import SAGA_EVENT, SAGA_INBOX
from stream_processors.decider import Decider
from stream_processors.sagas.saga import Given
from stream_processors.store import MemorySagaStore, Stored

SIGNATURE = b"the installation's"


class CrashError(Exception):
    """The process dies here."""


@dataclass
class CrashingLog:
    """A log that lives on while its writers die: at the `dies_at`-th record, before or after it is kept."""

    log: MemoryPublisher = field(default_factory=MemoryPublisher)
    dies_at: int | None = None
    is_kept: bool = False

    async def publish(self, record: Record) -> Position:
        dies = self.dies_at == 0
        if self.dies_at is not None:
            self.dies_at = None if dies else self.dies_at - 1
        if dies and not self.is_kept:
            raise CrashError
        position = await self.log.publish(record)
        if dies:
            raise CrashError
        return position

    @property
    def distinct(self) -> set[tuple[str, bytes, bytes]]:
        """What readers see, who take every record once."""
        return {(record.topic, record.key, record.value) for record in self.log.records}


def is_signed(request: SignedRequest) -> bool:
    return request.signature == SIGNATURE


@dataclass
class World:
    """A log, a store, and a decider that can be born again."""

    log: CrashingLog = field(default_factory=CrashingLog)
    store: MemorySagaStore = field(default_factory=MemorySagaStore)
    delivered: int = 0

    async def deliver(self, message: Message) -> None:
        await self.deliver_at_once([message])

    async def deliver_at_once(self, messages: Sequence[Message]) -> None:
        """Deliver all in one batch."""
        decider = Decider(self.store, self.log, is_signed, Given())
        places = [Position(SAGA_INBOX, 0, self.delivered + n) for n in range(1, len(messages) + 1)]
        self.delivered += len(messages)
        await decider.handle([Received(*one) for one in zip(messages, places, strict=True)])

    async def deliver_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self.deliver(message)

    async def lose_the_database(self) -> None:
        """Drop the store and fold the saga topic into a new one."""
        self.store = MemorySagaStore()
        records = [record for record in self.log.log.records if record.topic == SAGA_EVENT]
        await self.store.fold(0, [Stored.read(record) for record in records], len(records))

    async def event(self, saga_id: str) -> SagaAdvanced:
        return (await self.store.load([saga_id]))[saga_id].event


async def sent_by(messages: Sequence[Message]) -> set[tuple[str, bytes, bytes]]:
    """Return what goes out when nothing goes wrong."""
    world = World()
    await world.deliver_all(messages)
    return world.log.distinct


async def sent_with_a_crash(
    messages: Sequence[Message], at: int, dies_at: int, *, is_kept: bool, database_is_lost: bool
) -> set[tuple[str, bytes, bytes]]:
    """Return what goes out when the decider dies at the `dies_at`-th record of message `at`, which comes again then."""
    world = World()
    await world.deliver_all(messages[:at])
    world.log.dies_at, world.log.is_kept = dies_at, is_kept
    try:
        await world.deliver(messages[at])
    except CrashError:
        if database_is_lost:
            await world.lose_the_database()
    world.log.dies_at = None
    await world.deliver_all(messages[at:])
    return world.log.distinct
