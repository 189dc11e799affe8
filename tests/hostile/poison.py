"""Records that no program of ours would write, for every topic that one reads, put there past the driver's checks."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from infra.runtime.kafka import open_reader, partition_for, translated_errors
from infra.runtime.settings_sections import KafkaSettings
from schemas.identifiers import derive
from schemas.topics import BY_NAME, ELEMENT_COMMAND, ELEMENT_STATUS, dead_letters

ZSTD = 4
BATCH_BYTES = 1 << 26
NEARLY_A_MEBIBYTE, MORE_THAN_A_MEBIBYTE, BOMB = 1_000_000, 1_200_000, 8 << 20
SECONDS = 30
Headers = Sequence[tuple[str, bytes | None]]


class Name(str):
    """A header's name that becomes bytes which are no text."""

    __slots__ = ()

    def encode(self, _encoding: str = "utf-8", _errors: str = "strict") -> bytes:
        return b"\xff" + str.encode(self)


@dataclass(frozen=True)
class Poison:
    """A record to be: `key` decides its partition."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def partition(self) -> int:
        return partition_for(self.key or b"", BY_NAME[self.topic].partitions)


Genuine = Mapping[str, Sequence[Poison]]
Spoil = Callable[[Poison, Genuine, random.Random], Poison]


def garbage(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    return replace(own, value=bytes([chance.randrange(1, 256)]) + chance.randbytes(chance.randrange(200)), headers=())


def framed_garbage(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    """A schema that is known, and a body that is none of it."""
    return replace(own, value=(own.value or b"")[:5] + b"\xff" * chance.randrange(1, 60))


def truncated(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    value = own.value or b""
    return replace(own, value=value[: chance.randrange(len(value))])


def longer(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    return replace(own, value=(own.value or b"") + chance.randbytes(1))


def unknown_schema(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    """Without our envelope: with it, it would be a newer release's, for which the processor waits (decision 12)."""
    value = b"\0" + chance.randrange(1 << 16, 1 << 32).to_bytes(4, "big") + (own.value or b"")[5:]
    return replace(own, value=value, headers=(("ce_type", b"theirs.Event"),))


def wrong_key(own: Poison, genuine: Genuine, chance: random.Random) -> Poison:
    """The key of something else; in commands, of another element: what is addressed to nobody is read by nobody."""
    others = [other.key for other in genuine[own.topic] if other.key != own.key]
    return replace(own, key=chance.choice(others) if own.topic == ELEMENT_COMMAND else _a_uuid(chance))


def no_key(own: Poison, genuine: Genuine, chance: random.Random) -> Poison:
    """Not where the broker asks for one, nor where nobody would read it."""
    if own.topic in {ELEMENT_COMMAND, ELEMENT_STATUS}:
        return wrong_key(own, genuine, chance)
    return replace(own, key=None)


def of_another_topic(own: Poison, genuine: Genuine, chance: random.Random) -> Poison:
    stray = chance.choice(genuine[chance.choice([topic for topic in sorted(genuine) if topic != own.topic])])
    return replace(own, value=stray.value, headers=stray.headers)


def empty(own: Poison, _genuine: Genuine, _chance: random.Random) -> Poison:
    return replace(own, value=b"")


def tombstone(own: Poison, _genuine: Genuine, _chance: random.Random) -> Poison:
    return replace(own, value=None)


def hostile_headers(own: Poison, genuine: Genuine, chance: random.Random) -> Poison:
    many = [(f"h{n}", chance.randbytes(20)) for n in range(200)]
    odd = [
        (Name("bad"), b"1"),
        ("", b""),
        ("\0", b"\0"),
        ("traceparent", b"\xff\0"),
        ("none", None),
        ("dl_cause", b"x"),
    ]
    return replace(longer(own, genuine, chance), headers=[*many, *odd, ("ce_id", b"\xff" * 1000)])


def large(own: Poison, _genuine: Genuine, chance: random.Random) -> Poison:
    """Nearly as large as the topic takes, and not to be compressed."""
    return replace(own, value=(own.value or b"")[:5] + chance.randbytes(NEARLY_A_MEBIBYTE))


def bomb(own: Poison, _genuine: Genuine, _chance: random.Random) -> Poison:
    """Some bytes for the broker, many times what a record or a dead letter may have for the reader."""
    return replace(own, value=(own.value or b"")[:5] + bytes(BOMB))


