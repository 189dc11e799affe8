"""Bodies of signing keys, for administrators."""

from datetime import datetime

from schemas.api.body import Body


class KeyBody(Body):
    """A key that signs tokens, tickets and links, or did. Nothing of a key with `retired_at` is believed any more."""

    kid: str
    active_from: datetime
    in_use: bool
    retired_at: datetime | None = None


class RetirementBody(Body):
    """`POST /api/v1/keys/{kid}/retire`. `replace`: the key in use may be retired, a new one takes its place."""

    replace: bool = False
