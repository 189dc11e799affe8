"""Signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response

from api_gateway.dependencies import Given
from schemas.api.auth import TokenBody

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/token")
async def sign_in(  # noqa: PLR0913, PLR0917 - the fields of the form, and who sends it
    parts: Given,
    request: Request,
    response: Response,
    grant_type: Annotated[Literal["password"], Form()],  # noqa: ARG001 - RFC 6749 section 4.3.2 wants it said
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> TokenBody:
    """Exchange login and password for an access token (OAuth 2.0 password grant, as a form)."""
    response.headers["Cache-Control"] = "no-store"
    address = request.client.host if request.client else "unknown"
    return await parts.sessions.sign_in(username, password, address)
