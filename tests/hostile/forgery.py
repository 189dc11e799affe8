"""Forged tokens and tickets: what attackers send, made from one that is genuine."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.runtime.keys import SigningKey, generate_key
from tests.builders import NOW

SECONDS = int(NOW.timestamp())
Json = dict[str, Any]


@cache
def stranger() -> SigningKey:
    """Return a key that no installation has registered."""
    return generate_key("stranger", NOW)


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Genuine:
    """A token that is believed: `other_typ` and `other_audience` are those of what it is not."""

    key: SigningKey
    header: Json
    claims: Json
    other_typ: str
    other_audience: str

    @classmethod
    def of(cls, text: str, key: SigningKey, other_typ: str, other_audience: str) -> "Genuine":
        """Take apart what the gateway has signed."""
        header, claims = (json.loads(base64.urlsafe_b64decode(each + "==")) for each in text.split(".")[:2])
        return cls(key, header, claims, other_typ, other_audience)

    def text(self, header: Json | None = None, claims: object = None, key: SigningKey | None = None) -> str:
        """Return a well signed token; the changes stand in its header and claims. None as a value drops a name."""
        body = claims if isinstance(claims, bytes | list) else _changed(self.claims, claims)
        signing = self.signing_input(_changed(self.header, header), body)
        return f"{signing}.{part((key or self.key).private.sign(signing.encode(), PKCS1v15(), SHA256()))}"

    def signing_input(self, header: Json, claims: object = None) -> str:
        raw = claims if isinstance(claims, bytes) else json.dumps(self.claims if claims is None else claims).encode()
        return f"{part(json.dumps(header).encode())}.{part(raw)}"


def _changed(value: Json, changes: object) -> Json:
    assert changes is None or isinstance(changes, dict)
    return {name: item for name, item in (value | (changes or {})).items() if item is not None}


def forgeries(genuine: Genuine) -> dict[str, str]:
    """Return forged texts by what is wrong with them."""
    return dict((*_unsigned(genuine), *_wrong_keys(genuine), *_headers(genuine), *_claims(genuine), *_texts(genuine)))


def _unsigned(genuine: Genuine) -> Iterator[tuple[str, str]]:
    signature = genuine.text().rsplit(".", 1)[1]
    for name in ("none", "None", "nOnE", ""):
        yield f"alg {name!r}, no signature", f"{genuine.signing_input(genuine.header | {'alg': name})}."
    yield "alg none with a signature", f"{genuine.signing_input(genuine.header | {'alg': 'none'})}.{signature}"
    public = genuine.key.private.public_key()
    secrets = {
        "the public key as PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "the public key as PKCS#1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "the public key as DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "the public key as JWK": genuine.key.public_jwk().encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        signing = genuine.signing_input(genuine.header | {"alg": "HS256"})
        mac = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
        yield f"HS256 with {name}", f"{signing}.{part(mac)}"


def _wrong_keys(genuine: Genuine) -> Iterator[tuple[str, str]]:
    yield "another key under the known kid", genuine.text(key=stranger())
    for kid in ("stranger", "../../etc/passwd", "' OR 1=1 --", "", [genuine.key.kid], 7, None):
        yield f"kid {kid!r}", genuine.text({"kid": kid}, key=stranger())
    jwk = json.loads(stranger().public_jwk())
    yield "its own key in the header", genuine.text({"jwk": jwk}, key=stranger())
    yield "an address of its key", genuine.text({"jku": "https://attacker.example/keys"}, key=stranger())
    yield "a certificate of its own", genuine.text({"x5c": ["MIIB"]}, key=stranger())


def _headers(genuine: Genuine) -> Iterator[tuple[str, str]]:
    for algorithm in ("RS384", "RS512", "ES256", "EdDSA"):
        yield f"{algorithm} over an RS256 signature", genuine.text({"alg": algorithm})
    signing = genuine.signing_input(genuine.header | {"alg": "PS256"}).encode()
    pss = genuine.key.private.sign(signing, PSS(MGF1(SHA256()), 32), SHA256())
    yield "PS256, truly signed", f"{signing.decode()}.{part(pss)}"
    signing = genuine.signing_input(genuine.header | {"alg": "RS512"}).encode()
    yield "RS512, truly signed", f"{signing.decode()}.{part(genuine.key.private.sign(signing, PKCS1v15(), SHA512()))}"
    for crit in (["exp"], [], ["b64"]):
        yield f"crit {crit}", genuine.text({"crit": crit, "b64": False if crit == ["b64"] else None})
    for typ in (None, "JWT", genuine.other_typ, genuine.header["typ"].upper()):
        yield f"typ {typ}", genuine.text({"typ": typ})
    yield "compressed", genuine.text({"zip": "DEF"})


def _claims(genuine: Genuine) -> Iterator[tuple[str, str]]:
    changes: list[Json] = [
        {"iat": SECONDS + 3600, "exp": SECONDS + 3660},
        {"nbf": SECONDS + 3600},
        {"iat": SECONDS - 900, "exp": SECONDS - 1},
        {"exp": SECONDS},
        {"exp": None},
        {"exp": str(SECONDS + 60)},
        {"exp": SECONDS + 60.5},
        {"exp": True},
        {"exp": SECONDS + 10 * 365 * 86_400},
        {"iat": None},
        {"iat": SECONDS - 3 * 86_400},
        {"iat": 0, "exp": SECONDS + 60},
        {"iss": "another"},
        {"iss": None},
        {"aud": genuine.other_audience},
        {"aud": [genuine.claims["aud"]]},
        {"aud": [genuine.claims["aud"], genuine.other_audience]},
        {"aud": None},
        {"aud": "*"},
    ]
    for change in changes:
        told = {name: "of another" if name == "aud" and value == genuine.other_audience else value
                for name, value in change.items()}  # fmt: skip
        yield f"claims {told}", genuine.text(claims=change)
    text = json.dumps(genuine.claims).encode()
    yield "a claim twice", genuine.text(claims=text[:-1] + b',"exp":%d}' % (SECONDS + 60))
    yield "NaN among the claims", genuine.text(claims=text[:-1] + b',"x":NaN}')
    yield "claims in a list", genuine.text(claims=[genuine.claims])
    yield "claims that are no JSON", genuine.text(claims=b"sudo")


def _texts(genuine: Genuine) -> Iterator[tuple[str, str]]:
    good = genuine.text()
    header, claims, signature = good.split(".")
    other = genuine.text(claims={"iat": SECONDS - 1}).rsplit(".", 1)[1]
    longer = part(json.dumps(genuine.claims | {"exp": SECONDS + 599}).encode())
    yield "claims exchanged", f"{header}.{longer}.{signature}"
    yield "another token's signature", f"{header}.{claims}.{other}"
    yield "signature cut", good[:-8]
    yield "two parts", f"{header}.{claims}"
    yield "no signature", f"{header}.{claims}."
    yield "four parts", f"{good}.{signature}"
    yield "padded", f"{good}=="
    yield "another spelling", f"{header}.{claims}.{signature[:-1]}{_sibling(signature[-1])}"
    yield "JSON serialization", json.dumps({"protected": header, "payload": claims, "signature": signature})
    yield "too long", genuine.text(claims={"x": "a" * 8000})
    yield "no token at all", "sudo"


def _sibling(letter: str) -> str:
    """Return a letter that differs only in bits that a lenient decoder drops."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return letters[letters.index(letter) ^ 1]
