"""Documents folded from sealed attributes: the same rows from the log and from a disk."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.documents.fold import DocumentRow, VersionRow, fold, fold_received
from projections.documents.gaps import Gap, gaps
from projections.tables import kept, row_as_json
from schemas.attributes import Attributes
from schemas.errors import SealBroken
from tests.builders import a_document_committed
from tests.projecting import a_document, a_text, flipped, next_state, received

texts = st.text(max_size=40)
documents = st.builds(
    a_document,
    title=texts,
    filename=texts,
    tags=st.lists(texts, max_size=3),
    custom=st.dictionaries(
        texts,
        st.one_of(texts, st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, width=32)),
        max_size=3,
    ).map(lambda found: {name: value for name, value in found.items() if value not in (float("inf"), -float("inf"))}),
)


@given(st.lists(st.tuples(documents, st.integers(1, 4)), max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_log_and_the_newest_attribute_files_come_to_the_same_rows(
    grown: list[tuple[Attributes, int]], chance: Random
) -> None:
    histories = [_history(attributes, count) for attributes, count in grown]
    log = [state for history in histories for state in history]
    log += [state for state in log if chance.random() < 0.5]  # a log repeats itself
    from_log = kept(row for state in log for row in fold_received(received(a_document_committed(state))))
    from_disk = kept(row for history in histories for row in fold(history[-1].sealed()))
    assert _plain(from_log) == _plain(from_disk)


def _history(attributes: Attributes, count: int) -> list[Attributes]:
    history = [attributes]
    while len(history) < count:
        history.append(next_state(history[-1], title=f"{len(history)}"))
    return history


def _plain(rows: object) -> list[dict[str, object]]:
    assert isinstance(rows, list)
    return sorted((row_as_json(row) for row in rows), key=lambda row: json.dumps(row, sort_keys=True))


def test_a_lower_sequence_number_never_replaces_a_higher_one() -> None:
    first = a_document(title="первое")
    second = next_state(first, title="второе")
    rows = kept([*fold(second.sealed()), *fold(first.sealed())])
    assert [row.title for row in rows if isinstance(row, DocumentRow)] == ["второе"]


def test_each_version_keeps_a_row_of_its_own_and_the_document_shows_the_newest() -> None:
    first = a_document()
    second = next_state(first).model_copy(update={"version": 2, "supersedes": 1})
    rows = kept([*fold(first.sealed()), *fold(second.sealed())])
    assert [row.version for row in rows if isinstance(row, VersionRow)] == [1, 2]
    assert [row.version for row in rows if isinstance(row, DocumentRow)] == [2]


def test_the_seal_is_shown_as_it_stands_in_the_file() -> None:
    sealed = a_document().sealed()
    assert {row.attr_sha256 for row in fold(sealed)} == {json.loads(sealed)["attr_sha256"]}


def test_a_flipped_letter_is_noticed() -> None:
    with pytest.raises(SealBroken):
        fold(flipped(a_document().sealed()))


def test_attributes_of_another_document_than_the_event_says_are_refused() -> None:
    event = a_document_committed(a_document())
    forged = event.model_copy(update={"attr": a_document().sealed()})
    with pytest.raises(SealBroken):
        fold_received(received(forged))


def test_facts_about_a_text_are_no_document() -> None:
    assert fold_received(received(a_text(a_document(), "слово"))) == ()


def test_no_column_is_filled_by_anything_but_the_attributes() -> None:
    attributes = a_document(tags=("a",), custom={"n": 1})
    assert fold(attributes.sealed()) == fold(attributes.sealed())
    assert not DocumentRow._field_defaults


def test_a_missing_number_is_a_gap_and_repeats_are_none() -> None:
    arrivals = [("a", 1), ("a", 2), ("a", 2), ("a", 4), ("b", 3), ("c", 6)]
    assert gaps({"b": 2, "c": 4}, arrivals) == (Gap("a", 2, 4), Gap("c", 4, 6))
