"""Search: documents by the words of their names, descriptions and texts, best first, with the place that was hit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import asyncpg

from projections.documents.snippets import (
    HEADLINE_OPTIONS,
    beginning,
    marked,
    may_hold,
    pattern_of,
    plain_words,
    words_of,
)
from projections.reading import Page, number_part, page_of, place_of, reading, text_part
from projections.words import CONFIGURATION, composed, normal, normal_query

SEARCH_SECONDS = 2.0

_ASKED = "SELECT websearch_to_tsquery($1::text::regconfig, $2)::text"
_HEADLINES = """
    SELECT ts_headline($1::text::regconfig, source.text, $2::text::tsquery, $3)
    FROM unnest($4::text[]) WITH ORDINALITY AS source (text, place) ORDER BY source.place
"""


@dataclass(frozen=True)
class Hit:
    """One document that was found. `snippet` is plain text with the words that were hit between `**`."""

    document_id: str
    version: int
    filename: str
    title: str
    snippet: str
    rank: float


async def search(pool: asyncpg.Pool, asked: str, limit: int, cursor: str | None = None) -> Page[Hit]:
    """Return documents that hold the words of `asked`, best first; a query without any word finds nothing.

    Quoted phrases, `or` and a leading minus are understood; all else is a word. InvalidCursor; DatabaseUnavailable
    also when a query takes longer than two seconds.
    """
    place = place_of("search", cursor, (number_part, text_part))
    async with reading(), pool.acquire(timeout=SEARCH_SECONDS) as connection:
        query = await connection.fetchval(_ASKED, CONFIGURATION, normal_query(asked), timeout=SEARCH_SECONDS)
        if not query:
            return Page((), None)
        found = await connection.fetch(
            _sql("search.sql"), query, plain_words(query), *place, limit + 1, timeout=SEARCH_SECONDS
        )
        page = page_of(found, limit, "search", lambda hit: (hit["rank"], hit["document_id"]))
        snippets = await _snippets(connection, query, page.items)
    hits = (_hit(record, snippet) for record, snippet in zip(page.items, snippets, strict=True))
    return Page(tuple(hits), page.next_cursor)


async def _snippets(connection: asyncpg.Connection, query: str, found: Sequence[asyncpg.Record]) -> list[str]:
    windows = await _windows(connection, query, found)
    # Where a hit may stand, the best place first: in the text, else in what is said about the document.
    places = [[windows.get(record["document_id"], ""), *_said(record)] for record in found]
    stems = words_of(query)
    # The database parses each text to find the words, so it gets only those in which one may stand.
    asked = {text: words for texts in places for text in texts if may_hold(words := normal(text), stems)}
    records = await connection.fetch(
        _HEADLINES, CONFIGURATION, query, HEADLINE_OPTIONS, list(asked.values()), timeout=SEARCH_SECONDS
    )
    shown = {text: marked(record[0], text) for record, text in zip(records, asked, strict=True)}
    return [_best([shown.get(text) for text in texts], texts) for texts in places]


async def _windows(connection: asyncpg.Connection, query: str, found: Sequence[asyncpg.Record]) -> Mapping[str, str]:
    stems = words_of(query)
    if not stems:
        return {}
    documents, numbers = [row["document_id"] for row in found], [row["version"] for row in found]
    records = await connection.fetch(_sql("windows.sql"), documents, numbers, pattern_of(stems), timeout=SEARCH_SECONDS)
    return {row["document_id"]: _whole_words(row["window"]) if row["cut"] else row["window"] for row in records}


def _whole_words(window: str) -> str:
    # The window begins anywhere, so its first word may be half a word.
    return window.partition(" ")[2] or window


def _said(record: asyncpg.Record) -> list[str]:
    values = [str(value) for value in record["custom"].values() if not isinstance(value, bool)]
    about = " · ".join(part for part in (*record["tags"], record["document_class"], *values) if part)
    return [composed(text) for text in (record["title"], record["filename"], about)]


def _best(snippets: Sequence[str | None], texts: Sequence[str]) -> str:
    hit = next((snippet for snippet in snippets if snippet), None)
    return hit or beginning(next((text for text in texts if text.strip()), ""))


def _hit(record: asyncpg.Record, snippet: str) -> Hit:
    names = ("document_id", "version", "filename", "title", "rank")
    return Hit(snippet=snippet, **{name: record[name] for name in names})


@cache
def _sql(name: str) -> str:
    return files("projections.documents").joinpath(name).read_text(encoding="utf-8")
