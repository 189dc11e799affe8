"""The ledger of tickets: what became of each, with its answer, kept past the ticket's expiry."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.api.uploads import Receipt
from schemas.ticket import UploadTicket

GRACE = timedelta(days=1)
# `AbandonUpload` does not say when its ticket expires. The mark is small and rare: it stays longer than any ticket.
ABANDONED_KEPT = timedelta(days=90)


class Answered(BaseModel):
    """What all answers have: the ticket, and the time after which nobody can present it any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket_id: str
    expires_at: datetime


class Creation(BaseModel):
    """What a client of tus said of an upload as it made it: told by HEAD as it was given, and not used otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metadata: str | None = None
    concat: str | None = None


class CommittedAnswer(Answered):
    """The ticket's document is committed; a repeated PUT gets this receipt."""

    kind: Literal["committed"] = "committed"
    receipt: Receipt
    creation: Creation | None = None


class RefusedAnswer(Answered):
    """Policy refused the ticket's content; a repeated PUT gets the same sentence."""

    kind: Literal["refused"] = "refused"
    detail: str
    problem: str


class AbandonedAnswer(Answered):
    """The upload was given up; a later PUT is refused."""

    kind: Literal["abandoned"] = "abandoned"
    last_refusal: str | None = None


Answer = Annotated[CommittedAnswer | RefusedAnswer | AbandonedAnswer, Field(discriminator="kind")]


class Ledger:
    """Answers by ticket. The first answer of a ticket stays; a ticket is never spent twice."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._answers: dict[str, Answer] = {answer.ticket_id: answer for answer in answers}

    def get(self, ticket_id: str) -> Answer | None:
        """Return the ticket's answer, or None while it is not spent."""
        return self._answers.get(ticket_id)

    def record(self, answer: Answer) -> None:
        """Keep `answer` unless the ticket has one."""
        self._answers.setdefault(answer.ticket_id, answer)

    def forget_expired(self, now: datetime) -> None:
        """Drop what no valid ticket can ask for any more."""
        self._answers = {key: answer for key, answer in self._answers.items() if answer.expires_at > now}

    def answers(self) -> tuple[Answer, ...]:
        """Return all answers, in the order in which they were given."""
        return tuple(self._answers.values())


def expiry(ticket: UploadTicket) -> datetime:
    """Return until when the ledger keeps the ticket's answer."""
    return ticket.deadline_at_max + GRACE
