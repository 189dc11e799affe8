"""Operations, accounts, elements, timeline and texts on real servers."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from infra.runtime.clock import ManualClock, SystemClock
from infra.runtime.metrics import Metrics
from infra.runtime.redis import open_redis
from infra.runtime.settings import Settings
from infra.runtime.settings_sections import RedisSettings
from projections.accounts.queries import account, account_by_login
from projections.catalogue import ACCOUNTS, DOCUMENTS, ELEMENTS, FIXITY, OPERATIONS, TEXTS, TIMELINE
from projections.documents.queries import document
from projections.elements.discovery import PREFIX, DiscoveryWriter, discovered
from projections.elements.queries import elements
from projections.fixity.queries import DamageView, damages
from projections.operations.queries import operation
from projections.texts.queries import TextStore, Wanted, text_state
from projections.texts.worker import TextWorker
from projections.timeline.queries import EventView, events
from schemas.elements import Mode
from schemas.errors import AgentUnavailable, ConfigurationInvalid, NotFound
from schemas.events import Outcome, ScrubProgress
from schemas.identifiers import new_id
from schemas.topics import DOCUMENT_EVENT
from tests.builders import NOW, a_document_committed, an_attributes, an_upload_request
from tests.projecting import (
    Bench,
    a_damage,
    a_document,
    a_heartbeat,
    a_mending,
    a_pass,
    a_registration,
    a_saga_step,
    a_text,
    an_account,
    an_identity,
    no_text,
    open_bench,
    received,
)


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def test_an_operation_is_found_only_when_the_views_hold_its_outcomes(bench: Bench) -> None:
    request = an_upload_request()
    attributes = an_attributes(request)
    fact = a_text(attributes, "слово")
    outcomes = (
        Outcome(aggregate_type="document", aggregate_id=request.document_id, version=1),
        Outcome(aggregate_type="text", aggregate_id=request.document_id, version=1),
    )
    assert await operation(bench.pool, request.meta.aggregate_id) is None
    await bench.publish(request)
    await bench.project(OPERATIONS)
    asked = await operation(bench.pool, request.meta.aggregate_id)
    assert asked is not None
    assert (asked.status, asked.step, asked.version, asked.kind) == ("running", "accepted", 0, "upload")
    assert asked.request is not None
    assert asked.request["ticket_id"] == request.ticket_id
    await bench.publish(a_saga_step(request, 1), a_saga_step(request, 2, status="succeeded", outcomes=outcomes))
    await bench.publish(a_document_committed(attributes), fact)
    await bench.project(OPERATIONS)
    assert not await _found(bench, request.meta.aggregate_id)
    await bench.project(DOCUMENTS, TEXTS)
    assert not await _found(bench, request.meta.aggregate_id)
    await bench.keep_text(fact, "слово")
    assert await _found(bench, request.meta.aggregate_id)


async def _found(bench: Bench, operation_id: str) -> bool:
    seen = await operation(bench.pool, operation_id)
    assert seen is not None
    assert seen.status == "succeeded"
    return seen.found


async def test_the_first_request_stands_even_when_its_saga_was_seen_before(bench: Bench) -> None:
    first = an_upload_request(filename="первый.txt")
    second = first.model_copy(update={"filename": "второй.txt", "request_sha256": "f" * 64})
    await bench.publish(a_saga_step(first, 1), first, second)
    await bench.project(OPERATIONS)
    seen = await operation(bench.pool, first.meta.aggregate_id)
    assert seen is not None
    assert seen.request is not None
    assert (seen.request["filename"], seen.request_sha256) == ("первый.txt", first.request_sha256)


async def test_a_login_belongs_to_the_account_that_came_first(bench: Bench) -> None:
    login = f"Ёлкина-{new_id(NOW)}"
    first, second = an_account(login), an_account(login.upper())
    await bench.publish(first, second)
    await bench.project(ACCOUNTS)
    seen = await account_by_login(bench.pool, login.swapcase())
    assert seen is not None
    assert seen.account_id == first.account_id
    assert seen.sealed_password == first.sealed_password
    assert await account(bench.pool, second.account_id) is None


async def test_an_element_has_the_newer_of_its_two_modes(bench: Bench) -> None:
    element_id = new_id(NOW)
    await bench.publish(a_registration(an_identity(element_id, mode=Mode.EDIT)), a_heartbeat(element_id))
    await bench.publish(a_registration(an_identity(element_id, mode=Mode.READ_ONLY, epoch=2)))
    await bench.project(ELEMENTS)
    seen = next(each for each in await elements(bench.pool) if each.element_id == element_id)
    assert (seen.mode, seen.mode_epoch, seen.url, seen.free_bytes) == ("ro", 2, "http://127.0.0.1:1", 60)


async def test_an_element_shows_its_damage_its_scrub_and_its_last_whole_pass(bench: Bench) -> None:
    silent, element_id = new_id(NOW), new_id(NOW)
    scrub = ScrubProgress(pass_number=3, share=0.25, documents=7, finished_at=NOW)
    beat = a_heartbeat(element_id).model_copy(update={"damaged": 2, "scrub": scrub})
    await bench.publish(a_registration(an_identity(silent)), a_registration(an_identity(element_id)), beat)
    await bench.publish(a_pass(element_id, 2, damaged=1), a_pass(element_id, 1, finished_at=NOW - timedelta(days=7)))
    await bench.project(ELEMENTS, FIXITY)
    seen = {each.element_id: each for each in await elements(bench.pool)}
    known, unknown = seen[element_id], seen[silent]
    assert (known.damaged, known.scrub_pass, known.scrub_share, known.scrub_documents) == (2, 3, 0.25, 7)
    assert (known.scrub_finished_at, known.pass_finished_at) == (NOW, NOW)
    assert (known.pass_number, known.pass_documents, known.pass_bytes, known.pass_damaged) == (2, 41, 1000, 1)
    assert (unknown.damaged, unknown.scrub_pass, unknown.pass_number) == (None, None, None)
    async with open_redis(bench.settings.redis) as redis:
        await DiscoveryWriter(redis, ManualClock(NOW)).tell(ELEMENTS.fold(received(beat)))
        found = next(each for each in await discovered(redis) if each.element_id == element_id)
        assert (found.damaged, found.scrub) == (2, scrub)


async def test_a_damaged_version_is_in_the_list_and_on_its_document_until_it_is_mended(bench: Bench) -> None:
    attributes, other = a_document("Опись"), a_document("Акт")
    await bench.publish(a_document_committed(attributes), a_document_committed(other))
    await bench.publish(a_damage(attributes.document_id, 6), a_damage(attributes.document_id, 5))
    await bench.project(DOCUMENTS, FIXITY)
    seen = await document(bench.pool, attributes.document_id)
    assert seen is not None
    assert (seen.damaged_part, seen.damage_reason, seen.damage_found_by) == ("body", "digest", "scrub")
    assert (seen.damage_found_at, len(seen.quarantined)) == (NOW + timedelta(microseconds=6), 1)
    whole = await document(bench.pool, other.document_id)
    assert whole is not None
    assert (whole.damaged_part, whole.quarantined) == (None, ())
    mine = [each for each in (await damages(bench.pool, 100)).items if each.document_id == attributes.document_id]
    assert [(each.title, each.filename, each.version) for each in mine] == [("Опись", "Отчёт.txt", 1)]
    await bench.publish(a_mending(attributes.document_id, 7), a_damage(attributes.document_id, 6))
    await bench.project(FIXITY)
    mended = await document(bench.pool, attributes.document_id)
    assert mended is not None
    assert mended.damaged_part is None
    assert attributes.document_id not in {each.document_id for each in (await damages(bench.pool, 100)).items}


async def test_damages_are_listed_the_newest_first_in_pages_even_of_what_no_other_view_knows(bench: Bench) -> None:
    documents = [new_id(NOW) for _ in range(5)]
    await bench.publish(*(a_damage(each, 10**15 + number // 2) for number, each in enumerate(documents)))
    await bench.project(FIXITY)
    seen: list[DamageView] = []
    cursor: str | None = None
    while True:
        page = await damages(bench.pool, 2, cursor)
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert [each.found_at for each in seen] == sorted((each.found_at for each in seen), reverse=True)
    mine = [each for each in seen if each.document_id in documents]
    assert sorted(each.document_id for each in mine) == sorted(documents)
    assert {(each.title, each.filename) for each in mine} == {(None, None)}


async def test_a_fresh_heartbeat_is_discovered_and_an_old_one_is_history(bench: Bench) -> None:
    clock = ManualClock(NOW)
    fresh, old = new_id(NOW), new_id(NOW)
    rows = [
        row
        for beat in (
            a_heartbeat(fresh, at=NOW - timedelta(seconds=3)),
            a_heartbeat(old, at=NOW - timedelta(seconds=20)),
        )
        for row in ELEMENTS.fold(received(beat))
    ]
    async with open_redis(bench.settings.redis) as redis:
        await DiscoveryWriter(redis, clock).tell(rows)
        known = {each.element_id: each for each in await discovered(redis)}
        assert old not in known
        assert known[fresh].free_bytes == 60
        assert 0 < await redis.pttl(PREFIX + fresh) <= 12_000


async def test_a_password_that_redis_refuses_is_refused_at_a_start_and_stops_nothing_that_runs(
    servers: Settings,
) -> None:
    address = urlsplit(servers.redis.required_url())
    wrong = RedisSettings.model_validate({"url": f"redis://:wrong@{address.hostname}:{address.port}/0"})
    with pytest.raises(ConfigurationInvalid, match="ARTSTORE_REDIS__URL"):
        async with open_redis(wrong):
            pass
    beat = a_heartbeat(new_id(NOW), at=datetime.now(UTC))
    async with Redis.from_url(wrong.required_url(), socket_timeout=5.0) as redis:
        await DiscoveryWriter(redis, SystemClock()).tell(ELEMENTS.fold(received(beat)))
        with pytest.raises(ConfigurationInvalid):
            await discovered(redis)


async def test_redis_being_away_stops_nothing() -> None:
    beat = a_heartbeat(new_id(NOW), at=datetime.now(UTC))
    away = RedisSettings(url="redis://127.0.0.1:1/0")
    async with open_redis(away) as redis:
        await DiscoveryWriter(redis, SystemClock()).tell(ELEMENTS.fold(received(beat)))


async def test_the_trail_of_a_document_has_every_event_once_in_the_order_of_time(bench: Bench) -> None:
    request = an_upload_request()
    attributes = an_attributes(request)
    committed = a_document_committed(attributes, operation_id=request.meta.aggregate_id)
    await bench.publish(request, a_saga_step(request, 1), committed, committed, a_text(attributes, "слово"))
    await bench.project(TIMELINE)
    seen: list[EventView] = []
    cursor: str | None = None
    while True:
        page = await events(bench.pool, 2, cursor, document_id=request.document_id)
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert [each.type.rpartition(".")[2] for each in seen] == [
        "DocumentCommitted",
        "SagaAdvanced",
        "TextExtracted",
    ] or [each.type.rpartition(".")[2] for each in seen] == ["DocumentCommitted", "TextExtracted", "SagaAdvanced"]
    assert seen[0].payload["attr"]["document_id"] == request.document_id
    assert seen[0].topic == DOCUMENT_EVENT
    by_operation = await events(bench.pool, 10, correlation_id=request.meta.aggregate_id)
    assert {each.type.rpartition(".")[2] for each in by_operation.items} == {"DocumentCommitted", "SagaAdvanced"}


class Texts:
    """Texts by document, and what is to be raised instead."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.failures: dict[str, Exception] = {}
        self.asked: list[Wanted] = []

    async def fetch(self, wanted: Wanted) -> str:
        self.asked.append(wanted)
        await asyncio.sleep(0)
        if wanted.document_id in self.failures:
            raise self.failures[wanted.document_id]
        return self.texts[wanted.document_id]


