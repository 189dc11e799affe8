"""What is loaded: dealt to processes by length, and every value as the database takes it."""

import json
from typing import Any

import pytest

from projections.documents.fold import fold
from projections.loaders import ITEMS_PER_PROCESS, pieces
from projections.loading import Stretch
from projections.tables import as_json, json_bytes, states
from tests.projecting import a_document, next_state


def stretches(*lengths: int) -> list[Stretch]:
    return [Stretch(("topic", number), length, ("documents",)) for number, length in enumerate(lengths)]


def test_partitions_are_dealt_by_their_length_and_each_once() -> None:
    dealt = pieces(stretches(50, 10, 40, 30, 20), (), 0, 2)
    assert [sum(stretch.until for stretch in piece.stretches) for piece in dealt] == [80, 70]
    assert sorted(s.partition[1] for piece in dealt for s in piece.stretches) == [0, 1, 2, 3, 4]
    assert [(piece.number, piece.of) for piece in dealt] == [(0, 2), (1, 2)]


def test_little_work_is_done_by_one_process() -> None:
    assert len(pieces(stretches(ITEMS_PER_PROCESS), (), 0, None)) == 1
    assert len(pieces([], (), ITEMS_PER_PROCESS, None)) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "ё"], "вложено": {"b": ()}},
        {"a\0": ["b\0", "\ud800"]},
        {"not a NUL": "\\u0000"},
        ({"x": 2**53}, "\0"),
        [],
    ],
)
def test_json_is_encoded_to_what_the_database_takes(value: Any) -> None:
    assert json.loads(json_bytes(value)) == as_json(value)


def test_every_state_is_kept_once_the_first_of_equal_rank() -> None:
    first = a_document(title="1")
    second, other = next_state(first, title="2"), next_state(first, title="другой")
    rows = [fold(state.sealed())[0] for state in (second, first, other, first)]
    assert [row.title for row in states(rows)] == ["2", "1"]  # type: ignore[attr-defined]
