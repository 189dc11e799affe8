"""What the archive answers, read back: bodies as the language's classes, problems as the errors they were."""

import json
from collections.abc import Iterator, Mapping
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from schemas.api.body import Problem
from schemas.errors import ArtStoreError, Corrupted, FieldError, InvalidRequest, Malformed, Rejected, Transient

Parsed = TypeVar("Parsed", bound=BaseModel)

SERVER_FAULT = 500
# 502 and 504 come from a proxy in front of the archive, and mean that the archive itself was not reached.
PASSING = frozenset({429, 502, 503, 504})


def parsed(kind: type[Parsed], response: httpx2.Response) -> Parsed:
    """Return the body as `kind`; fields of later releases are ignored. Malformed when it is no such body."""
    try:
        return kind.model_validate_json(response.content, extra="ignore")
    except ValidationError as error:
        detail = f"{response.request.url} does not answer as the archive does; is another program at this address?"
        raise Malformed(detail) from error


def valid(kind: type[Parsed], **fields: object) -> Parsed:
    """Return a body made of what was typed. InvalidRequest names every wrong field."""
    try:
        return kind(**fields)
    except ValidationError as error:
        wrong = [FieldError("/" + "/".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        raise InvalidRequest(errors=wrong) from None


def error_of_response(response: httpx2.Response) -> ArtStoreError:
    """Return the error that `response` (4xx or 5xx, its body read) carries, Retry-After in whole seconds kept."""
    return error_of_problem(_problem_in(response), _seconds(response.headers.get("Retry-After")))


def error_of_problem(problem: Problem, retry_after_seconds: int | None = None) -> ArtStoreError:
    """Return the error of the tree with this problem's code; a code of a later release becomes its family's error."""
    known = _classes().get(problem.code)
    kind = known or _family(problem.status)
    hint = "" if known else f" [{problem.code}]"
    trace = f" (trace {problem.trace_id})" if problem.trace_id else ""
    fields = [FieldError(field.pointer, field.detail) for field in problem.errors or ()]
    return kind(f"{problem.detail}{hint}{trace}", errors=fields, retry_after_seconds=retry_after_seconds)


def _problem_in(response: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        detail = f"{response.request.url} answered {response.status_code} {response.reason_phrase}."
        code = f"http_{response.status_code}"
        return Problem(type="about:blank", title="", status=response.status_code, detail=detail, code=code)


def _family(status: int) -> type[ArtStoreError]:
    if status in PASSING:
        return Transient
    return Corrupted if status >= SERVER_FAULT else Rejected


def _classes() -> Mapping[str, type[ArtStoreError]]:
    return {kind.code: kind for kind in _below(ArtStoreError)}


def _below(kind: type[ArtStoreError]) -> Iterator[type[ArtStoreError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _seconds(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None


def error_as_json(error: ArtStoreError | OSError, about: str = "") -> str:
    """Return the error as one JSON line, for programs that read the command's stderr; `about` names the file."""
    if isinstance(error, OSError):
        told: dict[str, object] = {
            "code": "os_error",
            "title": "The disk says no",
            "detail": error.strerror or str(error),
        }
    else:
        fields = [{"pointer": field.pointer, "detail": field.detail} for field in error.errors]
        told = {"code": error.code, "title": error.title, "detail": error.detail, "errors": fields}
    return json.dumps({**({"about": about} if about else {}), **told}, ensure_ascii=False)


def error_as_text(error: ArtStoreError) -> str:
    """Return the error for people: title, sentence, and the wrong places one a line."""
    return "\n".join([f"{error.title}: {error.detail}", *(f"  {item.pointer}: {item.detail}" for item in error.errors)])
