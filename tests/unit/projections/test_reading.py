"""Cursors: opaque, bound to their list, and never a way to break a query."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.reading import (
    Parser,
    cursor_of,
    number_part,
    page_of,
    partition_part,
    place_of,
    text_part,
    time_part,
    whole_part,
)
from schemas.errors import InvalidCursor

PARSERS = (number_part, text_part)


def test_a_cursor_leads_back_to_its_place() -> None:
    moment = datetime(2026, 11, 24, 10, 0, 0, 123456, UTC)
    assert place_of("list", cursor_of("list", (moment, "id")), (time_part, text_part)) == (moment, "id")
    assert place_of("list", cursor_of("list", (0.1 + 0.2, "id")), PARSERS) == (0.1 + 0.2, "id")


def test_no_cursor_is_the_beginning() -> None:
    assert place_of("list", None, PARSERS) == (None, None)


@given(st.text(max_size=60))
def test_any_other_text_is_an_invalid_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        place_of("list", text, PARSERS)


@pytest.mark.parametrize(
    "place",
    [("x", "id"), (1.0, 2), (1.0,), (True, "id"), (1.0, "a\0b"), (1.0, "\ud800"), (1.0, "id", 3)],
)
def test_a_place_of_another_shape_is_refused(place: tuple[object, ...]) -> None:
    with pytest.raises(InvalidCursor):
        place_of("list", cursor_of("list", place), PARSERS)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        place_of("search", cursor_of("documents", (1.0, "id")), PARSERS)


def test_a_number_too_large_for_the_log_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        place_of("list", cursor_of("list", (2**70,)), (whole_part,))


@pytest.mark.parametrize(
    ("value", "parser"),
    [
        (10**1000, number_part),
        (10**1000, whole_part),
        (2**31, partition_part),
        ("0001-01-01T00:00:00+14:00", time_part),
        ("9999-12-31T23:59:59-14:00", time_part),
    ],
)
def test_a_value_that_the_database_has_no_place_for_is_refused(value: object, parser: Parser) -> None:
    with pytest.raises(InvalidCursor):
        place_of("list", cursor_of("list", (value,)), (parser,))


def test_the_last_page_has_no_cursor() -> None:
    assert page_of([1, 2], 2, "list", lambda item: (item,)).next_cursor is None
    assert page_of([1, 2, 3], 2, "list", lambda item: (item,)).items == (1, 2)
    assert page_of([1, 2, 3], 2, "list", lambda item: (item,)).next_cursor is not None
