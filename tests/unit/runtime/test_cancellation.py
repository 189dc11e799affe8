"""A task that is cancelled ends, whatever its driver says on the way out."""

import asyncio
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError
from redis.exceptions import ConnectionError as RedisConnectionError

from infra.runtime import kafka, postgres, redis
from schemas.errors import Transient

DOORS = {
    "postgres": (postgres.translated_errors, asyncpg.InterfaceError("the underlying connection is closed")),
    "postgres-reset": (postgres.translated_errors, ConnectionResetError("gone")),
    "redis": (redis.translated_errors, RedisConnectionError("gone")),
    "kafka": (kafka.translated_errors, KafkaConnectionError("gone")),
}


def entered(door: object) -> AbstractAsyncContextManager[None]:
    return nullcontext() if isinstance(door, AbstractContextManager) else door  # type: ignore[return-value]


async def worked(name: str, begun: asyncio.Event) -> None:
    """Work as a loop does that waits a server's absence out, behind a driver that fails in its clean-up.

    Twice is enough to outlive a cancellation; for ever, a red test would not end either.
    """
    door, error = DOORS[name]
    for _ in range(2):
        try:
            await once(door(), error, begun)
        except Transient:
            await asyncio.sleep(0)


async def once(door: object, error: Exception, begun: asyncio.Event) -> None:
    async with entered(door):
        with door if isinstance(door, AbstractContextManager) else nullcontext():
            try:
                begun.set()
                await asyncio.sleep(60)
            finally:
                raise error


@pytest.mark.parametrize("name", DOORS)
async def test_a_cancelled_task_ends_though_its_driver_fails_in_its_clean_up(name: str) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(worked(name, begun))
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()


@pytest.mark.parametrize("name", DOORS)
async def test_a_deadline_is_still_a_deadline(name: str) -> None:
    door, error = DOORS[name]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await once(door(), error, asyncio.Event())
