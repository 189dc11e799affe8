"""The agent's decision, for every request of the table: what RFC 9110 says, and nothing outside of the document."""

from datetime import UTC, datetime

from storage_agent.conditions import Validators, asking_fields
from storage_agent.ranges import Span, Unsatisfiable
from storage_agent.selection import Decision, Failed, NotModified, Representation, Sending, decided
from tests.contracts.rfc9110.oracle import Answer, Resource, answer_to
from tests.contracts.rfc9110.table import Case, cases

NOW = datetime(2026, 11, 27, 12, 0, 9, tzinfo=UTC)
LEAST = 300


def of_size(size: int) -> Resource:
    return Resource(size, '"sha256:ab"', NOW.replace(second=0), "application/octet-stream")


def decision_on(case: Case) -> Decision:
    resource = of_size(case.size)
    stored = Representation("ab" * 32, case.size, resource.media_type, Validators(resource.etag, resource.modified))
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in case.filled(resource)]
    return decided(case.method, asking_fields(raw), stored, NOW)


def as_answer(decision: Decision) -> Answer:
    if isinstance(decision, Sending):
        spans = [(piece.first, piece.last) for piece in decision.layout if isinstance(piece, Span)]
        return Answer(decision.status, tuple(spans) if decision.status == 206 else (), len(decision.layout) > 1)
    return Answer({Unsatisfiable: 416, Failed: 412, NotModified: 304}[type(decision)])


def test_every_request_of_the_table_is_decided_as_the_rfc_says() -> None:
    table = cases()
    assert len(table) >= LEAST
    wrong = {
        case: (as_answer(decision_on(case)), expected)
        for case in table
        if as_answer(decision_on(case))
        != (expected := answer_to(case.method, case.filled(of_size(case.size)), of_size(case.size), NOW))
    }
    assert not wrong


def test_the_table_asks_for_every_kind_of_answer() -> None:
    answers = [answer_to(case.method, case.filled(of_size(case.size)), of_size(case.size), NOW) for case in cases()]
    assert {answer.status for answer in answers} == {200, 206, 304, 412, 416}
    assert sum(answer.multipart for answer in answers) > 10
