"""Signatures verified once: with them remembered every answer is what it is without, whatever happens in between."""

from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from infra.runtime.keys import KeyRing, SigningKey, VerifyingKey, generate_key
from infra.runtime.security import SignedTexts, sign_ticket, verify_ticket
from schemas.errors import InvalidTicket
from schemas.identifiers import DocumentId, ElementId, TicketId, derive
from schemas.ticket import DownloadTicket, UploadTicket
from tests.builders import ELEMENT_ID, NOW, a_ticket, an_upload_request

LETTERS_MAX = 6_000
ELEMENTS = (ELEMENT_ID, ElementId(derive("another", "element")))
ISSUERS = ("artstore", "somebody")
SINCE = NOW - timedelta(days=1)
KEY, STRANGER, NEXT = (generate_key(kid, SINCE) for kid in ("k1", "k1", "k2"))


def verifying(key: SigningKey, since: datetime = SINCE) -> VerifyingKey:
    return VerifyingKey.parse(key.kid, key.public_jwk(), since)


RINGS = (
    KeyRing({"k1": verifying(KEY)}),
    KeyRing({"k1": verifying(KEY), "k2": verifying(NEXT)}),
    KeyRing({"k2": verifying(NEXT)}),
    KeyRing({"k1": verifying(STRANGER)}),
    KeyRing({"k1": verifying(KEY, NOW + timedelta(hours=1))}),
    KeyRing(),
    KeyRing({"k1": verifying(KEY)}).with_retired("k1", NOW),
)


def a_download(key: SigningKey, seconds: int) -> str:
    ticket = DownloadTicket(
        ticket_id=TicketId(derive("t", str(seconds))),
        document_id=DocumentId(derive("d", "1")),
        document_version=1,
        element_id=ELEMENT_ID,
        subject="reader",
    )
    return sign_ticket(key, ticket, NOW, NOW + timedelta(seconds=seconds))


def an_upload() -> str:
    return sign_ticket(KEY, a_ticket(an_upload_request()), NOW, NOW + timedelta(hours=1))


GOOD = (a_download(KEY, 60), a_download(KEY, 120), a_download(NEXT, 60), a_download(STRANGER, 60), an_upload())
TEXTS = (*GOOD, GOOD[0][:-4] + "AAAA", GOOD[0].rpartition(".")[0] + "." + GOOD[1].rpartition(".")[2], "", "x" * 8_000)
# Often what was believed a moment ago, and then one thing changed.
STEPS = st.tuples(
    st.sampled_from((*TEXTS, *[GOOD[0]] * 9)),
    st.sampled_from((*RINGS, *[RINGS[0]] * 5)),
    st.sampled_from((*ELEMENTS, *[ELEMENT_ID] * 4)),
    st.sampled_from((*ISSUERS, *["artstore"] * 4)),
    st.sampled_from((-90, 0, 0, 0, 0, 59, 62, 130)),
    st.sampled_from((True, True, True, False)),
)
Step = tuple[str, KeyRing, ElementId, str, int, bool]


def answer(step: Step, known: SignedTexts | None) -> UploadTicket | DownloadTicket | str:
    text, ring, element_id, issuer, seconds, download = step
    now = NOW + timedelta(seconds=seconds)
    try:
        if download:
            return verify_ticket(DownloadTicket, text, ring, element_id, now, issuer=issuer, known=known)
        return verify_ticket(UploadTicket, text, ring, element_id, now, issuer=issuer, known=known)
    except InvalidTicket as refused:
        return refused.detail


@settings(max_examples=50, phases=(Phase.generate,))
@given(st.lists(STEPS, min_size=8, max_size=25))
def test_every_answer_is_the_same_with_and_without_what_is_remembered(steps: list[Step]) -> None:
    known = SignedTexts(LETTERS_MAX)
    for step in steps:
        assert answer(step, known) == answer(step, None)


def test_a_signature_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = SignedTexts(LETTERS_MAX)
    ticket = answer((GOOD[0], RINGS[0], ELEMENT_ID, "artstore", 0, True), known)
    monkeypatch.setattr("infra.runtime.security.jws", None)
    assert answer((GOOD[0], RINGS[1], ELEMENT_ID, "artstore", 1, True), known) == ticket


@pytest.mark.parametrize(
    ("ring", "seconds", "why"),
    [
        (RINGS[2], 0, "its key is not known"),
        (RINGS[6], 0, "its key is retired. Ask the gateway for a new one"),
        (RINGS[3], 0, "its signature is wrong"),
        (RINGS[4], 0, "older than its key"),
        (RINGS[0], 61, "expired"),
    ],
    ids=["key taken away", "key retired", "key replaced", "key believed from later on", "time is up"],
)
def test_what_was_believed_a_moment_ago_is_refused_at_once(ring: KeyRing, seconds: int, why: str) -> None:
    known = SignedTexts(LETTERS_MAX)
    assert isinstance(answer((GOOD[0], RINGS[0], ELEMENT_ID, "artstore", 0, True), known), DownloadTicket)
    refused = answer((GOOD[0], ring, ELEMENT_ID, "artstore", seconds, True), known)
    assert isinstance(refused, str)
    assert why in refused
