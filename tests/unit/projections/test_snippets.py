"""Snippets: cut from the normal form, shown in the letters of the original."""

import re

import pytest

from projections.documents.snippets import (
    START,
    STOP,
    beginning,
    marked,
    may_hold,
    pattern_of,
    plain_words,
    words_of,
)


def test_the_original_letters_come_back_around_the_hit() -> None:
    original = "Под Ёлкой стоял\nчёрный ящик."
    headline = f"под {START}елкой{STOP} стоял черный"
    assert marked(headline, original) == "Под **Ёлкой** стоял чёрный"


def test_two_hits_are_both_marked() -> None:
    assert marked(f"{START}a{STOP} b {START}c{STOP}", "A B C") == "**A** B **C**"


@pytest.mark.parametrize(
    ("words", "stems", "may"),
    [
        ("описи фонда", ("опис",), True),
        ("многие studies", ("studi",), True),
        ("о елках", ("ёлк",), True),
        ("просто текст", ("опис", "елк"), False),
        ("", ("опис",), False),
        ("просто текст", (), True),
    ],
)
def test_only_texts_in_which_a_word_may_stand_are_parsed_for_it(words: str, stems: tuple[str, ...], may: bool) -> None:  # noqa: FBT001 - a column of the table
    assert may_hold(words, stems) is may


def test_no_hit_is_no_snippet() -> None:
    assert marked("просто текст", "Просто текст") is None


def test_a_headline_that_is_not_from_here_is_shown_as_it_is() -> None:
    assert marked(f"x {START}y{STOP}", "совсем другое") == "x **y**"


@pytest.mark.parametrize(
    ("query", "stems"),
    [("'отчет' & 'год'", ("отчет", "год")), ("'a' & !'b'", ("a",)), ("'тих' <-> 'дон'", ("тих", "дон")), ("!'a'", ())],
)
def test_stems_are_read_from_a_query_without_those_excluded(query: str, stems: tuple[str, ...]) -> None:
    assert words_of(query) == stems


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("'a' & 'b'", ("'a'", "'b'")),
        ("'a' & 'b' & 'a'", ("'a'", "'b'")),
        ("'a'", ()),
        ("'a' | 'b'", ()),
        ("'a' & !'b'", ()),
        ("'a' <-> 'b'", ()),
    ],
)
def test_only_a_plain_list_of_words_may_be_spread_over_places(query: str, words: tuple[str, ...]) -> None:
    assert plain_words(query) == words


def test_the_pattern_finds_the_beginning_of_a_word_in_any_letters() -> None:
    pattern = pattern_of(["елк"]).removeprefix(r"\m")
    assert re.search(pattern, "ЁЛКА")
    assert re.search(pattern, "ёлкой")


def test_the_beginning_ends_at_a_word() -> None:
    assert beginning("раз два три", 8) == "раз два…"
    assert beginning("раз\n два", 80) == "раз два"
