"""Words: one normal form for what is stored and for what is asked, of the same length."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.words import QUERY_CHARACTERS_MAX, composed, normal, normal_query


@given(st.text())
def test_the_normal_form_has_a_character_for_each_character(text: str) -> None:
    assert len(normal(text)) == len(text)


@given(st.text())
def test_what_can_be_asked_is_short_and_encodable_whatever_was_typed(text: str) -> None:
    asked = normal_query(text)
    assert len(asked.encode()) < 4 * QUERY_CHARACTERS_MAX + 1
    assert "\0" not in asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ёлка", "елка"),
        ("Договор_№5-2026.pdf", "договор  5 2026 pdf"),
        ("путь/к.файлу", "путь к файлу"),
        ("Опись и летописью", "описи и летописью"),
        ("«Пушкин»", " пушкин "),
        ("<b>Bold</b>", " b bold  b "),
    ],
)
def test_names_fall_apart_into_words(text: str, words: str) -> None:
    assert normal(text) == words


def test_a_letter_and_its_dots_typed_apart_are_one_letter() -> None:
    assert normal(composed(unicodedata.normalize("NFD", "ёлка"))) == "елка"


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ('"Тихий Дон" -Шолохов', '"тихий дон" -шолохов'),
        ("отчёт-2026", "отчет 2026"),
        ("кот or собака", "кот or собака"),
        ("a & b | !c:*", "a b c"),
        ("-- -", ""),
        ('-"два слова"', '-"два слова"'),
    ],
)
def test_a_query_keeps_phrases_minus_and_or_and_nothing_else(asked: str, query: str) -> None:
    assert normal_query(asked) == query
