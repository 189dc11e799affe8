"""Deadline, abandon and commit race in every order: the upload ends, and never both ways."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.runtime.clock import ManualClock
from infra.runtime.metrics import Metrics
from schemas.commands import AbandonUpload, ExtractText
from schemas.envelope import Message
from schemas.identifiers import derive
from schemas.registry import decode
from schemas.requests import DeadlineExpired, UploadRequested
from schemas.topics import ELEMENT_COMMAND, SAGA_INBOX
from stream_processors.deadlines import Scanner
from stream_processors.sagas.saga import TERMINAL
from tests.builders import NOW, a_content_committed, an_upload_request
from tests.sagas.harness import World
from tests.sagas.stories import abandoned, in_progress, text_finished

ACTIONS = ("commit", "bytes arrive", "bytes stop", "time passes", "agent works", "decider works", "old message again")


@dataclass
class Agent:
    """The element's ledger: one answer per ticket, for ever."""

    request: UploadRequested
    answer: str | None = None
    is_receiving: bool = False
    is_text_made: bool = False

    def commit(self) -> list[Message]:
        if self.answer is not None:
            return []
        self.answer, self.is_receiving = "committed", False
        return [a_content_committed(self.request)]

    def obey(self, command: Message, at: datetime) -> list[Message]:
        if isinstance(command, ExtractText):
            return [text_finished(self.request, at=at)]
        if self.answer == "committed":
            return [a_content_committed(self.request)]
        if self.is_receiving and self.answer is None:
            return [in_progress(self.request, command.meta.event_id, at)]
        self.answer = "abandoned"
        return [abandoned(self.request)]


@dataclass
class Race:
    """A whole small installation with its own clock, moved one action at a time."""

    world: World = field(default_factory=World)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    request: UploadRequested = field(default_factory=an_upload_request)
    inbox: list[Message] = field(default_factory=list)
    read: int = 0
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.agent = Agent(self.request)
        self.scanner = Scanner(self.world.store, self.world.log, self.clock, 1, Metrics())
        self.inbox.append(self.request)

    async def act(self, action: str, n: int) -> None:
        match action:
            case "commit":
                self.inbox += self.agent.commit()
            case "bytes arrive" | "bytes stop":
                self.agent.is_receiving = action == "bytes arrive"
            case "time passes":
                self.clock.advance(n * 7200)
                await self.scanner.scan()
            case "agent works":
                self.work(n)
            case "decider works":
                await self.decide()
            case _ if self.read:
                await self.world.deliver(self.inbox[n % self.read])

    def work(self, n: int) -> None:
        waiting = [command for command in self.sent(ELEMENT_COMMAND) if command.meta.event_id not in self.seen]
        if waiting:
            self.seen.add((command := waiting[n % len(waiting)]).meta.event_id)
            self.inbox += self.agent.obey(command, self.clock.now())

    async def decide(self) -> None:
        self.inbox += [m for m in self.sent(SAGA_INBOX) if m not in self.inbox]
        if self.read < len(self.inbox):
            await self.world.deliver(self.inbox[self.read])
            self.read += 1

    def sent(self, topic: str) -> list[Message]:
        return [decode(record.value) for record in self.world.log.log.records if record.topic == topic]

    async def finish(self) -> None:
        self.agent.is_receiving = False
        for _ in range(12):
            self.clock.advance(86_400)
            await self.scanner.scan()
            for _ in range(4):
                self.work(0)
                await self.decide()


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 12)), max_size=40))
async def test_whatever_the_order_the_saga_ends_as_the_elements_ledger_says(actions: list[tuple[str, int]]) -> None:
    race = Race()
    for action, n in actions:
        await race.act(action, n)
    await race.finish()
    event = await race.world.event(race.request.meta.aggregate_id)
    assert event.status in TERMINAL
    assert event.status == {"committed": "succeeded", "abandoned": "failed"}[race.agent.answer or ""]


async def test_a_saga_is_reminded_once_and_again_only_when_it_has_not_moved_for_long() -> None:
    race = Race()
    await race.decide()
    race.clock.advance(86_400)
    assert [await race.scanner.scan() for _ in range(2)] == [1, 0]
    race.clock.advance(30)
    assert await race.scanner.scan() == 1
    first, second = race.sent(SAGA_INBOX)
    assert isinstance(first, DeadlineExpired)
    assert first.meta.event_id == second.meta.event_id == derive(race.request.meta.aggregate_id, "deadline-1")
    assert first.meta.occurred_at + timedelta(seconds=30) == second.meta.occurred_at
    assert first.meta.actor == race.request.meta.actor


async def test_an_abandon_that_was_decided_stands_whatever_the_client_sends_later() -> None:
    race = Race()
    await race.decide()
    race.clock.advance(86_400)
    await race.scanner.scan()
    await race.decide()
    race.work(0)
    assert race.agent.commit() == []
    await race.decide()
    assert (await race.world.event(race.request.meta.aggregate_id)).status == "failed"
    assert [type(command) for command in race.sent(ELEMENT_COMMAND)] == [AbandonUpload]