def worker(bench: Bench, texts: Texts, silence_seconds: float = 30.0) -> TextWorker:
    return TextWorker(TextStore(bench.pool), texts, SystemClock(), Metrics(), silence_seconds)


async def waiting_text(bench: Bench, element_id: str | None = None) -> str:
    attributes = a_document()
    fact = a_text(attributes, "Рукописи не горят")
    if element_id is not None:
        fact = fact.model_copy(update={"element_id": element_id})
    async with bench.pool.acquire() as connection:
        await DOCUMENTS.put(connection, "views", DOCUMENTS.fold(received(a_document_committed(attributes))))
        await TEXTS.put(connection, "views", TEXTS.fold(received(fact)))
    return attributes.document_id


async def test_a_text_that_waits_is_fetched_from_its_element(bench: Bench) -> None:
    texts = Texts()
    element_id = new_id(NOW)
    document_id = await waiting_text(bench, element_id)
    texts.texts[document_id] = "Рукописи не горят"
    async with bench.pool.acquire() as connection:
        await ELEMENTS.put(connection, "views", ELEMENTS.fold(received(a_heartbeat(element_id, "http://agent:1"))))
    assert await worker(bench, texts).round() == 1
    state = await text_state(bench.pool, document_id, 1)
    assert state is not None
    assert state.state == "ready"
    assert texts.asked[0].url == "http://agent:1"
    assert texts.asked[0].text_sha256 == hashlib.sha256("Рукописи не горят".encode()).hexdigest()
    assert await worker(bench, texts).round() == 0


