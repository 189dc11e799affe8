"""What needs no server in the doors to Kafka, PostgreSQL and Redis: partitions, topics, errors."""

import asyncio

import asyncpg
import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from pydantic import SecretStr
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from infra.runtime import kafka, kafka_topics, postgres, redis
from infra.runtime.settings_sections import KafkaSettings, PostgresSettings, RedisSettings
from schemas import errors
from schemas.topics import BY_NAME, DOCUMENT_EVENT, ELEMENT_STATUS

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_seconds=0.5)


def test_a_key_goes_where_kafkas_own_partitioner_puts_it() -> None:
    # Values of org.apache.kafka.common.utils.Utils.murmur2 from Kafka's own test.
    assert [kafka.partition_for(key, 0x7FFF_FFFF) for key in (b"21", b"foobar", b"a-little-bit-long-string")] == [
        -973932308 & 0x7FFF_FFFF,
        -790332482 & 0x7FFF_FFFF,
        -985981536 & 0x7FFF_FFFF,
    ]


def test_on_one_node_facts_are_flushed_with_every_record() -> None:
    config = kafka_topics.declared_config(BY_NAME[DOCUMENT_EVENT], 1)
    assert (config["flush.messages"], config["cleanup.policy"], config["retention.ms"]) == ("1", "delete", "-1")


def test_a_compacted_topic_and_a_cluster_are_not_flushed_by_record() -> None:
    assert "flush.messages" not in kafka_topics.declared_config(BY_NAME[ELEMENT_STATUS], 1)
    cluster = kafka_topics.declared_config(BY_NAME[DOCUMENT_EVENT], 3)
    assert (cluster.get("flush.messages"), cluster["min.insync.replicas"]) == (None, "2")


async def test_a_broker_that_is_away_is_said_in_words() -> None:
    assert await kafka.ping(NOWHERE) is not None
    with pytest.raises(errors.LogUnavailable):
        async with kafka.open_producer(NOWHERE, "test"):
            pass


@pytest.mark.parametrize(
    ("driver", "ours"),
    [
        (KafkaTimeoutError(), errors.LogUnavailable),
        (TimeoutError(), errors.LogUnavailable),
        (MessageSizeTooLargeError(), errors.TooLarge),
        (TopicAuthorizationFailedError(), errors.ConfigurationInvalid),
    ],
)
def test_kafkas_errors_are_translated(driver: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours), kafka.translated_errors():
        raise driver


class AWrongArgument(asyncpg.InterfaceError, ValueError):  # type: ignore[misc]
    """The driver's own error about an argument has these two parents."""


@pytest.mark.parametrize(
    ("driver", "ours"),
    [
        (ConnectionRefusedError(), errors.DatabaseUnavailable),
        (asyncpg.InterfaceError("connection is closed"), errors.DatabaseUnavailable),
        (asyncpg.InterfaceError("pool is closing"), errors.DatabaseUnavailable),
        (asyncpg.QueryCanceledError("statement timeout"), errors.DatabaseUnavailable),
        (asyncpg.DeadlockDetectedError("deadlock"), errors.DatabaseUnavailable),
        (asyncpg.InvalidPasswordError("password authentication failed"), errors.ConfigurationInvalid),
        (asyncpg.UniqueViolationError("twice"), asyncpg.UniqueViolationError),
        (asyncpg.DataError("closed interval expected"), asyncpg.DataError),
        (AWrongArgument("closed interval expected"), AWrongArgument),
    ],
)
async def test_postgres_errors_are_translated_and_mistakes_go_through(driver: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours):
        async with postgres.translated_errors():
            raise driver


async def test_a_database_that_is_away_is_unavailable() -> None:
    settings = PostgresSettings(dsn=SecretStr("postgresql://u:p@127.0.0.1:1/d"), connect_timeout_seconds=1)
    with pytest.raises(errors.DatabaseUnavailable):
        async with postgres.open_pool(settings, "test"):
            pass


async def test_redis_that_is_away_is_no_obstacle_until_it_is_asked() -> None:
    async with redis.open_redis(RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"))) as client:
        assert "Redis does not answer" in str(await redis.ping(client))


async def test_a_name_that_nobody_answers_for_is_asked_about_once_however_many_wait_for_it() -> None:
    begun, never = [], asyncio.Event()

    async def silent(host: str, port: int) -> None:
        begun.append((host, port))
        await never.wait()

    settings = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), command_timeout_seconds=0.1)
    async with redis.open_redis(settings, silent) as client:
        reasons = await asyncio.gather(*(redis.ping(client) for _ in range(5)))
        assert all("Redis does not answer" in str(reason) for reason in reasons)
        assert begun == [("127.0.0.1", 1)]
        never.set()
        assert await redis.ping(client) is not None
    assert len(begun) > 1


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(errors.ConfigurationInvalid, match="ARTSTORE_REDIS__URL"):
        async with redis.open_redis(RedisSettings(url=SecretStr("127.0.0.1:6379"))):
            pass


@pytest.mark.parametrize(
    ("driver", "ours"),
    [
        (RedisConnectionError("refused"), errors.DependencyUnavailable),
        (AuthenticationError("wrong"), errors.ConfigurationInvalid),
        (ResponseError("wrong type"), ResponseError),
    ],
)
async def test_redis_errors_are_translated(driver: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours):
        async with redis.translated_errors():
            raise driver
