"""A broker that loses what it acknowledged: the log's tail is cut on the disk, and the agent tells it again."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.runtime.kafka import check_topics
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from schemas.topics import BY_NAME, DOCUMENT_EVENT, TOPICS
from tests.archive import JSON, Archive
from tests.campaigns.evidence import Entry, read_log
from tests.integration.agent_program import Agent, about, an_agent
from tests.outages import Outage, away
from tests.stacks import SERVERS, Stack, running_stack
from tests.truth import verify

BATCH_HEAD = struct.Struct(">qi")  # base offset, and the length of what follows (Kafka's record batch, version 2)
KEPT_ABOUT_A_PARTITION = ("*.index", "*.timeindex", "*.txnindex", "*.snapshot")
KEPT_ABOUT_ALL = ("*-checkpoint", ".kafka_cleanshutdown")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack(patient_stack: Stack) -> Stack:
    """Return a stack that may be maltreated, and is this module's alone."""
    return patient_stack


async def test_on_one_machine_every_record_of_facts_requests_and_sagas_is_flushed_before_it_is_acknowledged(
    stack: Stack,
) -> None:
    kafka = stack.settings.kafka
    assert await check_topics(kafka) == []
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.required_servers())
    await admin.start()
    try:
        rows = [row for answer in await admin.describe_configs(wanted) for row in answer.resources]
    finally:
        await admin.close()
    told = {name: {entry[0]: entry[1] for entry in entries} for _code, _reason, _kind, name, entries in rows}
    flushed = {name for name, config in told.items() if config["flush.messages"] == "1"}
    assert flushed == {topic.name for topic in TOPICS if topic.cleanup == "delete"}


async def test_acknowledged_events_that_the_log_has_lost_are_told_again_in_order_and_the_views_become_whole(
    stack: Stack,
) -> None:
    servers = stack.settings.kafka.required_servers()
    with Archive(stack) as archive:
        earlier = archive.store("kept.txt", b"kept by the log", element_id="hot")
        kept = facts(await read_log(servers))
        stack.stop("projector")
        # Acknowledged by Kafka, and seen by no view yet.
        uploads = [archive.announce(f"lost-{n}.txt", 4, element_id="hot").json() for n in range(6)]
        assert [archive.put(upload, b"lost").status_code for upload in uploads] == [200] * len(uploads)
        before = await _told_whole(servers, uploads)
        stack.stop("agent-hot")
        with away(stack, "kafka", Outage.KILLED):
            cut(stack.home / "kafka" / "data", {one.partition: one.offset + 1 for one in kept})
        stack.await_ready(*SERVERS.split(","))
        assert ids(facts(await read_log(servers))) == ids(kept)

        stack.start_again("projector")
        documents = [upload["document_id"] for upload in uploads]
        assert [archive.get(f"/documents/{document}").status_code for document in documents] == [404] * len(uploads)
        assert archive.get(f"/documents/{earlier['document_id']}").status_code == 200

        stack.start_again("agent-hot")
        assert "log_has_lost_events" in (stack.home / "log" / "agent-hot.log").read_text(encoding="utf-8")
        for upload in uploads:
            assert archive.finished(upload["operation_id"], 90)["state"] == "succeeded"
            assert archive.content(upload["document_id"]).content == b"lost"
        assert {hit["document_id"] for hit in archive.search("lost")} >= set(documents)
    after = facts(await read_log(servers))
    for document in (*documents, earlier["document_id"]):
        assert once(of(after, document)) == once(of(before, document))
    assert verify(stack.root("hot")) == []
    assert stack.artstore("diff").stdout == ""


async def test_an_agent_alone_tells_a_log_that_was_cut_what_it_has_lost(tmp_path: Path) -> None:
    with running_stack(tmp_path / "log", ARTSTORE_STACK__SERVICES="kafka") as log:
        servers = log.settings.kafka.required_servers()
        async with an_agent(tmp_path / "agent", log.settings.kafka) as agent:
            kept = await _stored(agent, b"kept")
            there = facts(await read_log(servers))
            lost = [await _stored(agent, b"lost") for _ in range(3)]
            before = facts(await read_log(servers))
            assert agent.end() == 0
            with away(log, "kafka", Outage.KILLED):
                cut(log.home / "kafka" / "data", {one.partition: one.offset + 1 for one in there})
            log.await_ready("kafka")
            assert ids(facts(await read_log(servers))) == ids(there)
            await agent.start()
            for ticket in lost:
                await agent.await_told(DocumentCommitted, about(ticket))
        after = facts(await read_log(servers))
    for ticket in (kept, *lost):
        assert once(of(after, ticket.document_id)) == once(of(before, ticket.document_id))


async def _stored(agent: Agent, data: bytes) -> UploadTicket:
    ticket = agent.ticket(data, "a.txt")
    assert (await agent.put(ticket, data)).status_code == 200
    await agent.await_told(DocumentCommitted, about(ticket))
    return ticket


async def _told_whole(servers: str, uploads: Sequence[JSON]) -> list[Entry]:
    """Return the facts as soon as each document's text, the last fact about it, is among them."""
    for _ in range(100):
        found = facts(await read_log(servers))
        if all(len(of(found, upload["document_id"])) == 2 for upload in uploads):
            return found
    raise AssertionError("the facts about the documents do not come")


def facts(log: Sequence[Entry]) -> list[Entry]:
    return [one for one in log if one.topic == DOCUMENT_EVENT]


def of(log: Sequence[Entry], document_id: str) -> list[Entry]:
    return [one for one in log if one.key == document_id.encode()]


def ids(log: Sequence[Entry]) -> list[str]:
    return [one.event_id for one in log]


def once(log: Sequence[Entry]) -> list[tuple[str, bytes]]:
    """Return ids and bytes in the order of the log, an event that was told again counted where it stands first."""
    return list(dict.fromkeys((one.event_id, one.value) for one in log))


def cut(data: Path, ends: Mapping[int, int]) -> None:
    """Cut each partition of the document events to the offsets below its end, and all that Kafka keeps about them."""
    for partition in range(BY_NAME[DOCUMENT_EVENT].partitions):
        folder = data / f"{DOCUMENT_EVENT}-{partition}"
        [segment] = folder.glob("*.log")
        with segment.open("r+b") as file:
            file.truncate(_position_of(segment.read_bytes(), ends.get(partition, 0)))
        _forget(folder, KEPT_ABOUT_A_PARTITION)
    _forget(data, KEPT_ABOUT_ALL)


def _position_of(segment: bytes, offset: int) -> int:
    """Return where in the segment the first batch at `offset` or beyond begins."""
    position = 0
    while position < len(segment):
        base, length = BATCH_HEAD.unpack_from(segment, position)
        if base >= offset:
            break
        position += BATCH_HEAD.size + length
    return position


def _forget(folder: Path, patterns: Sequence[str]) -> None:
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        path.unlink()


def test_a_segment_is_cut_between_its_batches() -> None:
    batches = b"".join(BATCH_HEAD.pack(base, size) + bytes(size) for base, size in ((0, 5), (1, 7), (4, 3)))
    assert [_position_of(batches, offset) for offset in (0, 1, 2, 4, 9)] == [0, 17, 36, 36, 51]