async def test_a_silent_element_makes_a_text_unavailable_for_now_and_it_comes_later(bench: Bench) -> None:
    texts = Texts()
    document_id = await waiting_text(bench)
    texts.failures[document_id] = AgentUnavailable()
    patient = worker(bench, texts, silence_seconds=0.05)
    await asyncio.sleep(0.1)
    await patient.round()
    state = await text_state(bench.pool, document_id, 1)
    assert state is not None
    assert state.state == "unavailable"
    texts.texts[document_id] = "слово"
    del texts.failures[document_id]
    async with asyncio.timeout(10):
        while (state := await text_state(bench.pool, document_id, 1)) is None or state.state != "ready":
            await patient.round()
            await asyncio.sleep(0.05)


async def test_one_text_that_is_missing_does_not_keep_its_neighbours_waiting(bench: Bench) -> None:
    texts = Texts()
    missing, other = await waiting_text(bench), await waiting_text(bench)
    texts.failures[missing] = NotFound()
    texts.texts[other] = "слово"
    assert await worker(bench, texts).round() == 2
    states = [await text_state(bench.pool, document_id, 1) for document_id in (missing, other)]
    assert [each.state for each in states if each] == ["pending", "ready"]


async def test_a_text_that_cannot_be_had_is_final(bench: Bench) -> None:
    attributes = a_document()
    await bench.publish(a_document_committed(attributes), no_text(attributes, "encrypted"))
    await bench.project(DOCUMENTS, TEXTS)
    state = await text_state(bench.pool, attributes.document_id, 1)
    assert state is not None
    assert (state.state, state.reason) == ("unavailable", "encrypted")
    await bench.pool.execute("DELETE FROM views.texts WHERE document_id <> $1", attributes.document_id)
    assert await worker(bench, Texts()).round() == 0


