"""Sagas moved in batches: whatever is cut off inside one, what goes out is what goes out one by one."""

import itertools

import pytest

from producers.publisher import MemoryPublisher
from schemas.envelope import Message, Position, Received
from schemas.events import SagaAdvanced
from schemas.registry import decode
from schemas.topics import SAGA_EVENT, SAGA_INBOX
from stream_processors.decider import waves
from tests.builders import a_content_committed, an_upload_request
from tests.sagas.harness import CrashError, World, sent_by
from tests.sagas.stories import text_finished

SAGAS = 3


def a_batch() -> list[Message]:
    """Return the whole lives of three uploads, mixed, each in its order."""
    requests = [an_upload_request() for _ in range(SAGAS)]
    lives: list[list[Message]] = [[r, a_content_committed(r), text_finished(r)] for r in requests]
    return [lives[n % SAGAS][n // SAGAS] for n in range(3 * SAGAS)]


def test_in_a_wave_a_saga_moves_once_and_in_its_order() -> None:
    batch = [Received(message, Position(SAGA_INBOX, 0, n)) for n, message in enumerate(a_batch())]
    parts = waves(batch + batch[:1])
    assert [len(part) for part in parts] == [SAGAS, SAGAS, SAGAS, 1]
    assert [received.position.offset for part in parts for received in part] == [*range(3 * SAGAS), 0]


async def test_a_batch_sends_what_its_records_send_one_by_one_events_before_outputs() -> None:
    batch, world = a_batch(), World()
    await world.deliver_at_once(batch)
    assert world.log.distinct == await sent_by(batch)
    assert [record.topic == SAGA_EVENT for record in world.log.log.records] == [True] * 6 + [False] * 3 + [True] * 3
    for versions in _versions(world.log.log).values():
        assert versions == [1, 2, 3]


def _versions(log: MemoryPublisher) -> dict[str, list[int]]:
    told: dict[str, list[int]] = {}
    for event in (decode(record.value) for record in log.records if record.topic == SAGA_EVENT):
        assert isinstance(event, SagaAdvanced)
        told.setdefault(event.meta.aggregate_id, []).append(event.meta.aggregate_version)
    return told


@pytest.mark.parametrize(("dies_at", "is_kept"), list(itertools.product(range(12), (False, True))))
@pytest.mark.parametrize("database_is_lost", [False, True])
async def test_a_crash_at_any_record_inside_a_batch_costs_nothing(
    *, dies_at: int, is_kept: bool, database_is_lost: bool
) -> None:
    batch, world = a_batch(), World()
    world.log.dies_at, world.log.is_kept = dies_at, is_kept
    with pytest.raises(CrashError):
        await world.deliver_at_once(batch)
    if database_is_lost:
        await world.lose_the_database()
    world.log.dies_at = None
    await world.deliver_at_once(batch)
    assert world.log.distinct == await sent_by(batch)
