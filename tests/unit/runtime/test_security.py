"""Tokens and tickets: what is signed is believed, and nothing that joserfc with strict claims refuses is accepted."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt as reference
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from infra.runtime.keys import KeyRing, SigningKey, VerifyingKey, generate_key
from infra.runtime.security import (
    AccessClaims,
    sign_ticket,
    sign_token,
    verify_ticket,
    verify_token,
)
from schemas.errors import InvalidTicket, TooLarge, Unauthenticated
from schemas.identifiers import DocumentId, TicketId, derive
from schemas.requests import Description
from schemas.ticket import DownloadTicket, UploadTicket
from tests.builders import ELEMENT_ID, NOW, a_ticket, an_upload_request

WHO = AccessClaims(subject=derive("admin", "account"), login="admin", full_name="Анна Ёлкина", role="editor")
KEY = generate_key("k1", NOW - timedelta(hours=1))
STRANGER = generate_key("k1", NOW - timedelta(hours=1))
RING = KeyRing().with_key(VerifyingKey.parse("k1", KEY.public_jwk(), KEY.active_from))
LATER = NOW + timedelta(minutes=15)
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": "artstore",
    "aud": "artstore-api",
    "sub": WHO.subject,
    "login": WHO.login,
    "name": WHO.full_name,
    "role": WHO.role,
    "iat": SECONDS,
    "exp": SECONDS + 900,
}
HEADER: dict[str, Any] = {"alg": "RS256", "typ": "at+jwt", "kid": "k1"}


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: object = HEADER, claims: object = CLAIMS, key: SigningKey = KEY) -> str:
    """Sign whatever it is with the right algorithm: the header only says something else."""
    raw = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in (header, claims)]
    signing_input = ".".join(map(part, raw))
    return f"{signing_input}.{part(_signature(key, signing_input.encode()))}"


def _signature(key: SigningKey, data: bytes) -> bytes:
    return key.private.sign(data, PKCS1v15(), SHA256())


def believed_by_reference(text: str) -> bool:
    keys = KeySet.import_key_set({"keys": [json.loads(KEY.public_jwk())]})
    wanted = reference.JWTClaimsRegistry(
        now=SECONDS,
        leeway=60,
        iss={"essential": True, "value": "artstore"},
        aud={"essential": True, "value": "artstore-api"},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        token = reference.decode(text, keys, algorithms=["RS256"])
        wanted.validate(token.claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    return token.header.get("typ") == "at+jwt"


def believed(text: str) -> bool:
    try:
        verify_token(text, RING, NOW)
    except Unauthenticated:
        return False
    return True


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


def mutated_headers() -> Iterator[tuple[str, object]]:
    for name in HEADER:
        yield f"header without {name}", without(HEADER, name)
    changes: list[dict[str, Any]] = [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"alg": "PS256"}, {"alg": ["RS256"]},
        {"typ": "JWT"}, {"typ": "artstore-ticket+jwt"}, {"typ": None},
        {"kid": "k2"}, {"kid": 1}, {"kid": None}, {"kid": ["k1"]},
        {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False},
        {"jku": "https://example.org"}, {"jwk": json.loads(STRANGER.public_jwk())},
        {"x5u": "https://example.org"}, {"x5c": ["MII"]}, {"zip": "DEF"}, {"cty": "JWT"},
    ]  # fmt: skip
    for change in changes:
        yield f"header {change}", HEADER | change
    yield "header with a name twice", b'{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"k1"}'
    yield "header list", [HEADER]
    yield "header in UTF-16", json.dumps(HEADER).encode("utf-16")


def mutated_claims() -> Iterator[tuple[str, object]]:
    for name in CLAIMS:
        yield f"claims without {name}", without(CLAIMS, name)
    changes: list[dict[str, Any]] = [
        {"exp": SECONDS}, {"exp": SECONDS - 3600}, {"exp": SECONDS + 90_000}, {"exp": str(SECONDS + 900)},
        {"exp": SECONDS + 0.5}, {"exp": True}, {"exp": 10**30}, {"exp": None},
        {"iat": SECONDS + 61}, {"iat": SECONDS - 90_000}, {"iat": str(SECONDS)}, {"iat": -1}, {"iat": 1e9},
        {"nbf": SECONDS + 61}, {"nbf": "0"}, {"nbf": None},
        {"iss": "other"}, {"iss": ["artstore"]}, {"aud": "other"}, {"aud": ["artstore-api"]}, {"aud": None},
        {"sub": 5}, {"role": None}, {"login": ["admin"]},
    ]  # fmt: skip
    for change in changes:
        yield f"claims {change}", CLAIMS | change
    text = json.dumps(CLAIMS).encode()
    yield "claims with a name twice", text[:-1] + b',"role":"administrator"}'
    yield "claims with NaN", text[:-1] + b',"x":NaN}'
    yield "claims list", [CLAIMS]
    yield "claims no JSON", b"hello"
    yield "claims not UTF-8", b'{"a":"\xff"}'
    yield "claims deep", b"[" * 5000 + b"]" * 5000


def mutated_texts() -> Iterator[tuple[str, str]]:
    good = forged()
    header, claims, signature = good.split(".")
    risen = part(json.dumps(CLAIMS | {"role": "administrator"}).encode())
    altered: dict[str, Callable[[], str]] = {
        "empty": lambda: "",
        "two parts": lambda: f"{header}.{claims}",
        "four parts": lambda: f"{good}.{signature}",
        "no signature": lambda: f"{header}.{claims}.",
        "padded signature": lambda: f"{good}==",
        "junk inside the signature": lambda: f"{header}.{claims}.{signature[:9]}\n{signature[9:]}",
        "junk letters": lambda: f"{header}.{claims}.!{signature}",
        "space in front": lambda: f" {good}",
        "standard alphabet": lambda: f"{header}.{claims}.{signature.replace('-', '+').replace('_', '/')}",
        "cut signature": lambda: good[:-4],
        "another letter at the end of the claims": lambda: (
            f"{header}.{claims[:-1]}{'A' if claims[-1] != 'A' else 'B'}.{signature}"
        ),
        "not ASCII": lambda: f"{header}.{claims}.ж",
        "very long": lambda: forged(claims=CLAIMS | {"x": "a" * 10_000}),
        "another key's signature": lambda: forged(key=STRANGER),
        "payload swapped": lambda: f"{header}.{risen}.{signature}",
    }
    for name, make in altered.items():
        yield name, make()


MUTANTS = [
    *((name, forged(header=header)) for name, header in mutated_headers()),
    *((name, forged(claims=claims)) for name, claims in mutated_claims()),
    *mutated_texts(),
]


def test_a_token_tells_who_carries_it_and_joserfc_agrees() -> None:
    text = sign_token(KEY, WHO, NOW, LATER)
    assert verify_token(text, RING, NOW) == WHO
    assert believed_by_reference(text)
    assert believed(forged())


@pytest.mark.parametrize("text", [text for _, text in MUTANTS], ids=[name[:40] for name, _ in MUTANTS])
def test_an_altered_token_is_refused(text: str) -> None:
    assert not believed(text)


def test_nothing_is_believed_that_joserfc_with_strict_claims_refuses() -> None:
    candidates = [forged(), sign_token(KEY, WHO, NOW, LATER), *(text for _, text in MUTANTS)]
    verdicts = [(believed(text), believed_by_reference(text)) for text in candidates]
    assert (True, False) not in verdicts
    assert (True, True) in verdicts
    assert len(candidates) > 40


def test_tokens_end_when_they_say_and_never_before_their_key_begins() -> None:
    text = sign_token(KEY, WHO, NOW, LATER)
    assert believed(text)
    for moment in (LATER + timedelta(seconds=1), NOW - timedelta(seconds=62)):
        with pytest.raises(Unauthenticated):
            verify_token(text, RING, moment)
    young = KeyRing().with_key(VerifyingKey.parse("k1", KEY.public_jwk(), NOW + timedelta(seconds=62)))
    with pytest.raises(Unauthenticated, match="older than its key"):
        verify_token(text, young, NOW)


def test_an_upload_ticket_comes_back_as_it_was_signed() -> None:
    description = Description(title="Ёлка", tags=("ж",), custom={"n": 7, "ok": True, "f": 1.0, "s": "1"})
    ticket = a_ticket(an_upload_request(description=description))
    text = sign_ticket(KEY, ticket, NOW, ticket.deadline_at_max)
    assert verify_ticket(UploadTicket, text, RING, ELEMENT_ID, NOW) == ticket
    again = verify_ticket(UploadTicket, text, RING, ELEMENT_ID, NOW).description.custom
    assert [type(value) for value in again.values()] == [int, bool, float, str]


def test_a_ticket_is_worth_nothing_elsewhere_otherwise_or_later() -> None:
    ticket = a_ticket()
    text = sign_ticket(KEY, ticket, NOW, ticket.deadline_at_max)
    with pytest.raises(InvalidTicket, match="another recipient"):
        verify_ticket(UploadTicket, text, RING, derive("other", "element"), NOW)
    with pytest.raises(InvalidTicket):
        verify_ticket(DownloadTicket, text, RING, ELEMENT_ID, NOW)
    with pytest.raises(InvalidTicket, match="expired"):
        verify_ticket(UploadTicket, text, RING, ELEMENT_ID, ticket.deadline_at_max + timedelta(seconds=2))
    with pytest.raises(InvalidTicket, match="another kind"):
        verify_ticket(UploadTicket, sign_token(KEY, WHO, NOW, LATER), RING, ELEMENT_ID, NOW)
    with pytest.raises(Unauthenticated):
        verify_token(text, RING, NOW)
    with pytest.raises(InvalidTicket, match="lives too long"):
        verify_ticket(UploadTicket, sign_ticket(KEY, ticket, NOW, NOW + timedelta(hours=49)), RING, ELEMENT_ID, NOW)


def test_a_download_ticket_opens_one_document_for_a_minute() -> None:
    ticket = DownloadTicket(
        ticket_id=TicketId(derive("t", "ticket")),
        document_id=DocumentId(derive("d", "document")),
        document_version=1,
        element_id=ELEMENT_ID,
        subject=WHO.subject,
    )
    text = sign_ticket(KEY, ticket, NOW, NOW + timedelta(seconds=60))
    assert verify_ticket(DownloadTicket, text, RING, ELEMENT_ID, NOW) == ticket
    with pytest.raises(InvalidTicket):
        verify_ticket(UploadTicket, text, RING, ELEMENT_ID, NOW)


def test_four_kilobytes_of_cyrillic_fit_into_a_ticket_and_five_thousand_letters_do_not() -> None:
    fits = a_ticket(an_upload_request(description=Description(title="ж" * 1000, tags=("ё" * 1000,))))
    text = sign_ticket(KEY, fits, NOW, fits.deadline_at_max)
    assert "ж".encode() in base64.urlsafe_b64decode(text.split(".")[1] + "==")
    with pytest.raises(TooLarge, match="7168"):
        sign_ticket(KEY, a_ticket(an_upload_request(description=Description(title="ж" * 5000))), NOW, LATER)