async def test_a_text_with_more_words_than_an_index_takes_is_kept_and_found_by_its_beginning(bench: Bench) -> None:
    texts = Texts()
    document_id = await waiting_text(bench)
    texts.texts[document_id] = " ".join(f"{number:x}абвгдежзий{number}" for number in range(60_000))
    assert await worker(bench, texts).round() == 1
    state = await text_state(bench.pool, document_id, 1)
    assert state is not None
    assert state.state == "ready"


async def test_a_claimed_text_is_nobody_elses(bench: Bench) -> None:
    await waiting_text(bench)
    store = TextStore(bench.pool)
    first = await store.claim(10, (), timedelta(seconds=20))
    assert len(first) == 1
    assert await store.claim(10, (), timedelta(seconds=20)) == ()
    assert not await store.store(replace(first[0], text_version=99), "слово", "слово")


async def test_a_document_shows_the_mode_that_its_element_has_now(bench: Bench) -> None:
    attributes = a_document()
    identity = an_identity(attributes.element.element_id, mode=Mode.READ_ONLY, epoch=7)
    async with bench.pool.acquire() as connection:
        await DOCUMENTS.put(connection, "views", DOCUMENTS.fold(received(a_document_committed(attributes))))
        await ELEMENTS.put(connection, "views", ELEMENTS.fold(received(a_registration(identity))))
    seen = await document(bench.pool, attributes.document_id)
    assert seen is not None
    assert seen.mode == "ro"
