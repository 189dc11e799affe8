"""The fold of fixity: of all that was told about a version the newest counts, in any order, however often it comes."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import FIXITY
from projections.fixity.fold import DamageRow, ScrubRow, fold
from projections.tables import Row, kept, row_as_json
from projections.timeline.fold import fold as fold_event
from schemas.envelope import Message
from schemas.identifiers import DocumentId, derive, new_id
from tests.builders import ELEMENT_ID, NOW, a_document_committed
from tests.projecting import a_damage, a_heartbeat, a_mending, a_pass, received

DOCUMENTS = tuple(DocumentId(new_id(NOW)) for _ in range(2))


def rows_of(*messages: Message) -> dict[tuple[object, ...], Row]:
    """What stands in the tables when all of these were put."""
    return {
        (type(row).__name__, *row.key): row for row in kept([row for each in messages for row in fold(received(each))])
    }


def test_damage_says_what_is_wrong_since_when_and_where_the_bytes_are_now() -> None:
    (row,) = fold(received(a_damage(DOCUMENTS[0], 5)))
    assert row == DamageRow(
        DOCUMENTS[0], 1, 5, ELEMENT_ID, "damaged", "body", "digest", "scrub", NOW + timedelta(microseconds=5),
        (f"{DOCUMENTS[0]}.v1.Опись.txt",),
    )  # fmt: skip
    assert row_as_json(row)["quarantined"] == [f"{DOCUMENTS[0]}.v1.Опись.txt"]


def test_mending_ends_the_damage_and_keeps_its_number_so_that_older_facts_stay_older() -> None:
    mended = rows_of(a_damage(DOCUMENTS[0], 5), a_mending(DOCUMENTS[0], 6), a_damage(DOCUMENTS[0], 5))
    (row,) = mended.values()
    assert isinstance(row, DamageRow)
    assert (row.state, row.part, row.reason, row.quarantined, row.number) == ("mended", None, None, (), 6)


def test_what_is_damaged_anew_after_it_was_mended_is_damaged() -> None:
    (row,) = rows_of(a_damage(DOCUMENTS[0], 5), a_mending(DOCUMENTS[0], 6), a_damage(DOCUMENTS[0], 7)).values()
    assert isinstance(row, DamageRow)
    assert row.state == "damaged"


def test_each_version_has_its_own_damage() -> None:
    told = rows_of(
        a_damage(DOCUMENTS[0], 5), a_damage(DOCUMENTS[0], 6, version=2), a_mending(DOCUMENTS[0], 7, version=2)
    )
    assert sorted(row.state for row in told.values() if isinstance(row, DamageRow)) == ["damaged", "mended"]


def test_the_later_pass_counts_even_where_the_numbers_began_anew() -> None:
    first, second = a_pass(ELEMENT_ID, 9), a_pass(ELEMENT_ID, 1, finished_at=NOW + timedelta(days=1), damaged=2)
    for order in ((first, second), (second, first)):
        (row,) = rows_of(*order).values()
        assert isinstance(row, ScrubRow)
        assert (row.pass_number, row.damaged, row.documents, row.bytes) == (1, 2, 41, 1000)


def test_other_records_of_the_same_topics_say_nothing_of_fixity() -> None:
    assert fold(received(a_document_committed())) == ()
    assert fold(received(a_heartbeat(ELEMENT_ID))) == ()


def test_the_trail_of_a_document_tells_its_damage_and_its_mending() -> None:
    for fact in (a_damage(DOCUMENTS[0], 5), a_mending(DOCUMENTS[0], 6)):
        (row,) = fold_event(received(fact))
        assert row_as_json(row)["document_id"] == DOCUMENTS[0]
    assert row_as_json(fold_event(received(a_damage(DOCUMENTS[0], 5)))[0])["payload"]["reason"] == "digest"


_FACTS = st.one_of(
    st.builds(a_damage, st.sampled_from(DOCUMENTS), st.integers(1, 4).map(lambda n: 2 * n), st.integers(1, 2)),
    st.builds(a_mending, st.sampled_from(DOCUMENTS), st.integers(1, 4).map(lambda n: 2 * n + 1), st.integers(1, 2)),
    st.integers(1, 4).map(lambda n: a_pass(derive("hot", "e"), 5 - n, finished_at=NOW + timedelta(seconds=n))),
)


@given(st.lists(_FACTS, max_size=12), st.data())
def test_facts_in_any_order_and_any_number_of_times_end_in_the_same_rows(
    facts: list[Message], data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*facts, *(data.draw(st.lists(st.sampled_from(facts))) if facts else [])]))
    assert rows_of(*again) == rows_of(*facts)
    # And as the database keeps them, where each batch meets what the one before has left.
    held: list[Row] = []
    for fact in again:
        held = kept([*held, *FIXITY.fold(received(fact))])
    assert {(type(row).__name__, *row.key): row for row in held} == rows_of(*facts)
