"""Lines for COPY: what is read back from them, by the rules of PostgreSQL's text format, is what the row held."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.postgres import JsonText
from projections.lines import lines_of
from schemas.envelope import Actor
from tests.builders import NOW, an_actor

SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class ARow(NamedTuple):
    """A row with a column of every kind."""

    name: str
    note: str | None
    number: int
    is_whole: bool
    at: datetime
    secret: bytes
    said: Any
    actor: Actor

    @property
    def key(self) -> tuple[object, ...]:
        return (self.name,)

    @property
    def rank(self) -> int:
        return 0


def a_row(**columns: Any) -> ARow:
    row = ARow("имя", None, 7, is_whole=True, at=NOW, secret=b"\0\xff", said={"a": 1}, actor=an_actor())
    return row._replace(**columns)


def read_back(line: str) -> list[str | None]:
    """Read one line as PostgreSQL does."""
    return [None if column == "\\N" else unescaped(column) for column in line.split("\t")]


def unescaped(column: str) -> str:
    pieces, signs = [], iter(column)
    for sign in signs:
        following = next(signs) if sign == "\\" else None
        pieces.append(sign if following is None else SIGNS.get(following, following))
    return "".join(pieces)


def only_line(row: ARow) -> list[str | None]:
    text = lines_of([row]).decode()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert "\r" not in text
    return read_back(text[:-1])


def test_every_type_has_the_text_that_postgresql_reads() -> None:
    name, note, number, is_whole, at, secret, said, actor = only_line(a_row())
    assert (name, note, number, is_whole, secret) == ("имя", None, "7", "True", "\\x00ff")
    assert datetime.fromisoformat(str(at)) == NOW
    assert (json.loads(said or ""), json.loads(actor or "")) == ({"a": 1}, an_actor().model_dump(mode="json"))


@given(st.text(), st.one_of(st.none(), st.text()))
def test_any_text_comes_back_but_for_what_no_database_takes(name: str, note: str | None) -> None:
    kept = [text if text is None else text.replace("\0", "") for text in (name, note)]
    assert only_line(a_row(name=name, note=note, said={"n": name, "o": note}))[:2] == kept


@pytest.mark.parametrize("name", ["\\N", "\\.", "\\", "\t", "a\nb", "\r\n", "\\\\n", ""])
def test_what_means_something_to_copy_is_text_all_the_same(name: str) -> None:
    for note in (None, name, "plain"):
        assert only_line(a_row(name=name, note=note))[:2] == [name, note]


def test_half_of_a_surrogate_pair_is_a_question_mark() -> None:
    assert only_line(a_row(name="a\ud800b", note="\udfff"))[:2] == ["a?b", "?"]


def test_a_time_of_any_zone_or_of_none_is_the_same_moment() -> None:
    for at in (NOW, NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=-7)))):
        assert datetime.fromisoformat(str(only_line(a_row(at=at))[4])).astimezone(UTC) == NOW


def test_json_that_is_encoded_already_goes_in_as_it_is() -> None:
    assert only_line(a_row(said=JsonText(b'{"a": "\\"\\\\", "b": 1.0}')))[6] == '{"a": "\\"\\\\", "b": 1.0}'
