"""Every saga, failed at every step: whatever dies and whatever comes twice, the same records go out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.events import SagaAdvanced
from schemas.registry import BY_TYPE, decode
from stream_processors.sagas.saga import TERMINAL
from tests.sagas.harness import World, sent_by, sent_with_a_crash
from tests.sagas.stories import stories

STORIES = stories()
MOMENTS = [(name, at) for name, story in STORIES.items() for at in range(len(story))]
NAMES = [f"{name}, at {STORIES[name][at].meta.type.split('.')[1]}" for name, at in MOMENTS]


@pytest.mark.parametrize("database_is_lost", [False, True], ids=["", "and the database is lost"])
@pytest.mark.parametrize("is_kept", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("dies_at", [0, 1], ids=["event", "output"])
@pytest.mark.parametrize(("name", "at"), MOMENTS, ids=NAMES)
async def test_a_decider_that_dies_sends_the_same_records_when_the_message_comes_again(
    name: str, at: int, dies_at: int, *, is_kept: bool, database_is_lost: bool
) -> None:
    story = STORIES[name]
    sent = await sent_with_a_crash(story, at, dies_at, is_kept=is_kept, database_is_lost=database_is_lost)
    assert sent == await sent_by(story)


@st.composite
def repeated(draw: st.DrawFn) -> tuple[str, Sequence[Message]]:
    """Draw a story in which, after each message, earlier ones come again, up to three times in all."""
    name = draw(st.sampled_from(sorted(STORIES)))
    told: list[Message] = []
    for at, message in enumerate(STORIES[name]):
        told.append(message)
        earlier = draw(st.lists(st.integers(0, at), max_size=3))
        told += [STORIES[name][n] for n in earlier if sum(m is STORIES[name][n] for m in told) < 3]
    return name, told


@given(repeated())
async def test_repeated_and_stale_messages_change_nothing(told: tuple[str, Sequence[Message]]) -> None:
    name, messages = told
    assert await sent_by(messages) == await sent_by(STORIES[name])


@pytest.mark.parametrize("name", sorted(STORIES))
async def test_every_story_ends_and_its_log_alone_tells_how(name: str) -> None:
    world = World()
    await world.deliver_all(STORIES[name])
    saga_id = STORIES[name][0].meta.aggregate_id
    before = await world.event(saga_id)
    await world.lose_the_database()
    assert await world.event(saga_id) == before
    assert before.status in TERMINAL
    assert before.finished_at is not None
    assert before.deadline_at is None


@pytest.mark.parametrize("name", sorted(STORIES))
async def test_versions_of_a_saga_have_no_gap_and_every_output_has_an_id_of_its_own(name: str) -> None:
    world = World()
    await world.deliver_all(STORIES[name])
    sent = [decode(record.value) for record in world.log.log.records]
    assert len({message.meta.event_id for message in sent}) == len(sent)
    versions = [message.meta.aggregate_version for message in sent if isinstance(message, SagaAdvanced)]
    assert versions == list(range(1, len(versions) + 1))
    assert all(message.meta.type in BY_TYPE for message in sent)
