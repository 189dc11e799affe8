"""Digests in HTTP fields (RFC 9530): SHA-256 read from and written to Repr-Digest and Content-Digest. Pure."""

import base64
import binascii
import re

from schemas.errors import Malformed

SHA256_BYTES = 32
# Wishes as RFC 9530 section 4 has them: an integer of 0 to 10 for each algorithm, 0 for one that is not wanted.
_WISH = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=(10|[0-9])[ \t]*")
_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")


def digest_value(sha256: str) -> str:
    """Return the field's value for a hex SHA-256: `sha-256=:<base64>:`."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def etag_of(sha256: str) -> str:
    """Return the strong entity tag of bytes with this hex SHA-256."""
    return f'"sha256:{sha256}"'


def announced_sha256(*fields: str | None) -> str | None:
    """Return the hex SHA-256 that the given fields announce, or None; other algorithms are passed over.

    Malformed when a field cannot be read or two of them disagree.
    """
    found = {sha256 for field in fields if field is not None for sha256 in _sha256_of(field)}
    if len(found) > 1:
        raise Malformed("The digests in the headers contradict one another.")
    return found.pop() if found else None


def wants_sha256(field: str | None) -> bool:
    """Tell whether a Want-Repr-Digest or Want-Content-Digest leaves room for SHA-256, the one digest known here.

    It is sent unasked, and in place of what is not known; not to whoever gives it no weight. A field that cannot be
    read is as good as none.
    """
    wishes = [_WISH.fullmatch(member) for member in (field or "").split(",")]
    weights = {wish[1]: int(wish[2]) for wish in wishes if wish is not None}
    return None in wishes or weights.get("sha-256", 1) > 0


def _sha256_of(field: str) -> list[str]:
    members = [_MEMBER.fullmatch(member) for member in field.split(",")]
    digests: dict[str, bytes] = {}
    try:
        for member in members:
            if member is None:
                raise ValueError  # noqa: TRY301 - both ways of being unreadable are answered alike
            digests[member[1]] = base64.b64decode(member[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed("A digest header does not have the form `sha-256=:<base64>:` (RFC 9530).") from error
    sha256 = digests.get("sha-256")
    if sha256 is not None and len(sha256) != SHA256_BYTES:
        raise Malformed("The announced sha-256 does not have 32 bytes.")
    return [] if sha256 is None else [sha256.hex()]
