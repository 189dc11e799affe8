"""What all bodies of the HTTP interface share: frozen, strict about unknown fields, lists with a cursor, problems."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Item = TypeVar("Item", bound=BaseModel)


class Body(BaseModel):
    """A request or answer body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Body, Generic[Item]):
    """One page of a list. `next_cursor` null: this is the last page."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


class ProblemField(Body):
    """One wrong place: JSON pointer (RFC 6901) and reason."""

    pointer: str
    detail: str


class Problem(Body):
    """application/problem+json (RFC 9457) with a stable `code` and the request's trace."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str
    trace_id: str | None = None
    errors: tuple[ProblemField, ...] | None = None
