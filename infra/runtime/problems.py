"""Errors as HTTP: the one table from the error tree to status codes, and problem+json (RFC 9457) for every error."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from infra.runtime.telemetry import current_trace_id
from schemas import errors
from schemas.errors import ArtStoreError, FieldError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

FAMILIES: Mapping[type[ArtStoreError], int] = {
    errors.Rejected: 409,
    errors.Transient: 503,
    errors.Corrupted: 500,
    errors.Malformed: 400,
}

STATUSES: Mapping[type[ArtStoreError], int] = {
    errors.InvalidCredentials: 401,
    errors.Unauthenticated: 401,
    errors.InvalidTicket: 401,
    errors.PermissionDenied: 403,
    errors.UnsignedRequest: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.UploadAbandonedError: 410,
    errors.LengthRequired: 411,
    errors.PreconditionFailed: 412,
    errors.TusVersionUnsupported: 412,
    errors.TooLarge: 413,
    errors.TypeRefused: 415,
    errors.UnsupportedMediaType: 415,
    errors.RangeNotSatisfiable: 416,
    errors.SizeMismatch: 422,
    errors.DigestMismatch: 422,
    errors.IdempotencyKeyReused: 422,
    errors.InvalidRequest: 422,
    errors.ModeForbids: 423,
    errors.UploadLocked: 423,
    errors.TooManyAttempts: 429,
    errors.BusyWithYou: 429,
    errors.HeadersTooLarge: 431,
    # Of the tus protocol's own; its other statuses are those of HTTP.
    errors.ChecksumMismatch: 460,
    errors.InsufficientStorage: 507,
    errors.ConfigurationInvalid: 500,
}

# What the framework refuses by itself, said in our words where we have them.
FRAMEWORK: Mapping[int, type[ArtStoreError]] = {
    400: errors.Malformed,
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    411: errors.LengthRequired,
    412: errors.PreconditionFailed,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
    416: errors.RangeNotSatisfiable,
    422: errors.InvalidRequest,
    503: errors.Transient,
}


def status_of(error: ArtStoreError) -> int:
    """Return the HTTP status of an error: of its class if the table has it or a parent, else of its family."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
        if kind in FAMILIES:
            return FAMILIES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_body(error: ArtStoreError, instance: str) -> dict[str, object]:
    """Build the problem as a JSON object; `instance` is the path of the request."""
    return _body(error.code, error.title, status_of(error), error.detail, instance, error.errors)


def problem_response(error: ArtStoreError, instance: str) -> Response:
    """Build the answer for `error`, with Retry-After for what may pass and WWW-Authenticate for who must sign in."""
    return _response(problem_body(error, instance), _headers(error))


def install_problem_handlers(app: Starlette) -> None:
    """Make every error of `app` (FastAPI or Starlette) a problem: ours, the framework's, and the unexpected."""
    app.add_exception_handler(ArtStoreError, _on_ours)
    app.add_exception_handler(HTTPException, _on_framework)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_unexpected)


def _headers(error: ArtStoreError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(error, errors.Transient) or error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds or RETRY_AFTER_SECONDS)
    if status_of(error) == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def _on_ours(request: Request, error: Exception) -> Response:
    return problem_response(cast("ArtStoreError", error), request.url.path)


async def _on_framework(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    headers = dict(refused.headers or {})
    kind = FRAMEWORK.get(refused.status_code)
    if kind is not None:
        ours = kind()
        body = problem_body(ours, request.url.path) | {"status": refused.status_code}
        return _response(body, _headers(ours) | headers)
    phrase = HTTPStatus(refused.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    body = _body(code, phrase, refused.status_code, str(refused.detail), request.url.path, ())
    return _response(body, headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    wrong = cast("RequestValidationError", error).errors()
    fields = tuple(FieldError(_pointer(item["loc"]), str(item["msg"])) for item in wrong)
    return problem_response(errors.InvalidRequest(errors=fields), request.url.path)


async def _on_unexpected(request: Request, _error: Exception) -> Response:
    # The server's own handler logs the traceback; the client gets a trace id to ask about, and no internals.
    detail = "Something went wrong inside. Tell the operator the trace id."
    return _response(_body("internal", "Internal error", 500, detail, request.url.path, ()), {})


def _body(  # noqa: PLR0913, PLR0917 - the members of RFC 9457
    code: str, title: str, status: int, detail: str, instance: str, wrong: tuple[FieldError, ...]
) -> dict[str, object]:
    body: dict[str, object] = {
        "type": f"urn:artstore:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "trace_id": current_trace_id(),
    }
    if wrong:
        body["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in wrong]
    return body


def _response(body: dict[str, object], headers: Mapping[str, str]) -> Response:
    status = cast("int", body["status"])
    # Names of a client's own may hold half a surrogate pair, which UTF-8 has no form for: never a reason to fail.
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(text, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Build a JSON pointer into the body (`/tags/0`); for other places their name first (`query/limit`)."""
    place, *rest = location
    path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return path if place == "body" else f"{place}{path}"
