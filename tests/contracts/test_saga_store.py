"""One contract for where sagas stand, run on the double and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from infra.runtime.postgres import open_pool
from infra.runtime.settings import Settings
from infra.runtime.settings_sections import PostgresSettings
from schemas.envelope import Message
from schemas.identifiers import new_id
from stream_processors.postgres_store import PostgresSagaStore
from stream_processors.sagas.decision import decide
from stream_processors.sagas.saga import Given
from stream_processors.store import MemorySagaStore, SagaStore, Stored
from tests.builders import NOW, a_content_committed, an_upload_request
from tests.sagas.stories import text_finished

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HALF_A_MINUTE = timedelta(seconds=30)


def versions_of_a_saga(deadline_at: datetime = NOW) -> list[Stored]:
    """Return a saga's three versions; the first has a deadline, the second another, the last is its end."""
    request = an_upload_request().model_copy(update={"deadline_at": deadline_at})
    messages: list[Message] = [request, a_content_committed(request), text_finished(request)]
    found: list[Stored] = []
    for message in messages:
        event = decide(found[-1].event if found else None, message, Given(), TRACEPARENT)
        assert event is not None
        found.append(Stored.of(event, TRACEPARENT))
    return found


async def loaded(store: SagaStore, saga_id: str) -> Stored | None:
    return (await store.load([saga_id])).get(saga_id)


async def swapped(store: SagaStore, stored: Stored) -> bool:
    return bool(await store.swap([stored]))


class StoreContract:
    """What every store promises."""

    async def test_what_was_put_is_read_back_byte_for_byte(self, store: SagaStore) -> None:
        first, *_ = versions_of_a_saga()
        assert await loaded(store, first.saga_id) is None
        assert await swapped(store, first)
        assert await loaded(store, first.saga_id) == first

    async def test_a_version_takes_only_the_place_of_the_one_before_it(self, store: SagaStore) -> None:
        first, second, third = versions_of_a_saga()
        assert not await swapped(store, second)
        assert await swapped(store, first)
        assert not await swapped(store, first)
        assert not await swapped(store, third)
        assert await swapped(store, second)
        assert not await swapped(store, second)
        assert await loaded(store, first.saga_id) == second

    async def test_of_many_that_swap_at_once_one_wins(self, store: SagaStore) -> None:
        first, second, _ = versions_of_a_saga()
        assert sum(await asyncio.gather(*(swapped(store, first) for _ in range(6)))) == 1
        assert sum(await asyncio.gather(*(swapped(store, second) for _ in range(6)))) == 1

    async def test_many_move_in_one_transaction_and_it_is_told_which_did(self, store: SagaStore) -> None:
        begun, continued, stale = versions_of_a_saga(), versions_of_a_saga(), versions_of_a_saga()
        assert await store.swap([continued[0], stale[0]]) == {continued[0].saga_id, stale[0].saga_id}
        moved = [begun[0], continued[1], stale[2]]
        assert await store.swap(moved) == {begun[0].saga_id, continued[0].saga_id}
        assert await store.load([one[0].saga_id for one in (begun, continued, stale)]) == {
            begun[0].saga_id: begun[0],
            continued[0].saga_id: continued[1],
            stale[0].saga_id: stale[0],
        }

    async def test_two_that_move_the_same_many_sagas_in_opposite_order_share_them(self, store: SagaStore) -> None:
        moved = [versions_of_a_saga()[0] for _ in range(100)]
        one, other = await asyncio.gather(store.swap(moved), store.swap(moved[::-1]))
        assert one | other == {stored.saga_id for stored in moved}
        assert not one & other

    async def test_folding_takes_the_highest_version_and_the_first_record_of_it(self, store: SagaStore) -> None:
        first, second, third = versions_of_a_saga()
        other = Stored.of(second.event.model_copy(update={"step": "another"}), TRACEPARENT)
        await store.fold(3, [first, second, other], 3)
        assert await loaded(store, first.saga_id) == second
        await store.fold(3, [first], 4)
        assert await loaded(store, first.saga_id) == second
        await store.fold(3, [third], 5)
        assert await loaded(store, first.saga_id) == third

    async def test_folding_goes_past_what_the_decider_has_put_already(self, store: SagaStore) -> None:
        first, second, _ = versions_of_a_saga()
        assert await swapped(store, first)
        assert await swapped(store, second)
        await store.fold(0, [first], 1)
        assert await loaded(store, first.saga_id) == second

    async def test_the_position_of_each_partition_only_grows(self, store: SagaStore) -> None:
        assert await store.position(0) == 0
        await store.fold(0, [], 7)
        await store.fold(1, [], 3)
        await store.fold(0, [], 5)
        assert [await store.position(n) for n in range(3)] == [7, 3, 0]

    async def test_sagas_are_due_from_their_deadline_on_and_earliest_first(self, store: SagaStore) -> None:
        late, early = (versions_of_a_saga(NOW + timedelta(hours=n))[0] for n in (2, 1))
        assert await swapped(store, late)
        assert await swapped(store, early)
        assert await store.due(NOW, HALF_A_MINUTE, 9) == []
        assert await store.due(NOW + timedelta(hours=3), HALF_A_MINUTE, 9) == [early, late]

    async def test_no_more_sagas_are_due_at_once_than_asked_for(self, store: SagaStore) -> None:
        for _ in range(3):
            assert await swapped(store, versions_of_a_saga()[0])
        found = [len(await store.due(NOW, HALF_A_MINUTE, 2)) for _ in range(3)]
        assert found == [2, 1, 0]

    async def test_a_saga_is_due_again_after_a_while_but_not_once_it_has_moved(self, store: SagaStore) -> None:
        first, second, third = versions_of_a_saga()
        later = NOW + timedelta(hours=1)
        assert await swapped(store, first)
        assert await store.due(later, HALF_A_MINUTE, 9) == [first]
        assert await store.due(later + timedelta(seconds=29), HALF_A_MINUTE, 9) == []
        assert await store.due(later + HALF_A_MINUTE, HALF_A_MINUTE, 9) == [first]
        assert await swapped(store, second)
        assert await store.due(later + HALF_A_MINUTE, HALF_A_MINUTE, 9) == [second]
        assert await swapped(store, third)
        assert await store.due(later + timedelta(days=9), HALF_A_MINUTE, 9) == []

    async def test_open_sagas_are_those_that_have_not_ended(self, store: SagaStore) -> None:
        versions = versions_of_a_saga()
        assert await swapped(store, versions_of_a_saga()[0])
        for stored in versions:
            assert await swapped(store, stored)
        assert await store.open_sagas() == 1

    async def test_an_unknown_saga_stands_nowhere(self, store: SagaStore) -> None:
        assert await loaded(store, new_id(NOW)) is None


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> SagaStore:
        return MemorySagaStore()


class TestPostgres(StoreContract):
    @pytest.fixture
    async def store(self, servers: Settings) -> AsyncIterator[SagaStore]:
        dsn, name = servers.postgres.required_dsn(), f"sagas_{uuid4().hex}"
        operator = await asyncpg.connect(dsn)
        await operator.execute(f"CREATE DATABASE {name}")
        own = PostgresSettings(dsn=SecretStr(urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))))
        async with open_pool(own, "test") as pool:
            store = PostgresSagaStore(pool)
            await asyncio.gather(*(store.create_schema() for _ in range(3)))
            yield store
        await operator.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await operator.close()
