"""The root of the tree of errors and its four families: what `schemas.errors` grows from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One wrong place in the input: a JSON pointer (RFC 6901) and what is wrong there."""

    pointer: str
    detail: str


class ArtStoreError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        """Take the sentence for this case (default: the class's docstring), wrong fields, and when to come back."""
        self.detail = detail or (self.__doc__ or "").strip()
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)


class Rejected(ArtStoreError):
    """A rule refuses this. Read the reason; repeating the request will not help."""

    code = "rejected"
    title = "Refused by a rule"


class Transient(ArtStoreError):
    """A part is away for the moment. Repeat the request after the time in Retry-After."""

    code = "unavailable"
    title = "Temporarily unavailable"


class Corrupted(ArtStoreError):
    """Stored bytes are not what was promised. They are kept apart; tell the operator."""

    code = "corrupted"
    title = "Stored bytes are damaged"


class Malformed(ArtStoreError):
    """The input cannot be understood. Correct it and send it again."""

    code = "malformed"
    title = "Malformed input"
