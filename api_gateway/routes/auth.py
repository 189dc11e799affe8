"""Signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Response

from api_gateway.dependencies import Given
from schemas.api.auth import TokenBody

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/token")
async def sign_in(
    parts: Given,
    response: Response,
    grant_type: Annotated[Literal["password"], Form()],  # noqa: ARG001 - RFC 6749 section 4.3.2 wants it said
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> TokenBody:
    """Exchange login and password for an access token (OAuth 2.0 password grant, as a form)."""
    response.headers["Cache-Control"] = "no-store"
    return await parts.sessions.sign_in(username, password)
