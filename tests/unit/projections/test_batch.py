"""Batches: rows for what can be understood, a dead letter with its cause for what cannot, and nothing stops."""

from dataclasses import replace

from projections.batch import Batch, fold_batch, fold_for, is_ours
from projections.catalogue import DOCUMENTS, OPERATIONS, TIMELINE
from projections.documents.fold import DocumentRow
from schemas.topics import DOCUMENT_EVENT, SAGA_INBOX
from tests.builders import a_document_committed
from tests.projecting import a_document, a_text, flipped
from tests.records import ARecord, raw

PARTITION = (DOCUMENT_EVENT, 3)


def test_an_undecodable_record_becomes_a_letter_and_its_neighbours_become_rows() -> None:
    records = (
        raw(a_document_committed(a_document(title="до")), 7),
        ARecord(8, b"k", b"\0garbage", (("x", b"\xff"),)),
        ARecord(9, None, None),
        raw(a_document_committed(a_document(title="после")), 12),
    )
    folded = fold_batch(DOCUMENTS, Batch(PARTITION, 5, records))
    assert [row.title for row in folded.rows if isinstance(row, DocumentRow)] == ["до", "после"]
    garbage, empty = folded.letters
    assert (garbage.topic, garbage.key, garbage.value) == (f"{DOCUMENT_EVENT}.dlq.v1", b"k", b"\0garbage")
    assert garbage.headers["dl_cause"] == "unknown_schema"
    assert garbage.headers["dl_group"] == "projector-documents"
    assert (garbage.headers["dl_source_partition"], garbage.headers["dl_source_offset"]) == ("3", "8")
    assert empty.value == b""


def test_a_broken_seal_is_given_up_by_documents_and_still_told_by_the_timeline() -> None:
    event = a_document_committed(a_document())
    batch = Batch(PARTITION, 0, (raw(event.model_copy(update={"attr": flipped(event.attr)}), 0),))
    assert fold_batch(DOCUMENTS, batch).letters[0].headers["dl_cause"] == "seal_broken"
    assert len(fold_batch(TIMELINE, batch).rows) == 1


def test_a_record_under_another_key_is_given_up() -> None:
    record = raw(a_text(a_document(), "слово"), 0)
    batch = Batch(PARTITION, 0, (ARecord(0, b"other", record.value, record.headers),))
    assert fold_batch(DOCUMENTS, batch).letters[0].headers["dl_cause"] == "wrong_key"


def test_traces_are_kept_for_the_records_that_have_one() -> None:
    traceparent = f"00-{'1' * 32}-{'2' * 16}-01"
    records = (raw(a_document_committed(a_document()), 1, traceparent), raw(a_document_committed(a_document()), 2))
    assert fold_batch(DOCUMENTS, Batch(PARTITION, 1, records)).traces == ((1, traceparent),)


def test_the_halves_of_a_batch_join_without_a_gap() -> None:
    records = tuple(ARecord(offset) for offset in (4, 7, 8))
    halves = Batch(PARTITION, 2, records).halves()
    assert [(half.start, half.end) for half in halves] == [(2, 5), (5, 9)]
    assert [(half.start, half.end) for half in halves[1].halves()] == [(5, 8), (8, 9)]


def test_what_several_views_make_of_a_batch_together_is_what_each_makes_of_it_alone() -> None:
    records = (raw(a_document_committed(a_document()), 1, f"00-{'1' * 32}-{'2' * 16}-01"), ARecord(2, b"k", b"\0x"))
    batch = Batch(PARTITION, 1, records)
    views = (DOCUMENTS, TIMELINE)
    assert fold_for(views, batch) == [fold_batch(view, batch) for view in views]


def test_the_inbox_is_left_to_the_reader_that_decides() -> None:
    garbage = ARecord(0, b"k")
    elsewhere = replace(garbage, topic=SAGA_INBOX, partition=0)
    inbox = fold_batch(OPERATIONS, Batch((SAGA_INBOX, 0), 0, (elsewhere,))).letters[0]
    documents = fold_batch(DOCUMENTS, Batch(PARTITION, 0, (garbage,))).letters[0]
    assert (is_ours(inbox), is_ours(documents)) == (False, True)
