"""Text out of documents: every charset and form that is promised, and a reason where there is none."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.commands import ExtractText
from schemas.envelope import Received
from schemas.errors import Busy
from schemas.events import TextExtracted, TextUnavailable
from schemas.identifiers import new_id
from schemas.registry import decode
from schemas.replies import TextFinished
from storage_agent.charsets import decode as decode_text
from storage_agent.derived import open_scratch, put_in_place, text_path
from storage_agent.extraction import INPUT_BYTES, Undecodable, extract
from storage_agent.files import LocalDisk
from storage_agent.holdings import StoredDocument
from storage_agent.text import Texts, extract_file
from tests.agents import SECRET, Plane, a_plane, an_extract_text, an_extractor, path_of, sha256, some_bytes, told, until
from tests.builders import NOW

RUSSIAN = "Ёлка стояла у окна, и в её ветвях блестели шары. Съешь же ещё этих мягких французских булок."
ENCODINGS = ("utf-8", "utf-8-sig", "cp1251", "koi8-r", "cp866", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [RUSSIAN, RUSSIAN.upper(), "Протокол №1\r\n1. Слушали\t2. Постановили"])
def test_russian_comes_out_right_in_every_charset(encoding: str, text: str) -> None:
    assert decode_text(text.replace("№", "N").encode(encoding), cut=False) == text.replace("№", "N")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp1251", "koi8-r"])
def test_a_text_cut_anywhere_is_read_up_to_the_cut(encoding: str) -> None:
    data = (RUSSIAN * 3).encode(encoding)
    for end in range(len(data) - 8, len(data)):
        assert (decode_text(data[:end], cut=True) or "")[:200] == (RUSSIAN * 3)[:200]


def test_western_letters_are_not_taken_for_cyrillic() -> None:
    text = "Der Müller und die Bäuerin gehen über die Brücke; Großmutter wartet schon länger am schönen Flüßchen."
    assert decode_text(text.encode("cp1252"), cut=False) == text


def test_bytes_are_no_text() -> None:
    assert decode_text(some_bytes(5000), cut=False) is None
    with pytest.raises(Undecodable):
        extract("text/plain", some_bytes(5000), cut=False)


def test_of_a_page_only_what_is_seen_comes_out() -> None:
    page = (
        "<!doctype html><html><head><title>Опись</title><style>p{color:red}</style>"
        "<script>var tyger = '<p>burning</p>';</script></head><body><h1>Фонд&nbsp;<b>Р</b>-17</h1>"
        "<p>Первый&#33;<br>Второй</p><!-- скрыто --><noscript>нет</noscript><img alt='Печать' src=x>"
        "<table><tr><td>1</td><td>2</td></tr></table><p hidden/>конец"
    )
    text = extract("text/html", page.encode(), cut=False)
    assert text.splitlines() == ["Опись", "Фонд Р-17", "Первый!", "Второй", "Печать", "1", "2", "конец"]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-8"])
def test_a_page_is_read_in_the_charset_that_it_names(encoding: str) -> None:
    page = f'<html><meta http-equiv="Content-Type" content="text/html; charset={encoding}"><p>щи да ёж</p>'
    assert extract("text/html", page.encode(encoding), cut=False) == "щи да ёж"
    lying = page.replace(encoding, "klingon").encode(encoding) if encoding != "utf-8" else page.encode()
    assert "html" not in extract("text/html", lying, cut=False)


def test_of_json_keys_and_strings_come_out_whole_or_cut() -> None:
    data = json.dumps({"название": ['Ёлка \\ "шар"', 17, None], "n\n": {"a\u0000b": "c"}}).encode()
    expected = ["название", 'Ёлка \\ "шар"', "n", "", "ab", "c"]
    assert extract("application/json", data, cut=False).split("\n") == expected
    assert extract("application/json", data[:-3], cut=True).split("\n")[:2] == expected[:2]
    with pytest.raises(Undecodable):
        extract("application/json", data[:-3], cut=False)
    assert extract("application/json", b"[" * 100_000 + b'"x"' + b"]" * 100_000, cut=False) == "x"
    assert extract("application/json", b'["\\ud800"]', cut=False) == "?"


def test_of_a_table_the_cells_come_out() -> None:
    data = 'номер;заголовок\r\n1;"Дело ""А"";\nтом 2"\r\n'.encode("cp1251")
    assert extract("text/csv", data, cut=False) == 'номер\tзаголовок\n1\tДело "А";\nтом 2'


@given(some.binary(max_size=400), some.sampled_from(["text/plain", "text/html", "application/json", "text/csv"]))
def test_whatever_comes_is_text_without_nul_or_undecodable(data: bytes, media_type: str) -> None:
    try:
        text = extract(media_type, data, cut=False)
    except Undecodable:
        return
    assert "\x00" not in text
    text.encode()


async def outcome(plane: Plane, received: Received) -> tuple[TextExtracted | TextUnavailable | None, TextFinished]:
    """Let the text of a stored document be extracted; return the fact, if one was told, and the reply."""
    assert await plane.documents.accept_command(received)
    await plane.texts.extract(received)
    messages = [decode(record.value) for record in (await told(plane.documents, plane.documents.outbox.length)).records]
    fact = next((message for message in messages if isinstance(message, TextExtracted | TextUnavailable)), None)
    reply = next(message for message in messages if isinstance(message, TextFinished))
    assert fact is None or messages.index(fact) < messages.index(reply)
    return fact, reply


async def test_a_text_lies_in_derived_before_the_fact_is_told(plane: Plane) -> None:
    data = RUSSIAN.encode("cp1251")
    ticket = await plane.stored(data, "Ёлка.txt")
    fact, reply = await outcome(plane, an_extract_text(ticket))
    assert isinstance(fact, TextExtracted)
    assert (fact.sha256, fact.characters, fact.truncated) == (sha256(data), len(RUSSIAN), False)
    assert (fact.meta.aggregate_type, fact.meta.aggregate_id, fact.meta.aggregate_version) == (
        "text",
        ticket.document_id,
        1,
    )
    assert (reply.available, reply.text_version, reply.reason) == (True, 1, None)
    assert reply.meta.aggregate_id == ticket.operation_id
    text = await plane.client.get(path_of(ticket, "text"), headers={"Authorization": f"Bearer {SECRET}"})
    assert (text.text, sha256(text.content)) == (RUSSIAN, fact.text_sha256)
    assert [path.name for path in text_path(plane.root, ticket.document_id, 1).parent.iterdir()] == [
        f"{ticket.document_id}.v1.txt"
    ]


async def test_of_a_long_text_the_beginning_is_taken(plane: Plane) -> None:
    ticket = await plane.stored(b"word " * 300_000, "long.txt")
    fact, _ = await outcome(plane, an_extract_text(ticket))
    assert isinstance(fact, TextExtracted)
    assert (fact.characters, fact.truncated) == (INPUT_BYTES, True)


@pytest.mark.parametrize(
    ("data", "filename", "reason"),
    [(some_bytes(500), "a.bin", "no_extractor"), (b'{"a": ', "a.json", "corrupt")],
)
async def test_where_there_is_no_text_the_fact_says_why(plane: Plane, data: bytes, filename: str, reason: str) -> None:
    ticket = await plane.stored(data, filename)
    fact, reply = await outcome(plane, an_extract_text(ticket))
    assert isinstance(fact, TextUnavailable)
    assert fact.reason == reason
    assert (reply.available, reply.text_version, reply.reason) == (False, 1, reason)
    assert not text_path(plane.root, ticket.document_id, 1).exists()


async def test_of_a_document_that_is_not_here_only_a_reply_is_told(plane: Plane) -> None:
    fact, reply = await outcome(plane, an_extract_text(plane.ticket(b"never sent")))
    assert fact is None
    assert (reply.available, reply.text_version, reply.reason) == (False, 0, "document_unknown")


async def test_the_same_command_tells_the_same_fact_once(plane: Plane) -> None:
    ticket = await plane.stored(b"words", "a.txt")
    received = an_extract_text(ticket)
    fact, reply = await outcome(plane, received)
    await plane.texts.extract(received)
    assert plane.documents.outbox.length == 0
    assert not await plane.documents.accept_command(received)
    assert fact is not None
    assert fact.meta.causation_id == received.message.meta.event_id
    assert reply.meta.causation_id == fact.meta.event_id


async def test_a_process_that_is_late_is_ended(tmp_path: Path, plane: Plane) -> None:
    del plane
    pipe = tmp_path / "body"
    pipe.write_bytes(b"words")
    async with asyncio.timeout(20), an_extractor() as extractor:
        done = await extract_file(extractor, "text/plain", pipe, tmp_path / "a.txt", tmp_path / "scratch", 0.0)
    assert done.reason == "too_slow"
    assert not (tmp_path / "scratch").exists()


async def test_a_body_taken_away_since_it_was_found_costs_its_text_and_not_the_agent(plane: Plane) -> None:
    ticket = await plane.stored(b"words", "a.txt")
    received = an_extract_text(ticket)
    assert await plane.documents.accept_command(received)
    texts = TakenMeanwhile(plane.documents, plane.root, plane.clock, plane.metrics)
    try:
        await texts.extract(received)
    finally:
        await texts.close()
    fact, reply = [decode(record.value) for record in (await told(plane.documents, 5)).records][-2:]
    assert isinstance(fact, TextUnavailable)
    assert isinstance(reply, TextFinished)
    assert (fact.reason, plane.documents.pending_commands()) == ("body_damaged", [])


async def test_a_text_is_put_off_while_something_is_short_and_the_agent_lives_on(plane: Plane) -> None:
    ticket = await plane.stored(b"words", "a.txt")
    received = an_extract_text(ticket)
    assert await plane.documents.accept_command(received)
    texts = ShortOfHandles(plane)
    running = asyncio.create_task(texts.run())
    try:
        await texts.put(received)
        await until(lambda: not plane.documents.pending_commands())
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert texts.times == 2


def test_the_name_of_a_text_is_durable_before_its_digest_is_told(tmp_path: Path) -> None:
    path = text_path(tmp_path, new_id(NOW), 1)
    disk = NotingDisk()
    with open_scratch(path.with_name("scratch")) as sink:
        sink.write(b"words")
    assert put_in_place(path.with_name("scratch"), path, disk).characters == 5
    derived = tmp_path / "derived"
    assert {path.parent, *path.parent.parents} & {derived, *derived.rglob("*")} == set(disk.synced)


class ShortOfHandles(Texts):
    """Finds no handle the first time."""

    def __init__(self, plane: Plane) -> None:
        super().__init__(plane.documents, plane.root, plane.clock, plane.metrics)
        self.times = 0

    async def extract(self, received: Received) -> None:
        self.times += 1
        if self.times == 1:
            raise Busy
        await super().extract(received)


class TakenMeanwhile(Texts):
    """Somebody takes each body away once it is found."""

    async def _found(self, command: ExtractText) -> StoredDocument | str:
        found = await super()._found(command)
        assert isinstance(found, StoredDocument)
        found.body.unlink()
        return found


class NotingDisk(LocalDisk):
    """Notes which folders were synced."""

    def __init__(self) -> None:
        self.synced: list[Path] = []

    def sync_directory(self, path: Path) -> None:
        self.synced.append(path)
        super().sync_directory(path)
