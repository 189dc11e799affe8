"""A thousand poisoned records in every topic that a program reads: each is told with its cause, and nothing stops."""

import asyncio
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from infra.cli.terminal import PARTIAL
from infra.runtime.kafka import partition_for
from projections.batch import group_of
from projections.catalogue import VIEWS
from schemas.topics import (
    BY_NAME,
    DOCUMENT_EVENT,
    ELEMENT_COMMAND,
    ELEMENT_EVENT,
    ELEMENT_STATUS,
    IDENTITY_EVENT,
    KEY_EVENT,
    SAGA_EVENT,
    SAGA_INBOX,
    dead_letters,
)
from stream_processors.fold import GROUP
from tests.archive import Archive
from tests.hostile.poison import genuine_of, is_refused_by_the_broker, poisons, put, read, sources, stranger
from tests.stacks import PROGRAMS, Stack, eventually, whole_stack
from tests.view_rows import await_caught_up, rows_of_views

READ = (
    SAGA_INBOX,
    SAGA_EVENT,
    ELEMENT_COMMAND,
    DOCUMENT_EVENT,
    ELEMENT_EVENT,
    ELEMENT_STATUS,
    IDENTITY_EVENT,
    KEY_EVENT,
)
EACH = 125
TOLD_SECONDS = 90
GIVEN_UP = re.compile(r"^given up by (\S+): log (\S+)/(\d+)@(\d+): ", re.MULTILINE)
PROJECTORS = {group_of(view) for view in VIEWS}
UNREAD = re.compile(r"log (\S+)/(\d+)@(\d+): ")
Place = tuple[str, int, int]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own: what is poisoned stays so."""
    stack = whole_stack(tmp_path)
    try:
        stack.artstore("up")
        yield stack
    finally:
        stack.artstore("down")


def test_a_thousand_poisoned_records_become_dead_letters_with_a_cause_and_nothing_stops(own: Stack) -> None:
    with Archive(own) as archive:
        for element in ("hot", "vault"):
            stored_and_found(archive, f"до яда {element}", element)
        before = pids(own)
        sent = asyncio.run(poisoned(own))
        assert len(set(sent)) == 1000
        stored_and_found(archive, "среди яда", "hot")
        told = all_told(own, sent, set())
        tell(told, sent)
        assert pids(own) == before, "a program has died of it"
        # Every program that begins anew meets it all again, and the processor its own topic for the first time.
        for program in PROGRAMS:
            own.send(program, signal.SIGKILL)
        own.await_ready()
    with Archive(own) as archive:
        for element in ("hot", "vault"):
            stored_and_found(archive, f"после яда {element}", element)
        a_saga_in_every_partition(archive)
    all_told(own, [place for place in sent if place[0] == SAGA_EVENT], {GROUP})
    assert pids(own).keys() == before.keys()
    assert_views_differ_in_nothing_but(own, {place for place in sent if place[0] in {DOCUMENT_EVENT, ELEMENT_EVENT}})
    a_rebuild_gives_up_the_same_and_keeps_all_else(own)


def a_rebuild_gives_up_the_same_and_keeps_all_else(stack: Stack) -> None:
    """It ends, tells what the projector has given up, writes none of it a second time, and makes the same rows."""
    await_caught_up(stack)
    rows, kept = rows_of_views(stack), all_letters(stack)
    done = stack.artstore("rebuild", check=False)
    assert done.returncode == PARTIAL, done.stderr
    assert all_letters(stack).keys() == kept.keys()
    told = Counter((group, (topic, int(at), int(offset))) for group, topic, at, offset in GIVEN_UP.findall(done.stderr))
    assert set(told.values()) == {1}, "told twice"
    letters = sources(list(kept.values()))
    assert told.keys() >= {(group, place) for place in letters for group in letters[place] if group in PROJECTORS}
    assert {place for _, place in told if not letters.get(place)} == set(), "given up by the rebuild alone"
    assert rows_of_views(stack) == rows


def all_letters(stack: Stack) -> dict[Place, Any]:
    """Return every dead letter by its own place."""
    letters = asyncio.run(read(stack.settings.kafka, [dead_letters(topic) for topic in READ]))
    return {(letter.topic, letter.partition, letter.offset): letter for letter in letters}


def stored_and_found(archive: Archive, words: str, element: str) -> None:
    """Store a document and find it by its words at once, as `succeeded` promises."""
    upload = archive.store(f"{words}.txt", words.encode(), element_id=element)
    assert archive.content(upload["document_id"]).content == words.encode()
    assert upload["document_id"] in [item["document_id"] for item in archive.search(words)]


def a_saga_in_every_partition(archive: Archive) -> None:
    """Begin uploads until every partition has a saga to decide: it is folded before."""
    left = set(range(BY_NAME[SAGA_INBOX].partitions))
    for number in range(200):
        if left:
            begun = archive.announce(f"{number}.txt", 1)
            assert begun.status_code == 201, begun.text
            left.discard(partition_for(begun.json()["operation_id"].encode(), BY_NAME[SAGA_INBOX].partitions))
    assert not left


def assert_views_differ_in_nothing_but(stack: Stack, poisoned: set[Place]) -> None:
    """`artstore diff` tells what of the log it could not read, and nothing else."""
    told = stack.artstore("diff", check=False)
    lines = [line for line in told.stdout.splitlines() if line]
    unread = [found.groups() for line in lines if (found := UNREAD.match(line))]
    assert {(topic, int(partition), int(offset)) for topic, partition, offset in unread} == poisoned
    assert [line for line in lines if not UNREAD.match(line)] == [], told.stderr


def pids(stack: Stack) -> dict[str, int]:
    return {name: int(row["pid"]) for name, row in stack.status().items() if name in PROGRAMS}


async def poisoned(stack: Stack) -> list[Place]:
    genuine = await genuine_of(stack.settings.kafka, READ)
    assert all(genuine.values())
    async with stranger(stack.settings.kafka) as producer:
        refused = [await is_refused_by_the_broker(producer, records[0]) for records in genuine.values()]
        assert refused == [True] * len(READ)
        return [await put(producer, poison) for poison in poisons(genuine, EACH)]


def all_told(stack: Stack, sent: list[Place], groups: set[str]) -> dict[Place, dict[str, str]]:
    """Wait until each record is among the dead letters (of these groups), with a cause; return what they say."""
    letters: dict[Place, dict[str, str]] = {}
    topics, read_to = [dead_letters(topic) for topic in READ], dict[TopicPartition, int]()

    def missing() -> list[Place]:
        for place, causes in sources(asyncio.run(read(stack.settings.kafka, topics, read_to))).items():
            letters.setdefault(place, {}).update(causes)
        return [place for place in sent if not letters.get(place) or not groups <= letters[place].keys()]

    eventually(lambda: not missing(), TOLD_SECONDS, "some poison is not among the dead letters")
    assert all(all(causes.values()) for causes in letters.values())
    return letters


def tell(told: dict[Place, dict[str, str]], sent: list[Place]) -> None:
    for topic in READ:
        places = [place for place in sent if place[0] == topic]
        causes = Counter(cause for place in places for cause in set(told[place].values()))
        counts = ", ".join(f"{cause}: {count}" for cause, count in sorted(causes.items()))
        sys.stdout.write(f"{topic} | {len(places)} | {counts}\n")
