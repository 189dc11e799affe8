"""Bodies of signing in."""

from schemas.api.body import Body


class TokenBody(Body):
    """200 of `POST /api/v1/auth/token`. `expires_in` in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word, not a secret
    expires_in: int
