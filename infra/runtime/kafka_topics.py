"""The declared topics on a real Kafka: made where missing, compared where present, and whether a broker answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from infra.runtime.kafka_errors import milliseconds, translated_errors
from infra.runtime.settings_sections import KafkaSettings
from schemas.errors import ArtStoreError, ConfigurationInvalid, LogUnavailable
from schemas.topics import FOR_EVER, TOPICS, Topic

NAMESPACE = "artstore."
CREATED_SECONDS = 30.0
PAUSE_SECONDS = 0.1
PING_SECONDS = 1.5


async def apply_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Make the topics that are missing and wait until they can be written; return their names.

    Topics that exist are left as they are: `check_topics` says what differs. LogUnavailable, ConfigurationInvalid.
    """
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            made = [_new(topic, settings.replication_factor) for topic in missing]
            _refuse_failures(await admin.create_topics(made, timeout_ms=milliseconds(settings)))
            await _until_led(admin, [topic.name for topic in missing])
        return [topic.name for topic in missing]


async def check_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Compare the broker with the table, one sentence per difference: missing, unknown, partitions, configuration."""
    async with _admin(settings) as admin:
        existing = {str(name) for name in await admin.list_topics()}
        present = [topic for topic in topics if topic.name in existing]
        counts = await _partition_counts(admin, present)
        configs = await _configs(admin, present, settings.replication_factor)
    return [
        *(f"{topic.name}: missing; run `artstore topics apply`" for topic in topics if topic.name not in existing),
        *_unknown(existing, topics),
        *(line for topic in present for line in _differences(topic, counts, configs, settings.replication_factor)),
    ]


async def require_topics(settings: KafkaSettings) -> None:
    """Refuse to start (ConfigurationInvalid) while the broker's topics differ from the table."""
    differences = await check_topics(settings)
    if differences:
        raise ConfigurationInvalid("The topics differ from the declared ones. " + "; ".join(differences) + ".")


async def ping(settings: KafkaSettings) -> str | None:
    """Return None when a broker answers within 1.5 seconds, else the reason in words."""
    try:
        async with asyncio.timeout(PING_SECONDS), _admin(settings) as admin:
            await admin.describe_cluster()
    except TimeoutError:
        return f"no broker answered in {PING_SECONDS:g} s"
    except ArtStoreError as error:
        return error.detail
    return None


async def committed_offsets(settings: KafkaSettings, group: str, topic: str) -> dict[int, int]:
    """Return what `group` has acknowledged of `topic`: the next offset of each partition of which it has any."""
    async with _admin(settings) as admin:
        told = await admin.list_consumer_group_offsets(group)
    return {place.partition: one.offset for place, one in told.items() if place.topic == topic and one.offset >= 0}


def declared_config(topic: Topic, replication_factor: int) -> dict[str, str]:
    """Return what the broker must hold for `topic`.

    One copy is all there is on one node, and Kafka acknowledges from the page cache: there the log is flushed with
    every record, except where the newest state is all that counts. With three copies, two must have a record.
    """
    config = {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": str(FOR_EVER),
        "min.insync.replicas": str(max(1, replication_factor - 1)),
    }
    if replication_factor == 1 and topic.cleanup == "delete":
        config["flush.messages"] = "1"
    return config | dict(topic.config)


@contextlib.asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.required_servers(),
        client_id="artstore-topics",
        request_timeout_ms=milliseconds(settings),
    )
    try:
        with translated_errors():
            async with asyncio.timeout(settings.request_timeout_seconds + CREATED_SECONDS):
                await admin.start()
                yield admin
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.request_timeout_seconds):
                await admin.close()


def _new(topic: Topic, replication_factor: int) -> NewTopic:
    config = declared_config(topic, replication_factor)
    return NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=config)


def _refuse_failures(answer: Any) -> None:  # noqa: ANN401 - the driver has no types
    for name, code, *reason in answer.topic_errors:
        kind = for_code(code)
        # Another program may have made it in the same moment: that is as good.
        if code and kind is not TopicAlreadyExistsError:
            message = f"Kafka does not make topic {name}: {kind.__name__} {' '.join(map(str, reason))}."
            raise ConfigurationInvalid(message)


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    async with asyncio.timeout(CREATED_SECONDS):
        while not _all_led(await admin.describe_topics(names), len(names)):  # noqa: ASYNC110 - the broker has no event
            await asyncio.sleep(PAUSE_SECONDS)


def _all_led(described: list[Mapping[str, Any]], expected: int) -> bool:
    return len(described) == expected and all(
        topic["error_code"] == 0 and topic["partitions"] and all(part["leader"] >= 0 for part in topic["partitions"])
        for topic in described
    )


async def _partition_counts(admin: AIOKafkaAdminClient, topics: list[Topic]) -> dict[str, int]:
    described = await admin.describe_topics([topic.name for topic in topics]) if topics else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _configs(
    admin: AIOKafkaAdminClient, topics: list[Topic], replication_factor: int
) -> dict[str, dict[str, str]]:
    wanted = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, declared_config(topic, replication_factor))
        for topic in topics
    ]
    answers = await admin.describe_configs(wanted) if wanted else []
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, reason, _kind, name, entries in answer.resources:
            if code:
                message = f"Kafka does not describe topic {name}: {reason or for_code(code).__name__}."
                raise LogUnavailable(message)
            found[name] = {entry[0]: cast("str", entry[1]) for entry in entries}
    return found


def _unknown(existing: set[str], topics: Sequence[Topic]) -> list[str]:
    strangers = existing - {topic.name for topic in topics}
    return [f"{name}: not in the table of topics" for name in sorted(strangers) if name.startswith(NAMESPACE)]


def _differences(
    topic: Topic, counts: Mapping[str, int], configs: Mapping[str, Mapping[str, str]], replication_factor: int
) -> list[str]:
    count = counts.get(topic.name, 0)
    found = configs.get(topic.name, {})
    lines = [f"{topic.name}: {count} partitions instead of {topic.partitions}"] if count != topic.partitions else []
    for key, value in sorted(declared_config(topic, replication_factor).items()):
        if found.get(key) != value:
            lines.append(f"{topic.name}: {key} is {found.get(key)} instead of {value}")
    return lines