def bomb_of_headers(own: Poison, _genuine: Genuine, _chance: random.Random) -> Poison:
    return replace(own, value=b"\xff", headers=[(f"h{n}", b"\xff" * 1000) for n in range(3000)])


HUGE: tuple[Spoil, ...] = (large, large, bomb, bomb_of_headers)
ORDINARY: tuple[Spoil, ...] = (
    garbage,
    framed_garbage,
    truncated,
    longer,
    unknown_schema,
    wrong_key,
    no_key,
    of_another_topic,
    empty,
    tombstone,
    hostile_headers,
)


def poisons(genuine: Genuine, count: int) -> list[Poison]:
    """Return `count` poisoned records for each topic, made of genuine ones of it; the same ones for the same."""
    chance = random.Random(12)  # noqa: S311 - a seed, not a secret
    found = []
    for topic in sorted(genuine):
        for number in range(count):
            spoil = HUGE[number] if number < len(HUGE) else ORDINARY[number % len(ORDINARY)]
            found.append(spoil(chance.choice(genuine[topic]), genuine, chance))
    chance.shuffle(found)
    return found


async def genuine_of(kafka: KafkaSettings, topics: Sequence[str]) -> dict[str, list[Poison]]:
    """Return what stands in these topics."""
    found: dict[str, list[Poison]] = {topic: [] for topic in topics}
    for record in await read(kafka, topics):
        found[record.topic].append(Poison(record.topic, record.key, record.value, record.headers))
    return found


async def read(
    kafka: KafkaSettings, topics: Sequence[str], read_to: dict[TopicPartition, int] | None = None
) -> list[Any]:
    """Return the records of these topics from `read_to` on (which is moved) up to where they end now."""
    read_to = {} if read_to is None else read_to
    places = [TopicPartition(topic, n) for topic in topics for n in range(BY_NAME[topic].partitions)]
    found: list[Any] = []
    async with asyncio.timeout(SECONDS), open_reader(kafka, "test", places) as reader:
        for place, offset in read_to.items():
            reader.seek(place, offset)
        ends = await reader.end_offsets(places)
        while any([await reader.position(place) < end for place, end in ends.items()]):
            with translated_errors():
                batches = await reader.getmany(timeout_ms=200)
            found += [record for batch in batches.values() for record in batch]
        read_to |= {place: await reader.position(place) for place in places}
    return found


@contextlib.asynccontextmanager
async def stranger(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a producer of somebody else's."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.required_servers(), max_request_size=BATCH_BYTES)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def put(producer: AIOKafkaProducer, poison: Poison) -> tuple[str, int, int]:
    """Put one record on the log and return its place. MessageSizeTooLargeError when the broker does not take it."""
    batch = producer.create_batch()
    # The driver's own builder takes no names but text.
    batch._builder = _DefaultRecordBatchBuilderPy(2, ZSTD, 0, -1, -1, -1, BATCH_BYTES)
    batch.append(timestamp=None, key=poison.key, value=poison.value, headers=list(poison.headers))
    batch.close()
    async with asyncio.timeout(SECONDS):
        told = await (await producer.send_batch(batch, poison.topic, partition=poison.partition))
    return told.topic, told.partition, told.offset


async def is_refused_by_the_broker(producer: AIOKafkaProducer, own: Poison) -> bool:
    """Try a record beyond what its topic takes."""
    beyond = replace(own, value=random.Random(1).randbytes(MORE_THAN_A_MEBIBYTE))  # noqa: S311 - no secret
    try:
        await put(producer, beyond)
    except MessageSizeTooLargeError:
        return True
    return False


def sources(letters: Sequence[Any]) -> dict[tuple[str, int, int], dict[str, str]]:
    """Return the causes of dead letters by the place of what was given up, by the group that did."""
    found: dict[tuple[str, int, int], dict[str, str]] = {}
    for letter in letters:
        told = {name: value.decode() for name, value in letter.headers if name.startswith("dl_")}
        assert letter.topic == dead_letters(told["dl_source_topic"])
        place = (told["dl_source_topic"], int(told["dl_source_partition"]), int(told["dl_source_offset"]))
        found.setdefault(place, {})[told["dl_group"]] = told["dl_cause"]
    return found


def _a_uuid(chance: random.Random) -> bytes:
    return derive(f"{chance.random()}", "stranger").encode()
