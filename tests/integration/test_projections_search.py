"""Search on a real PostgreSQL: Russian and English words, ranks, snippets, pages, and queries meant to break it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.runtime.settings import Settings
from projections.catalogue import DOCUMENTS, TEXTS
from projections.documents.search import Hit, search
from projections.tables import Row
from projections.view import View
from schemas.attributes import Attributes
from schemas.envelope import Message
from schemas.errors import InvalidCursor
from tests.builders import a_document_committed
from tests.projecting import Bench, a_document, a_text, next_state, open_bench, received


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def store(bench: Bench, attributes: Attributes, text: str | None = None) -> str:
    """Put a document and its text straight into the views; return its id."""
    await _put(bench, DOCUMENTS, a_document_committed(attributes))
    if text is not None:
        fact = a_text(attributes, text)
        await _put(bench, TEXTS, fact)
        await bench.keep_text(fact, text)
    return attributes.document_id


async def _put(bench: Bench, view: View, message: Message) -> None:
    rows: tuple[Row, ...] = view.fold(received(message))
    async with bench.pool.acquire() as connection:
        await view.put(connection, "views", rows)


async def hits(bench: Bench, query: str, limit: int = 20) -> list[Hit]:
    return list((await search(bench.pool, query, limit)).items)


async def found(bench: Bench, query: str) -> list[str]:
    return [hit.document_id for hit in await hits(bench, query)]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("В архиве хранились старинные рукописи.", "рукопись"),
        ("Опись составил хранитель.", "хранителями"),
        ("Сделана опись.", "описи"),
        ("По летописи 1410 года.", "летопись"),
        ("Подпись заверена.", "подписью"),
        ("The libraries keep studies of archives.", "library study archive"),
        ("Чёрный ящик стоял под ёлкой.", "черный елка"),
        ("Черный ящик стоял под елкой.", "чёрная ёлка"),
        ("письмо,написанное.Пушкиным", "Пушкин"),
        ("«Пушкин» — “поэт”…", "пушкин поэт"),
        ("e-mail: anna@archive.example", "archive"),
    ],
)
async def test_words_inside_a_text_are_found_in_any_form(bench: Bench, text: str, query: str) -> None:
    document_id = await store(bench, a_document("Без названия", "x.txt"), text)
    assert await found(bench, query) == [document_id]


@pytest.mark.parametrize(
    "query", ["договор", "хранения", "2026", "pdf", "срочно", "Ёлкина", "финансовый", "42", "dogovor"]
)
async def test_names_titles_tags_classes_and_custom_values_are_found(bench: Bench, query: str) -> None:
    attributes = a_document(
        "Договор хранения", "Dogovor_hraneniya-2026.pdf", tags=("срочно",), custom={"автор": "Ёлкин", "лист": 42}
    )
    described = attributes.description.model_copy(update={"document_class": "финансовые"})
    document_id = await store(bench, attributes.model_copy(update={"description": described}))
    assert await found(bench, query) == [document_id]


async def test_the_title_ranks_above_the_name_and_the_name_above_the_text(bench: Bench) -> None:
    in_text = await store(bench, a_document("а", "a.txt"), "рукопись " * 200)
    in_name = await store(bench, a_document("б", "рукопись.txt"))
    in_title = await store(bench, a_document("Рукопись", "c.txt"))
    ranked = await hits(bench, "рукопись")
    assert [hit.document_id for hit in ranked] == [in_title, in_name, in_text]
    assert ranked[0].rank > ranked[1].rank > ranked[2].rank > 0


async def test_words_may_stand_partly_in_the_title_and_partly_in_the_text(bench: Bench) -> None:
    document_id = await store(bench, a_document("Письмо", "x.txt"), "Написал Пушкин в 1830 году.")
    assert await found(bench, "письмо Пушкина") == [document_id]
    assert await found(bench, "письмо Пушкина Гоголю") == []


async def test_phrases_or_and_minus_are_understood(bench: Bench) -> None:
    don = await store(bench, a_document("а", "a.txt"), "Тихий Дон течёт.")
    other = await store(bench, a_document("б", "b.txt"), "Дон очень тихий, рядом Волга.")
    assert await found(bench, '"тихий дон"') == [don]
    assert sorted(await found(bench, "течёт or волга")) == sorted([don, other])
    assert await found(bench, "дон -волга") == [don]


async def test_a_word_excluded_anywhere_excludes_the_document(bench: Bench) -> None:
    await store(bench, a_document("Пушкин", "x.txt"), "И Лермонтов тоже.")
    assert await found(bench, "пушкин -лермонтов") == []


async def test_the_snippet_shows_the_hit_in_its_own_letters(bench: Bench) -> None:
    text = f"{'Вступление без смысла. ' * 40}Под большой Ёлкой лежал чёрный ящик с <письмами>. {'Дальше. ' * 40}"
    await store(bench, a_document("Опись", "o.txt"), text)
    (hit,) = await hits(bench, "елка")
    assert "**Ёлкой**" in hit.snippet
    assert "чёрный ящик" in hit.snippet
    assert len(hit.snippet) < 400


async def test_without_a_hit_in_the_text_the_snippet_comes_from_the_title_or_the_name(bench: Bench) -> None:
    await store(bench, a_document("Отчёт о ёлках", "x.txt"), "Ничего.")
    await store(bench, a_document("", "план_берёзовой_рощи.txt"))
    await store(bench, a_document("", "y.txt", tags=("сосна",)))
    assert [hit.snippet for hit in await hits(bench, "елка")] == ["Отчёт о **ёлках**"]
    assert "**берёзовой**" in (await hits(bench, "березовая"))[0].snippet
    assert "**сосна**" in (await hits(bench, "сосны"))[0].snippet


async def test_an_older_text_does_not_speak_for_a_newer_version(bench: Bench) -> None:
    first = a_document("а", "a.txt")
    await store(bench, first, "старинный")
    await store(bench, next_state(first).model_copy(update={"version": 2}), "новейший")
    assert await found(bench, "старинный") == []
    assert await found(bench, "новейший") == [first.document_id]


async def test_pages_follow_each_other_without_overlap(bench: Bench) -> None:
    stored = {await store(bench, a_document(f"Акт {number}", "x.txt"), f"дело {number}") for number in range(11)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await search(bench.pool, "акт", 4, cursor)
        seen += [hit.document_id for hit in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert (len(seen), set(seen)) == (11, stored)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "и в на",
        "''' \" \\",
        "a:* & b | !c <-> d",
        "((((",
        "-",
        '"',
        '-"',
        "акт\0акт",
        "\ud800",
        "x" * 10_000,
        "слово " * 2_000,
        "\U0001d400" * 3_000,
        "😀 акт",
        "%_\\",
        "-акт",
        "'; DROP TABLE views.documents; --",
        "\u202eтка",
        "\ue000 \ue001",
    ],
)
async def test_no_query_breaks_the_search(bench: Bench, query: str) -> None:
    await store(bench, a_document("Акт", "акт.txt"), "Акт \ue000 и ещё 😀 слово")
    assert len(await hits(bench, query)) <= 1


async def test_a_cursor_from_elsewhere_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidCursor):
        await search(bench.pool, "акт", 4, "bm9uc2Vuc2U")


async def test_a_large_index_is_asked_and_not_the_whole_table(bench: Bench) -> None:
    await bench.pool.execute(
        "INSERT INTO views.documents (document_id, version, attr_seq, attr_sha256, last_event, filename, stored_name,"
        " relative_path, size, media_type, sha256, title, document_class, tags, custom, retention_class,"
        " retention_start, holds, element_id, mode_at_write, mode_epoch, vclock, created_at, created_by, updated_at,"
        " updated_by, title_words, name_words, custom_words)"
        " SELECT 'd' || n, 1, 1, '', '', 'f', 'f', '', 1, 'text/plain', '', 't' || n, '', '[]', '{}', 'permanent',"
        " now(), '[]', 'e', 'edit', 1, '{}', now(), '{}', now(), '{}', 'слово' || n, 'имя', ''"
        " FROM generate_series(1, 20000) AS n"
    )
    await bench.pool.execute("ANALYZE views.documents")
    assert await found(bench, "слово777") == ["d777"]
    plan = await bench.pool.fetch(
        "EXPLAIN SELECT document_id FROM views.documents WHERE search @@ $1::text::tsquery", "'слово777'"
    )
    assert any("documents_search" in row[0] for row in plan)
